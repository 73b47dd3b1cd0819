/**
 * Exits during each asynchronous call, for every reason that can end a worker or a process. Other work continues, and
 * the exit has the requested status. ANTIGRAD_TEST_LARGE=1 runs longer.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { entry, run, well, worker } from './nodes.js'

const rounds = process.env.ANTIGRAD_TEST_LARGE === '1' ? 20 : 1

const folder = mkdtempSync(join(tmpdir(), 'antigrad-ends-'))
afterAll(() => rmSync(folder, { recursive: true }))
const table = join(folder, 'wells.csv')
const rows = Array.from(
  { length: 4000 },
  (_, i) => `${i >> 3},${i % 8},${3 * 0.7 ** (i % 8) + 1 + (i % 5) / 99}\n`,
)
writeFileSync(table, `well,t,y\n${rows.join('')}`)

/** A new path for each call. */
const place = `
    let count = 0
    const { threadId } = require('node:worker_threads')
    const place = () => ${JSON.stringify(`${folder}/`)} + [process.pid, threadId, count++].join('-')`

/** Calls that take long enough to be interrupted. */
const calls = {
  stepAsync: 'const optimizer = await make(); const call = () => optimizer.stepAsync()',
  minimizeMany: `
    const { adam, expression, minimizeMany } = await loaded
    const objective = expression('(1 - x)^2 + 100*(y - x^2)^2')
    const starts = { x: Float64Array.from({ length: 20_000 }, (_, i) => i / 1e4), y: new Float64Array(20_000) }
    const call = () => minimizeMany(objective, starts, adam(), { tolerance: 0, maxIterations: 2000, threads: 3 })`,
  fitMany: `
    const { expression, fitMany } = await loaded
    const t = Float64Array.from({ length: 50 }, (_, k) => k / 10)
    const y = Array.from({ length: 3000 }, (_, i) => t.map((t) => (1 + i / 1e3) * Math.exp(-t) + Math.sin(99 * t + i) / 9))
    const start = { a: 1, b: 0.5, c: 0 }
    const call = () => fitMany(expression('a*exp(-b*t) + c'), { t, y }, { start })`,
  bootstrap: `
    const { bootstrap, expression, fitMany } = await loaded
    const t = Float64Array.from({ length: 50 }, (_, k) => k / 10)
    const y = Array.from({ length: 5 }, (_, i) => t.map((t) => (1 + i) * Math.exp(-t) + Math.sin(99 * t + i) / 9))
    const found = await fitMany(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 0.5, c: 0 } })
    const call = () => bootstrap(found, { count: 2000 })`,
  profile: `
    const { expression, fitMany, profile } = await loaded
    const t = Float64Array.from({ length: 50 }, (_, k) => k / 10)
    const y = Array.from({ length: 500 }, (_, i) => t.map((t) => (1 + i / 99) * Math.exp(-t) + Math.sin(99 * t + i) / 9))
    const found = await fitMany(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 0.5, c: 0 } })
    const call = () => profile(found)`,
  'stepAsync of equations': `
    const { defineRule, Optimizer } = await loaded
    const rule = defineRule('own', { state: { m: 0 }, step: 'm = 0.9*m + g/(norm(g) + 1); theta = theta - 0.1*m' })
    const optimizer = new Optimizer(new Float32Array(1_000_000).fill(1), rule(), { engine: 'native', threads: 3 })
    const call = () => optimizer.stepAsync()`,
  writeFile: `${place}
    const { writeFile } = await import(${entry('files')})
    const optimizer = await make()
    const path = place()
    const call = () => writeFile(path, optimizer)`,
  readFile: `${place}
    const { readFile, writeFile } = await import(${entry('files')})
    const path = place()
    await writeFile(path, await make())
    const call = () => readFile(path)`,
  runChunks: `${place}
    const { planFits, runChunks } = await import(${entry('chunks')})
    const asked = { model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } }
    const { plan } = await planFits(${JSON.stringify(table)}, asked, { group: 'well', chunkSize: 100 })
    const call = () => runChunks(plan, { store: place() })`,
}

/** Repeats a call until the process ends. */
const forever = (call: string) => `${call}
  ;(async () => { for (;;) await call() })()
  parentPort?.postMessage('begun')`

const endings = ['', 'process.exit(5)', 'throw new Error("mine")', 'await new Promise(() => {})']

const names = Object.keys(calls) as (keyof typeof calls)[]
test.each([[names.slice(0, 5)], [names.slice(5)]])(
  'a worker can end by termination, exit or exception during %j',
  async (names) => {
    const workers = names.flatMap((name) =>
      endings.map((ending) => worker(`${forever(calls[name])}; await pause(20 * Math.random()); ${ending}`)),
    )
    const end = await run(`
    const [optimizer, expected] = [await make(), await make(1)]
    for (let round = 0; round < ${rounds}; round++) {
      const workers = [${workers.join()}]
      const ends = workers.map((worker) => new Promise((resolve) => {
        let error = ''
        worker.on('error', ({ message }) => { error = message })
        worker.on('exit', (code) => resolve(error || code))
      }))
      await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))))
      await optimizer.stepAsync()
      // Those that would go on for ever, and those that may just be about to end.
      for (const [i, worker] of workers.entries()) if (i % 2 === 0 || i % 4 === 3) worker.terminate()
      optimizer.step()
      const found = (await Promise.all(ends)).filter((_, i) => i % 4 === 1 || i % 4 === 2)
      if (found.some((end) => ![1, 5, 'mine'].includes(end))) throw new Error(found.join())
      await optimizer.stepAsync()
    }
    while (expected.updates < optimizer.updates) expected.step()
    const bytes = ({ params }) => Buffer.from(params.buffer, params.byteOffset, params.byteLength)
    if (Buffer.compare(bytes(optimizer), bytes(expected)) !== 0) throw new Error('other bits')
    console.log('well')`)
    expect(end).toEqual(well())
  },
  300_000,
)

const wait = 'await pause(60 * Math.random())'
const ends = {
  'process.exit()': [`${wait}; process.exit(7)`, { code: 7, signal: null }],
  'an exception': [`${wait}; throw new Error('mine')`, { code: 1, signal: null }],
  'a promise that nobody waits for': [
    `${wait}; Promise.reject(new Error('mine'))`,
    { code: 1, signal: null },
  ],
  SIGTERM: [`${wait}; process.kill(process.pid, 'SIGTERM')`, { code: null, signal: 'SIGTERM' }],
  SIGINT: [`${wait}; process.kill(process.pid, 'SIGINT')`, { code: null, signal: 'SIGINT' }],
  'a handler of SIGTERM': [
    `process.once('SIGTERM', () => process.exit(9)); ${wait}; process.kill(process.pid, 'SIGTERM')`,
    { code: 9, signal: null },
  ],
} as const

test.each(Object.entries(calls))(
  'the process can end for any reason during %s',
  async (_, call) => {
    for (let round = 0; round < rounds; round++) {
      const found = Object.entries(ends).map(async ([name, [ending, expected]]) => {
        const { code, signal, stderr } = await run(`${forever(call)}\n ${ending}`)
        expect({ code, signal }, `${name}: ${stderr}`).toEqual(expected)
        expect(stderr.replaceAll('\n', ' '), name).toMatch(code === 1 ? /Error: mine/ : /^$/)
      })
      await Promise.all(found)
    }
  },
  600_000,
)
