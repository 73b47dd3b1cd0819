/**
 * Runs a plan as a job array of a real Slurm installation: munged, slurmctld and slurmd on the current machine, as
 * root, in a new folder. Canceled work is not repeated automatically, and `status --missing` submits the work again.
 * The test is a part of `npm run test:faults`.
 */

import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from './children.js'

const isAsked = process.env.ANTIGRAD_TEST_FAULTS !== undefined
const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch']
const missing = programs.filter((name) => spawnSync(name, ['--version']).error !== undefined)
const isThere = missing.length === 0 && process.getuid?.() === 0
if (isAsked && !isThere) {
  console.warn(
    `antigrad: no Slurm here (${missing.join(', ') || 'not root'}; apt-get install slurm-wlm): it is not tried`,
  )
}

const cli = join(home, 'dist/command-line/cli.js')
let folder: string
const run = (command: string, ...args: string[]) =>
  spawnSync(command, args, {
    ...{ encoding: 'utf8', cwd: folder, timeout: 120_000 },
    env: { ...process.env, SLURM_CONF: join(folder, 'slurm.conf') },
  })
const antigrad = (...args: string[]) => run(process.execPath, cli, ...args)

describe.skipIf(!isAsked || !isThere)('the scheduler Slurm', () => {
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'antigrad-slurm-'))
    chmodSync(folder, 0o755)
    for (const name of ['state', 'spool']) mkdirSync(join(folder, name))
    writeFileSync(join(folder, 'munge.key'), randomBytes(1024), { mode: 0o400 })
    const host = hostname().split('.')[0]
    const at = (name: string) => join(folder, name)
    writeFileSync(
      at('slurm.conf'),
      `ClusterName=antigrad
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=${at('munge.sock')}
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SchedulerType=sched/builtin
StateSaveLocation=${at('state')}
SlurmdSpoolDir=${at('spool')}
SlurmctldPidFile=${at('slurmctld.pid')}
SlurmdPidFile=${at('slurmd.pid')}
SlurmctldLogFile=${at('slurmctld.log')}
SlurmdLogFile=${at('slurmd.log')}
SlurmctldPort=${20_000 + (process.pid % 10_000)}
SlurmdPort=${30_000 + (process.pid % 10_000)}
ReturnToService=2
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName=${host} NodeAddr=127.0.0.1 CPUs=1 State=UNKNOWN
PartitionName=all Nodes=${host} Default=YES MaxTime=INFINITE State=UP
`,
    )
    const munge = ['key-file=munge.key', 'socket=munge.sock', 'pid-file=munge.pid', 'log-file=munge.log']
    const options = [...munge, 'seed-file=munge.seed'].map((one) => `--${one.replace('=', `=${folder}/`)}`)
    for (const [command, ...args] of [
      ['munged', ...options, '--force'],
      ['slurmctld', '-f', at('slurm.conf'), '-c'],
      ['slurmd', '-f', at('slurm.conf'), '-N', host],
    ]) {
      // The daemons run in the background, and keep their output files open.
      const { status } = spawnSync(command, args, {
        cwd: folder,
        stdio: 'ignore',
        env: { ...process.env, SLURM_CONF: at('slurm.conf') },
      })
      expect([command, status]).toEqual([command, 0])
    }
    for (let turn = 0; !/ idle /.test(run('sinfo').stdout); turn++) {
      expect(turn).toBeLessThan(60)
      spawnSync('sleep', ['1'])
    }
  })
  afterAll(() => {
    for (const name of ['slurmd.pid', 'slurmctld.pid', 'munge.pid']) {
      try {
        process.kill(Number(readFileSync(join(folder, name), 'utf8')))
      } catch {
        // The daemon has not started yet.
      }
    }
    spawnSync('sleep', ['2'])
    rmSync(folder, { recursive: true, force: true })
  })

  test('runs a plan as a job array, and completes canceled tasks in a second submission', () => {
    const sweep = ['sweep', '--lr', '1e-3..0.1:log:16', '--starts', '512', '--max-iterations', '2000']
    const direct = antigrad(...sweep, '--json').stdout
    expect(antigrad(...sweep, '--plan', 'plan.json', '--chunk-size', '1').status).toBe(0)
    const script = `#!/bin/sh
#SBATCH --array=0-3
exec ${process.execPath} ${cli} run plan.json --store results --shard "$SLURM_ARRAY_TASK_ID/4" --workers 1
`
    writeFileSync(join(folder, 'job.sh'), script)
    const [, job] = /batch job (\d+)/.exec(run('sbatch', 'job.sh').stdout) ?? []
    // The machine has one processor, so two tasks wait for other tasks.
    expect(run('scancel', `${job}_2`, `${job}_3`).status).toBe(0)
    while (run('squeue', '-h').stdout !== '') spawnSync('sleep', ['0.5'])
    const { status, stdout } = antigrad(
      'status',
      'plan.json',
      '--store',
      'results',
      '--missing',
      '--shards',
      '4',
    )
    expect({ status, stdout }).toEqual({ status: 1, stdout: '--array=2-3\n' })
    expect(antigrad('merge', 'plan.json', '--store', 'results').status).toBe(1)
    expect(run('sbatch', '--wait', stdout.trim(), 'job.sh').status).toBe(0)
    const merged = antigrad('merge', 'plan.json', '--store', 'results')
    expect({ status: merged.status, stderr: merged.stderr }).toEqual({ status: 0, stderr: '' })
    expect(merged.stdout).toBe(direct)
  }, 600_000)
})
