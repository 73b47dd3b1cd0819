// npm run bench:chunks: what plans, workers, stores and queues cost beside the work itself. On a machine with nothing else to do.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { computes } from '../dist/chunks/compute.js'
import { readPlan } from '../dist/chunks/plan.js'

const cli = fileURLToPath(new URL('../dist/command-line/cli.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antigrad-bench-'))
const isQuick = process.argv.includes('--quick')

/** Seconds of a command; what it prints is dropped. */
function timed(...args) {
  const began = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return (performance.now() - began) / 1000
}

const fixed = (x, digits = 2) => x.toFixed(digits)

/** Chunks of a second: what a worker costs beside the work, and two workers beside one. */
async function ofSeconds(count) {
  const sweep = [
    'sweep',
    '--rule',
    'adam',
    '--lr',
    `1e-4..1e-3:log:${count}`,
    '--max-iterations',
    '10000',
    '--tolerance',
    '0',
  ]
  timed(...sweep, '--starts', '256', '--plan', 'probe.json', '--chunk-size', '1')
  const probe = readPlan(readFileSync(join(folder, 'probe.json'), 'utf8'))
  const compute = computes(probe, undefined, { threads: 1 })
  await compute(0)
  const began = performance.now()
  await compute(1)
  const starts = Math.max(1, Math.round((256 * 1000) / (performance.now() - began)))
  timed(...sweep, '--starts', `${starts}`, '--plan', 'plan.json', '--chunk-size', '1')
  const all = computes(readPlan(readFileSync(join(folder, 'plan.json'), 'utf8')), undefined, { threads: 1 })
  const times = { work: Infinity, one: Infinity, two: Infinity }
  for (let round = 0; round < (isQuick ? 1 : 3); round++) {
    const began = performance.now()
    for (let k = 0; k < count; k++) await all(k)
    times.work = Math.min(times.work, (performance.now() - began) / 1000)
    for (const [name, workers] of [
      ['one', '1'],
      ['two', '2'],
    ]) {
      const seconds = timed('run', 'plan.json', '--store', `store-${name}-${round}`, '--workers', workers)
      times[name] = Math.min(times[name], seconds)
    }
  }
  const { work, one, two } = times
  console.log(
    `${count} chunks of ${fixed(work / count)} s: the work alone ${fixed(work)} s, one worker ${fixed(one)} s`,
  )
  console.log(
    `  overhead ${fixed((one / work - 1) * 100, 1)} %; from one to two workers ${fixed(one / two)} ×`,
  )
}

/** As many chunks as there may be in an afternoon, of nothing. */
function ofNothing(count) {
  const sweep = [
    'sweep',
    '--lr',
    `1e-4..1:log:${count / 2}`,
    '--beta1',
    '0.5,0.9',
    '--starts',
    '4',
    '--max-iterations',
    '1',
  ]
  const planned = timed(...sweep, '--plan', 'many.json', '--chunk-size', '1')
  const ran = timed('run', 'many.json', '--store', 'many')
  const again = timed('run', 'many.json', '--store', 'many')
  const looked = timed('status', 'many.json', '--store', 'many')
  const merged = timed('merge', 'many.json', '--store', 'many', '-o', 'many.ndjson')
  const direct = spawnSync(process.execPath, [cli, ...sweep, '--json'], {
    cwd: folder,
    maxBuffer: 1 << 30,
  }).stdout
  const isSame = Buffer.compare(direct, readFileSync(join(folder, 'many.ndjson'))) === 0
  console.log(
    `${count} chunks of nothing: planned ${fixed(planned)} s, run ${fixed(ran)} s, that is ${fixed(count / ran, 0)} a second`,
  )
  console.log(
    `  found done ${fixed(again)} s, status ${fixed(looked)} s, merged ${fixed(merged)} s, the bytes of one process: ${isSame}`,
  )
}

/** What a Redis takes for chunks that wait. */
async function queued(count) {
  if (spawnSync('redis-server', ['--version']).error)
    return console.log('no redis-server here: its memory is not measured')
  const { Queue } = await import('bullmq')
  const { Redis } = await import('ioredis')
  const socket = join(folder, 'redis.sock')
  const redis = spawn('redis-server', ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', ''])
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
  while (spawnSync('redis-cli', ['-s', socket, 'ping'], { encoding: 'utf8' }).stdout !== 'PONG\n')
    await wait(50)
  const connection = new Redis(socket, { maxRetriesPerRequest: null })
  const memory = async () => Number(/used_memory:(\d+)/.exec(await connection.info('memory'))[1])
  const queue = new Queue('antigrad-bench', { connection })
  await queue.waitUntilReady()
  const before = await memory()
  const began = performance.now()
  for (let from = 0; from < count; from += 1000) {
    const jobs = Array.from({ length: 1000 }, (_, k) => ({
      name: 'chunk',
      data: { index: from + k },
      opts: {
        jobId: `chunk-${`${from + k}`.padStart(64, '0')}`,
        attempts: 3,
        removeOnComplete: true,
        removeOnFail: true,
      },
    }))
    await queue.addBulk(jobs)
  }
  const seconds = (performance.now() - began) / 1000
  const each = ((await memory()) - before) / count
  console.log(
    `${count} chunks in a queue: ${fixed(each, 0)} bytes of Redis each, ${fixed(count / seconds, 0)} submitted a second`,
  )
  console.log(`  the window of 1,000 that antigrad keeps there: ${fixed(each, 0)} kB`)
  await queue.close()
  connection.disconnect()
  redis.kill()
}

try {
  await ofSeconds(isQuick ? 6 : 40)
  ofNothing(isQuick ? 1000 : 10_000)
  await queued(isQuick ? 10_000 : 100_000)
} finally {
  rmSync(folder, { recursive: true })
}
