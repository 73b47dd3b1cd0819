/**
 * antigrad/bullmq with a real Redis server on a socket in a temporary folder. Processes are killed or suspended, and
 * the queue is deleted. The merge still has the bytes of a single process. `npm run test:faults` runs more such tests.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { AntigradError, OptionError } from 'antigrad'
import { runQueued } from 'antigrad/bullmq'
import { chunkName, merge, type Plan, planSweep, runChunks, status } from 'antigrad/chunks'
import { Queue } from 'bullmq'
import { BullMQOtel } from 'bullmq-otel'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { home } from './children.js'

const isThere = spawnSync('redis-server', ['--version']).status === 0
if (!isThere)
  console.warn('antigrad: no redis-server here (apt-get install redis-server): antigrad/bullmq is not tried')
const isLong = process.env.ANTIGRAD_TEST_FAULTS !== undefined

let folder: string
let socket: string
let redis: ChildProcess | undefined
const started = new Set<ChildProcess>()
const ends = new Map<ChildProcess, Promise<unknown>>()

function start(command: string, args: readonly string[]): ChildProcess {
  const child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] })
  started.add(child)
  const closed = once(child, 'close').then(() => started.delete(child))
  ends.set(child, closed)
  return child
}

/** The status of a child process, after it has ended and its output is complete. */
const ended = (child: ChildProcess) => ends.get(child)

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL')
  await ended(child)
}

async function startRedis(): Promise<void> {
  const settings = ['--port', '0', '--unixsocket', socket, '--dir', folder, '--save', '']
  redis = start('redis-server', [...settings, '--appendonly', 'yes', '--appendfsync', 'always'])
  redis.stdout?.resume()
  await until(() => spawnSync('redis-cli', ['-s', socket, 'ping'], { encoding: 'utf8' }).stdout === 'PONG\n')
}

async function until(is: () => boolean): Promise<void> {
  for (let turn = 0; !is(); turn++) {
    if (turn > 2500) throw new Error('it does not come')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The output of a worker, line by line. */
interface Hand {
  readonly child: ChildProcess
  readonly said: Record<string, unknown>[]
}

let stores = 0
let plan: Plan
let direct: string

function startWorker(store: string, file = 'plan.json', ...options: string[]): Hand {
  const child = start(process.execPath, [
    ...options,
    join(home, 'test/queue-worker.mjs'),
    file,
    store,
    socket,
  ])
  return listened(child)
}

function listened(child: ChildProcess): Hand {
  const said: Record<string, unknown>[] = []
  child.stdout?.on('data', (text: Buffer) => {
    for (const line of text.toString().trim().split('\n')) said.push(JSON.parse(line))
  })
  return { child, said }
}

async function merged(store: string, of: Plan = plan): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of merge(of, { store })) parts.push(part)
  return Buffer.concat(parts).toString()
}

const newStore = () => join(folder, `store-${stores++}`)
const flush = () => spawnSync('redis-cli', ['-s', socket, 'flushall'])

beforeAll(async () => {
  if (!isThere) return
  folder = mkdtempSync(join(tmpdir(), 'antigrad-queue-'))
  socket = join(folder, 'redis.sock')
  const lr = Array.from({ length: 24 }, (_, k) => 1e-3 * (k + 1))
  plan = (await planSweep({ options: { lr }, starts: 256, maxIterations: 2000 }, { chunkSize: 1 })).plan
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
  const store = newStore()
  await runChunks(plan, { store })
  direct = await merged(store)
})
beforeEach(async () => {
  if (isThere) await startRedis()
})
afterEach(async () => {
  for (const child of started) {
    child.kill('SIGCONT')
    await kill(child)
  }
  if (folder) rmSync(join(folder, 'appendonlydir'), { recursive: true, force: true })
})
afterAll(() => {
  if (folder) rmSync(folder, { recursive: true })
})

describe.skipIf(!isThere)('BullMQ queue workers', () => {
  test('complete a plan despite killed workers, expired locks and a deleted queue', async () => {
    const store = newStore()
    const [killed, still, last] = [startWorker(store), startWorker(store), startWorker(store)]
    await until(() => killed.said.length > 0 && still.said.length > 0)
    await kill(killed.child)
    still.child.kill('SIGSTOP')
    flush()
    await ended(last.child)
    expect(last.child.exitCode).toBe(0)
    expect(last.said.at(-1)).toEqual({ done: 24, failed: 0 })
    still.child.kill('SIGCONT')
    await ended(still.child)
    expect(still.said.at(-1)).toEqual({ done: 24, failed: 0 })
    expect(await merged(store)).toBe(direct)
  })

  test('tolerate system clocks that jump by hours, and a changed or removed plan file', async () => {
    const store = newStore()
    writeFileSync(join(folder, 'edited.json'), JSON.stringify(plan))
    writeFileSync(
      join(folder, 'clock.mjs'),
      'const { now } = Date\nlet turn = 0\nDate.now = () => now() + (turn++ % 2 ? -1 : 1) * 36_000_000',
    )
    const jumps = ['--import', join(folder, 'clock.mjs')]
    const hands = [startWorker(store, 'edited.json', ...jumps), startWorker(store, 'edited.json')]
    await until(() => hands.every(({ said }) => said.length > 0))
    writeFileSync(join(folder, 'edited.json'), '{"format":1}')
    await until(() => hands.every(({ said }) => said.length > 1))
    rmSync(join(folder, 'edited.json'))
    await Promise.all(hands.map(({ child }) => ended(child)))
    for (const { said } of hands) expect(said.at(-1)).toEqual({ done: 24, failed: 0 })
    expect(await merged(store)).toBe(direct)
  })

  test('store no data, results or addresses in the queue, and ignore foreign queue entries', async () => {
    const store = newStore()
    const connection = new Redis(socket, { maxRetriesPerRequest: null })
    const lines: string[] = []
    const monitor = start('redis-cli', ['-s', socket, 'monitor'])
    monitor.stdout?.on('data', (text: Buffer) => lines.push(text.toString()))
    const worker = startWorker(store)
    await until(() => worker.said.length > 2)
    const [name] = (await connection.keys('bull:antigrad-*:meta')).map((key) => key.split(':')[1])
    const queue = new Queue(name, { connection })
    const hostile = [null, 7, {}, [], '', 'x'.repeat(1e6), { index: -1 }, { index: 1e9 }, { index: 0.5 }]
    const more = [{ index: '0' }, { index: [0] }, { index: { index: 0 } }, { plan: 'x' }, { index: null }]
    for (const data of [...hostile, ...more]) {
      const options = { lifo: true, removeOnFail: true }
      await queue.add('chunk', data, options)
      // The entry has many attempts, and precedes all other entries.
      await queue.add('another', data, { ...options, attempts: 1e6 })
    }
    // Entries that BullMQ has not added: an entry that is not JSON, and an id without an entry.
    await connection.hset(`bull:${name}:torn`, { name: 'chunk', data: '{', opts: '{' })
    await connection.rpush(`bull:${name}:wait`, 'torn', 'nothing')
    await ended(worker.child)
    expect(worker.said.at(-1)).toEqual({ done: 24, failed: 0 })
    await queue.close()
    connection.disconnect()
    await kill(monitor)
    expect(await merged(store)).toBe(direct)
    expect(lines.join('')).toContain('chunk-')
    expect(lines.join('')).not.toMatch(/"endings"|medianValue|beta1|store-/)
  })

  test('set a chunk aside after three failed attempts, and complete all other chunks', async () => {
    const rows = Array.from({ length: 6 }, (_, k) => [0, 1, 2].map((x) => `G${k},${x},${k + x}\n`).join(''))
    writeFileSync(join(folder, 'rows.csv'), `g,x,y\n${rows.join('')}`)
    const { planFits } = await import('antigrad/chunks')
    const asked = { model: 'a*x + b', x: { x: 'x' }, start: { a: 1, b: 1 } }
    const { plan } = await planFits(join(folder, 'rows.csv'), asked, { group: 'g', chunkSize: 1 })
    const chunks = plan.chunks.map((one, k) => (k === 3 ? { ...one, sha256: 'f'.repeat(64) } : one))
    writeFileSync(join(folder, 'poisoned.json'), JSON.stringify({ ...plan, chunks }))
    const worker = startWorker(newStore(), 'poisoned.json')
    await ended(worker.child)
    expect(worker.said.at(-1)).toEqual({ done: 5, failed: 1 })
  })

  test('report each chunk to OpenTelemetry, without data or results', async () => {
    const exporter = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    trace.setGlobalTracerProvider(provider)
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
    const store = newStore()
    try {
      const telemetry = new BullMQOtel({ tracerName: 'fits' })
      const { completed } = await runQueued(plan, { store, url: socket, telemetry, workers: 2 })
      expect(completed).toHaveLength(24)
      await provider.forceFlush()
    } finally {
      trace.disable()
      context.disable()
    }
    const spans = exporter.getFinishedSpans()
    const names = spans.map(({ name }) => name.split(' ')[0])
    // A chunk that is processed while the queue is filled is queued a second time.
    expect(names.filter((name) => name === 'process').length).toBeGreaterThanOrEqual(24)
    expect(names).toContain('addBulk')
    const said = JSON.stringify(spans.map(({ name, attributes, events }) => ({ name, attributes, events })))
    expect(said).toContain(`chunk-${chunkName(plan, 0)}`)
    expect(said).not.toMatch(/"endings"|medianValue|beta1|store-/)
    expect(await merged(store)).toBe(direct)
    for (const telemetry of [null, 7, {}, { tracer: 1 }]) {
      const run = runQueued(plan, { store, url: socket, telemetry: telemetry as never })
      await expect(run).rejects.toThrow(
        /^telemetry: expected a BullMQ telemetry object, such as new BullMQOtel\(\), got /,
      )
    }
  })

  test('return their current chunks to the queue when they stop', async () => {
    const work = { options: { lr: [0.1] }, starts: 4096, maxIterations: 20_000, tolerance: 0 }
    const { plan: long } = await planSweep(work, { chunkSize: 1 })
    writeFileSync(join(folder, 'stopped.json'), JSON.stringify(long))
    // The library and the command line end in the same way. Nothing keeps the process alive.
    const store = newStore()
    const script = `
      import { readFileSync } from 'node:fs'
      import { runQueued } from ${JSON.stringify(join(home, 'dist/bullmq/index.js'))}
      const stop = new AbortController()
      process.on('SIGINT', () => stop.abort(new Error('enough')))
      const options = { store: ${JSON.stringify(store)}, url: ${JSON.stringify(socket)}, signal: stop.signal }
      await runQueued(readFileSync('stopped.json', 'utf8'), options).catch(({ message }) => console.log(message))`
    const run = [
      join(home, 'dist/command-line/cli.js'),
      'run',
      'stopped.json',
      '--store',
      store,
      '--queue',
      socket,
    ]
    for (const args of [['--input-type=module', '-e', script], run]) {
      const child = start(process.execPath, args)
      let said = ''
      child.stdout?.on('data', (text) => {
        said += text
      })
      const count = (list: string) => {
        const [name] = spawnSync('redis-cli', ['-s', socket, 'keys', 'bull:antigrad-*:id'], {
          encoding: 'utf8',
        })
          .stdout.trim()
          .split('\n')
        const key = name.replace(/id$/, list)
        return Number(spawnSync('redis-cli', ['-s', socket, 'llen', key], { encoding: 'utf8' }).stdout)
      }
      await until(() => count('active') === 1)
      child.kill('SIGINT')
      const began = performance.now()
      await Promise.race([ended(child), new Promise((resolve) => setTimeout(resolve, 20_000))])
      expect(child.exitCode).toBe(args === run ? 130 : 0)
      expect(performance.now() - began).toBeLessThan(10_000)
      expect(said).toBe(args === run ? '' : 'enough\n')
      expect([count('active'), count('wait')]).toEqual([0, 1])
      flush()
    }
  })

  test('report the lost chunk of a killed worker within the documented time', async () => {
    const lockSeconds = 8
    const work = { options: { lr: [0.1] }, starts: 4096, maxIterations: 4000, tolerance: 0 }
    const { plan: long } = await planSweep(work, { chunkSize: 1 })
    writeFileSync(join(folder, 'killed.json'), JSON.stringify(long))
    const store = newStore()
    const args = [join(home, 'test/queue-worker.mjs'), 'killed.json', store, socket, `${lockSeconds}`]
    const hands = [0, 1].map(() => listened(start(process.execPath, args)))
    const computing = () =>
      hands.findIndex(({ child }) =>
        spawnSync('ps', ['-o', 'pid=', '--ppid', `${child.pid}`], { encoding: 'utf8' }).stdout.trim(),
      )
    await until(() => computing() >= 0)
    const k = computing()
    await kill(hands[k].child)
    const began = performance.now()
    const { said } = hands[1 - k]
    await until(() => said.length > 0)
    expect(said[0]).toEqual({ stalled: 0 })
    expect(performance.now() - began).toBeLessThan((lockSeconds + 2) * 1000)
    await until(() => said.some(({ outcome }) => outcome === 'stored'))
  })

  test('report an unreachable Redis server at once, without credentials', async () => {
    await kill(redis as ChildProcess)
    const url = 'redis://someone:secret@127.0.0.1:1'
    const thrown = await runQueued(plan, { store: newStore(), url }).catch((thrown) => thrown)
    expect(thrown).toBeInstanceOf(AntigradError)
    expect(thrown.message).toMatch(/^no Redis server answers at the URL of the queue: /)
    expect(thrown.message).not.toMatch(/secret|someone/)
  })
})

test.each(['http://me:secret@host:6379', 'rediz://host', 'unix:///run/redis.sock'])(
  'the queue address %s is refused',
  async (url) => {
    const thrown = await runQueued('{}', { store: 's', url }).catch((thrown) => thrown)
    expect(thrown).toBeInstanceOf(OptionError)
    const scheme = url.replace(/:.*/, '')
    expect(thrown.message).toBe(
      `url: expected redis://host:6379, rediss://host:6379 or the path of a socket, got "${scheme}://…"`,
    )
  },
)

describe.skipIf(!isThere || !isLong)('BullMQ queue workers complete a plan', () => {
  test('even if workers are killed 50 times', async () => {
    // The number of chunks is large enough that some chunks remain at the last kill.
    const lr = Array.from({ length: 160 }, (_, k) => 1e-4 * (k + 1))
    const asked = { options: { lr }, starts: 4096, maxIterations: 4000, tolerance: 0 }
    const { plan: long } = await planSweep(asked, { chunkSize: 1 })
    writeFileSync(join(folder, 'long.json'), JSON.stringify(long))
    const alone = newStore()
    await runChunks(long, { store: alone })
    const store = newStore()
    const hands = [startWorker(store, 'long.json'), startWorker(store, 'long.json')]
    for (let kills = 0; kills < 50; kills++) {
      const k = kills % 2
      await new Promise((resolve) => setTimeout(resolve, 300 + ((kills * 173) % 900)))
      expect(hands[k].child.exitCode).toBeNull()
      await kill(hands[k].child)
      hands[k] = startWorker(store, 'long.json')
    }
    expect((await status(long, { store })).missing.length).toBeGreaterThan(0)
    await Promise.all(hands.map(({ child }) => ended(child)))
    for (const { said } of hands) expect(said.at(-1)).toEqual({ done: 160, failed: 0 })
    expect(await merged(store, long)).toBe(await merged(alone, long))
  }, 1_200_000)

  test("even if a computing process is suspended until the process's lock expires", async () => {
    const store = newStore()
    const hands = [startWorker(store), startWorker(store)]
    await until(() => hands.every(({ said }) => said.length > 0))
    const of = spawnSync('ps', ['-o', 'pid=', '--ppid', `${hands[0].child.pid}`], { encoding: 'utf8' })
    const computing = Number(of.stdout.trim().split('\n')[0])
    process.kill(computing, 'SIGSTOP')
    await new Promise((resolve) => setTimeout(resolve, 6000))
    process.kill(computing, 'SIGCONT')
    await Promise.all(hands.map(({ child }) => ended(child)))
    for (const { said } of hands) expect(said.at(-1)).toEqual({ done: 24, failed: 0 })
    expect(await merged(store)).toBe(direct)
  })

  test.each([true, false])(
    'even if Redis is killed and restarted, with or without the data file: %s',
    async (hasFile) => {
      const store = newStore()
      const hands = [startWorker(store), startWorker(store)]
      await until(() => hands.every(({ said }) => said.length > 0))
      await kill(redis as ChildProcess)
      if (!hasFile) rmSync(join(folder, 'appendonlydir'), { recursive: true })
      rmSync(socket, { force: true })
      await new Promise((resolve) => setTimeout(resolve, 3000))
      await startRedis()
      await Promise.all(hands.map(({ child }) => ended(child)))
      for (const { said } of hands) expect(said.at(-1)).toEqual({ done: 24, failed: 0 })
      expect(await merged(store)).toBe(direct)
    },
    300_000,
  )
})
