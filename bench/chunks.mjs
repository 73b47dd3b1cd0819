// npm run bench:chunks: measures the overhead of plans, workers, stores and queues. Needs an otherwise idle machine.
import { fork, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { createCompute } from '../dist/chunks/plan/compute.js'
import { readPlan } from '../dist/chunks/plan/plan.js'

const cli = fileURLToPath(new URL('../dist/command-line/cli.js', import.meta.url))
const isPart = process.argv[2] === 'part'
const folder = isPart ? process.argv[3] : mkdtempSync(join(tmpdir(), 'antigrad-bench-'))
const isQuick = process.argv.includes('--quick')

/** Runs a command without its output, and returns the seconds. */
function timed(...args) {
  const began = performance.now()
  const { status, stderr } = spawnSync(process.execPath, [cli, ...args], { cwd: folder, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return (performance.now() - began) / 1000
}

const fixed = (x, digits = 2) => x.toFixed(digits)

/** The function that computes a plan's chunks, without workers and stores. */
const computer = () =>
  createCompute(readPlan(readFileSync(join(folder, 'plan.json'), 'utf8')), undefined, { threads: 1 })

/**
 * Seconds in which several processes compute all chunks, without workers and stores. Two processes need not be twice as
 * fast as one, for example if two processors share a core, or share it with other virtual machines.
 */
async function bare(count, processes) {
  const children = Array.from({ length: processes }, () =>
    fork(fileURLToPath(import.meta.url), ['part', folder]),
  )
  const answers = () => Promise.all(children.map((child) => once(child, 'message')))
  await answers()
  const began = performance.now()
  for (const [k, child] of children.entries()) child.send({ k, count, processes })
  await answers()
  for (const child of children) child.disconnect()
  return (performance.now() - began) / 1000
}

/** Seconds of `antigrad run`: in total, and per chunk after the first. */
async function run(store, workers) {
  const began = performance.now()
  const args = [cli, 'run', 'plan.json', '--store', store, '--workers', `${workers}`, '--json']
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  const times = []
  createInterface(child.stdout).on('line', () => times.push(performance.now()))
  const [status] = await once(child, 'close')
  if (status !== 0) throw new Error(`status ${status}`)
  // Workers finish their chunks at about the same time, so counting starts after the first chunk of each worker.
  const each = (times.at(-1) - times[workers - 1]) / (times.length - workers) / 1000
  return { all: (performance.now() - began) / 1000, each }
}

/** Chunks of one second: the overhead of a worker, and the speedup of two workers. */
async function ofSeconds(count) {
  const planned = (starts) =>
    timed(
      ...['sweep', '--rule', 'adam', '--lr', `1e-4..1e-3:log:${count}`, '--max-iterations', '10000'],
      ...['--tolerance', '0', '--starts', `${starts}`, '--plan', 'plan.json', '--chunk-size', '1'],
    )
  planned(1024)
  const compute = computer()
  let least = Infinity
  for (let k = 0; k < 5; k++) {
    const began = performance.now()
    await compute(k)
    least = Math.min(least, performance.now() - began)
  }
  planned(Math.max(1, Math.round((1024 * 1000) / least)))
  const times = {}
  const note = (name, seconds) => {
    times[name] = Math.min(times[name] ?? Infinity, seconds)
  }
  for (let round = 0; round < (isQuick ? 1 : 2); round++) {
    for (const workers of [1, 2]) {
      note(`bare ${workers}`, await bare(count, workers))
      const { all, each } = await run(`store-${workers}-${round}`, workers)
      note(`all ${workers}`, all)
      note(`each ${workers}`, each)
    }
  }
  const { 'bare 1': work, 'bare 2': halves } = times
  const { 'all 1': one, 'all 2': two, 'each 1': each, 'each 2': eachOfTwo } = times
  const percent = (x) => `${fixed((x - 1) * 100, 1)}%`
  console.log(
    `${count} chunks of ${fixed(work / count)} s: the work alone ${fixed(work)} s, one worker ${fixed(one)} s, two ${fixed(two)} s
  overhead ${percent(one / work)}: by chunk ${percent((each * count) / work)}, and ${fixed(one - each * count)} s once
  from one to two workers ${fixed(one / two)} ×, by chunk ${fixed(each / eachOfTwo)} ×; two processes of the work alone ${fixed(work / halves)} ×`,
  )
}

/** Many empty chunks, as many as a long run has. */
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

/** Memory of Redis per waiting chunk. */
async function queued(count) {
  if (spawnSync('redis-server', ['--version']).error)
    return console.log('redis-server is not installed, so its memory is not measured')
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

/** The process that {@link bare} starts. */
async function part() {
  const compute = computer()
  await compute(0)
  process.on('message', async ({ k, count, processes }) => {
    for (let index = k; index < count; index += processes) await compute(index)
    process.send('done')
  })
  process.send('begun')
}

if (isPart) {
  await part()
} else {
  try {
    await ofSeconds(isQuick ? 6 : 60)
    ofNothing(isQuick ? 1000 : 10_000)
    await queued(isQuick ? 10_000 : 100_000)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
