/**
 * Interference with a run: the plan is edited, processes are suspended and killed, clocks are changed, results are
 * merged too early, and the store is removed. No completed work is lost, and the merge has the bytes of a single
 * process.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { merge, planSweep, runChunks, StoreError, status } from 'antigrad/chunks'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { home } from './children.js'

const cli = join(home, 'dist/command-line/cli.js')
const isUnix = process.platform !== 'win32'
const CHUNKS = 16

let folder: string
let plan: string
let direct: string
const at = (name: string) => join(folder, name)
let stores = 0
const newStore = () => at(`store-${stores++}`)

const run = (...args: string[]) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: folder })

interface Began {
  readonly child: ChildProcess
  /** The exit status. */
  readonly ended: Promise<number | null>
  /** All output of the process and its child processes, after all of them have ended. */
  readonly said: Promise<string>
}

const started = new Set<ChildProcess>()

/** A run whose first chunk is complete. */
async function begun(store: string, file = 'plan.json', env: NodeJS.ProcessEnv = {}): Promise<Began> {
  const child = spawn(process.execPath, [cli, 'run', file, '--store', store, '--workers', '2', '--json'], {
    ...{ cwd: folder, env: { ...process.env, ...env } },
  })
  started.add(child)
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const said = text(child.stderr)
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended])
  child.stdout.resume()
  return { child, ended, said }
}

const processesOf = ({ pid }: ChildProcess): number[] =>
  spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
    .stdout.split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([, parent]) => parent === pid)
    .map(([child]) => child)

/** The state that `ps` reports: T for a suspended process, and an empty string for a process that does not exist. */
const stateOf = (pid: number | undefined) =>
  spawnSync('ps', ['-o', 'stat=', '-p', `${pid}`], { encoding: 'utf8' }).stdout
const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Removes a store, including files that are written during the removal. */
function remove(store: string): void {
  try {
    rmSync(store, { recursive: true })
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw thrown
    remove(store)
  }
}

async function merged(store: string, of = plan): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of merge(of, { store })) parts.push(part)
  return Buffer.concat(parts).toString()
}

/** Expects that a run ends successfully, and that the store contains all results and nothing else. */
async function expectWhole({ ended }: Began, store: string): Promise<void> {
  expect(await ended).toBe(0)
  expect(await merged(store)).toBe(direct)
  expect(await status(plan, { store })).toMatchObject({ corrupted: [], conflicts: [], failed: [] })
  expect(readdirSync(join(store, 'aside'))).toEqual([])
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-beside-'))
  const lr = Array.from({ length: CHUNKS }, (_, k) => 1e-3 * (k + 1))
  const asked = { options: { lr }, starts: 2048, maxIterations: 4000, tolerance: 0 }
  plan = JSON.stringify((await planSweep(asked, { chunkSize: 1 })).plan)
  writeFileSync(at('plan.json'), plan)
  const store = newStore()
  await runChunks(plan, { store })
  direct = await merged(store)
})
afterEach(() => {
  for (const child of started) {
    child.kill('SIGCONT')
    child.kill('SIGKILL')
  }
  started.clear()
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('a run of a plan', () => {
  test('uses the plan as read at the start, even if the plan file changes', async () => {
    for (const change of [
      () => writeFileSync(at('other.json'), '{"format":1}'),
      () => rmSync(at('other.json')),
    ]) {
      writeFileSync(at('other.json'), plan)
      const store = newStore()
      const began = await begun(store, 'other.json')
      change()
      await expectWhole(began, store)
    }
  })

  test.skipIf(!isUnix)('continues after the run or one of its processes was suspended', async () => {
    const store = newStore()
    const began = await begun(store)
    began.child.kill('SIGSTOP')
    while (!stateOf(began.child.pid).startsWith('T')) await pause(10)
    const before = (await status(plan, { store })).completed.length
    await pause(1000)
    // The current chunks of both processes are completed, and no further chunks start.
    const after = (await status(plan, { store })).completed.length
    expect(after).toBeLessThanOrEqual(before + 2)
    expect(after).toBeLessThan(CHUNKS)
    const [hand] = processesOf(began.child)
    process.kill(hand, 'SIGSTOP')
    began.child.kill('SIGCONT')
    await pause(500)
    process.kill(hand, 'SIGCONT')
    await expectWhole(began, store)
  })

  test.skipIf(!isUnix)('ends all its processes when killed, even suspended processes', async () => {
    const store = newStore()
    const { child, ended } = await begun(store)
    const hands = processesOf(child)
    expect(hands.length).toBeGreaterThan(0)
    process.kill(hands[0], 'SIGSTOP')
    child.kill('SIGKILL')
    await ended
    process.kill(hands[0], 'SIGCONT')
    while (hands.some((hand) => /^[^Z]/.test(stateOf(hand)))) await pause(100)
    // A file that a process was writing when the process ended is kept for a day, and is then ignored.
    for (const name of readdirSync(join(store, 'aside'))) rmSync(join(store, 'aside', name))
    await expectWhole(await begun(store), store)
  })

  test('tolerates system clocks that jump by hours or are days ahead', async () => {
    writeFileSync(
      at('clock.mjs'),
      `const { now } = Date
let turn = 0
Date.now = () => now() + (turn++ % 2 ? -1 : 1) * ${36_000_000}`,
    )
    writeFileSync(at('ahead.mjs'), 'const { now } = Date\nDate.now = () => now() + 3 * 86_400_000')
    for (const clock of ['clock.mjs', 'ahead.mjs']) {
      const store = newStore()
      mkdirSync(join(store, 'aside'), { recursive: true })
      // A file that another machine is writing, and a file that was abandoned two days ago.
      for (const name of ['now', 'old']) writeFileSync(join(store, 'aside', name), '')
      const old = Date.now() / 1000 - 2 * 86_400
      utimesSync(join(store, 'aside', 'old'), old, old)
      const began = await begun(store, 'plan.json', { NODE_OPTIONS: `--import ${at(clock)}` })
      expect(readdirSync(join(store, 'aside'))).toContain('now')
      expect(readdirSync(join(store, 'aside'))).not.toContain('old')
      await began.ended
      rmSync(join(store, 'aside', 'now'))
      await expectWhole(began, store)
    }
  })

  test('cannot be merged before all chunks are complete', async () => {
    const store = newStore()
    const began = await begun(store)
    const tries: string[] = []
    let isOver = false
    began.ended.then(() => {
      isOver = true
    })
    const early = run('merge', 'plan.json', '--store', store, '-o', 'early.ndjson')
    if (early.status !== 0) {
      expect(early).toMatchObject({ status: 1, stdout: '' })
      expect(early.stderr).toMatch(new RegExp(`of ${CHUNKS} results are missing: [\\d,-]+\n$`))
      expect(readdirSync(folder).filter((name) => name.startsWith('early'))).toEqual([])
    }
    while (!isOver) {
      tries.push(
        await merged(store).catch((thrown) => {
          expect(thrown).toBeInstanceOf(StoreError)
          return ''
        }),
      )
      await pause(1)
    }
    expect(tries.filter((text) => text !== '' && text !== direct)).toEqual([])
    await expectWhole(began, store)
  })

  test('ends if the store of results is removed, and can be repeated', async () => {
    const store = newStore()
    const { ended, said } = await begun(store)
    remove(store)
    const code = await ended
    // The store may have been removed between two steps of one result.
    if (code !== 0)
      expect({ code, said: await said }).toEqual({ code: 2, said: expect.stringMatching(/ENOENT|ENOTEMPTY/) })
    await expect(merged(store)).rejects.toThrow(/results are missing/)
    await expectWhole(await begun(store), store)
  })

  test.skipIf(!isUnix)(
    'can share a store of results with another plan, even through a symbolic link',
    async () => {
      const asked = { options: { lr: [0.1, 0.2, 0.3] }, starts: 64, maxIterations: 100 }
      const other = JSON.stringify((await planSweep(asked, { chunkSize: 1 })).plan)
      const alone = newStore()
      await runChunks(other, { store: alone })
      const store = newStore()
      mkdirSync(store)
      symlinkSync(store, `${store}-link`)
      const began = await begun(`${store}-link`)
      await runChunks(other, { store })
      expect(await merged(`${store}-link`, other)).toBe(await merged(alone, other))
      await expectWhole(began, store)
      symlinkSync(at('nowhere'), at('broken'))
      const told = run('run', 'plan.json', '--store', 'broken')
      expect(told).toMatchObject({ status: 2, stdout: '' })
      expect(told.stderr).toMatch(/^antigrad: broken: ENOTDIR/)
      expect(existsSync(at('nowhere'))).toBe(false)
    },
  )

  test.skipIf(!isUnix)('continues if its standard output is closed or not read', async () => {
    const [read, none] = [newStore(), newStore()]
    const command = `"$0" "$1" run plan.json --workers 2 --store`
    const lines = `${command} ${read} --json | head -1; ${command} ${none} <&- >&- 2>&-`
    const { status, stdout } = spawnSync('sh', ['-c', lines, process.execPath, cli], {
      ...{ encoding: 'utf8', cwd: folder },
    })
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ outcome: 'stored', completed: 1, total: CHUNKS })
    expect(await merged(read)).toBe(direct)
    expect(await merged(none)).toBe(direct)
  })
})

test.skipIf(!existsSync('/dev/full'))(
  'a run of a plan reports a write error of its output once, and keeps the computed results',
  async () => {
    const store = newStore()
    for (const command of [['run', '--json'], ['merge']]) {
      const full = openSync('/dev/full', 'w')
      const args = [cli, ...command, 'plan.json', '--store', store]
      const { status, stderr } = spawnSync(process.execPath, args, {
        ...{ encoding: 'utf8', cwd: folder, stdio: ['ignore', full, 'pipe'] },
      })
      closeSync(full)
      expect({ status, stderr }).toEqual({
        status: 2,
        stderr: expect.stringMatching(/^antigrad: ENOSPC: [^\n]+\n$/),
      })
    }
    expect(await merged(store)).toBe(direct)
  },
)
