/**
 * Promise 2: an optimizer owns its memory, and users need not free the memory. Dropped optimizers must not accumulate,
 * even in a loop without turns of the event loop.
 */

import { describe, expect, test } from 'vitest'
import { inChild, noWasmMemory } from './children.js'
import { engineNames } from './helpers.js'

const MiB = 2 ** 20

/** Counts the created memories. */
const counting = `
  const { Memory } = WebAssembly
  globalThis.memories = 0
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor) {
      super(descriptor)
      globalThis.memories++
    }
  }`

/** A child process that creates optimizers of one engine. */
const runner = (engine: string, before: string) => (body: string) =>
  inChild(
    `const { Optimizer, adam, gradientDescent, nesterov } = antigrad
      const options = { engine: '${engine}' }
      // Buffers are freed by another thread after a collection. The event loop does not turn meanwhile.
      const measure = () => {
        for (let i = 0; i < 3; i++) {
          gc()
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30)
        }
        const { rss, external, arrayBuffers } = process.memoryUsage()
        return { rss, outside: external + arrayBuffers }
      }
      ${body}`,
    // Without the setting, glibc moves large buffers into the heap after freeing a buffer, and keeps freed memory in
    // the heap. The unused resident memory would vary between −50 and 70 MiB.
    { before, flags: ['--expose-gc'], env: { MALLOC_MMAP_THRESHOLD_: `${MiB}` } },
  )

describe.each(engineNames)('the memory of optimizers on the engine %s', (engine) => {
  const run = runner(engine, counting)

  test('contains separate values for ten thousand simultaneous optimizers', () => {
    const result = run(`
      const ones = new Float32Array(20).fill(1)
      const rule = gradientDescent({ lr: 1 })
      const alive = Array.from({ length: 10_000 }, (_, i) => new Optimizer(ones.map(() => i), rule, options))
      const fresh = alive.every(({ params }, i) => params.every((x) => x === i))
      alive.forEach((optimizer, i) => {
        if (i % 3 === 0) optimizer.step(ones)
      })
      const stepped = alive.every(({ params }, i) => params.every((x) => x === (i % 3 === 0 ? i - 1 : i)))
      return { fresh, stepped, engines: [...new Set(alive.map(({ engine }) => engine))], memories }`)
    expect(result).toEqual({ fresh: true, stepped: true, engines: [engine], memories: expect.any(Number) })
    // Browsers allow about a hundred memories, so optimizers share some slabs.
    expect((result as { memories: number }).memories).toBeLessThan(20)
  })

  // With slightly more optimizers, 32 memories would exist before a turn of the event loop, and later memories would be
  // larger.
  test('does not accumulate when ninety thousand small optimizers are created', () => {
    const { early, late } = run(`
      const ones = new Float32Array(20).fill(1)
      const make = (count) => {
        for (let i = 0; i < count; i++) {
          const optimizer = new Optimizer(ones, i % 10 === 0 ? nesterov({ form: 'shifted' }) : adam(), options)
          optimizer.gradientPoint()
          optimizer.step(ones)
        }
        return measure()
      }
      return { early: make(20_000), late: make(70_000) }`) as Record<string, Record<string, number>>
    // Node releases handles in turns of the event loop, which do not occur here. On the native engine, each optimizer
    // keeps tables and a plan of 0.7 kB.
    expect((late.rss - early.rss) / MiB).toBeLessThan(engine === 'native' ? 128 : 64)
    expect((late.outside - early.outside) / MiB).toBeLessThan(16)
  })
})

describe.each([
  ...engineNames.map((engine) => [engine, '', ''] as const),
  ['native', ' without WebAssembly memories', noWasmMemory] as const,
  ['typescript', ' without WebAssembly memories', noWasmMemory] as const,
])('the memory of large optimizers on the engine %s%s', (engine, _, before) => {
  const run = runner(engine, before)

  test('does not accumulate when three hundred optimizers are created', () => {
    const { early, late } = run(`
      const ones = new Float32Array(${MiB}).fill(1)
      const make = (count) => {
        for (let i = 0; i < count; i++) {
          const optimizer = new Optimizer(ones, adam({ lr: 1 }), options)
          // Not each time: it takes longest.
          if (i % 10 === 0) optimizer.step(ones)
          if (Math.round(optimizer.params[i]) !== (i % 10 === 0 ? 0 : 1)) throw new Error('wrong at ' + i)
        }
        return measure()
      }
      return { early: make(30), late: make(270) }`) as Record<string, Record<string, number>>
    // A few memories of 4 GB in total have not been returned to the system yet.
    expect((late.rss - early.rss) / MiB).toBeLessThan(128)
    expect((late.outside - early.outside) / MiB).toBeLessThan(16)
  })

  test('remains valid while a view exists, even without the optimizer', () => {
    const intact = run(`
      const views = Array.from({ length: 2000 }, (_, i) => {
        const optimizer = new Optimizer(new Float64Array(50).fill(i), adam(), options)
        return [optimizer.params, optimizer.state.m, optimizer.gradientPoint()][i % 3]
      })
      const large = new Optimizer(new Float64Array(${MiB}).fill(7), adam(), options).params
      gc()
      for (let i = 0; i < 5000; i++) new Optimizer(new Float64Array(50).fill(-1), adam(), options)
      gc()
      return large.every((x) => x === 7) && views.every((view, i) => view.every((x) => x === (i % 3 === 1 ? 0 : i)))`)
    expect(intact).toBe(true)
  })
})

test.each(engineNames)(
  'an unreferenced stepAsync keeps its memory until the step is complete: %s',
  (engine) => {
    const result = runner(
      engine,
      '',
    )(`
    const ones = new Float32Array(300_000).fill(1)
    const clip = { norm: 1e9 }
    // Half of them are dropped at once, with all that was theirs.
    const views = Array.from({ length: 40 }, (_, i) => {
      const optimizer = new Optimizer(ones, gradientDescent({ lr: 1 }), { ...options, clip })
      optimizer.stepAsync(ones)
      return i % 2 === 0 ? optimizer.params : null
    })
    gc()
    const others = Array.from({ length: 20 }, () => new Optimizer(ones, gradientDescent(), options))
    await new Optimizer(ones, gradientDescent(), options).stepAsync(ones)
    for (let i = 0; i < 500 && !views.every((view) => view?.at(-1) !== 1); i++) {
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    gc()
    return {
      done: views.every((view) => view === null || view.every((x) => x === 0)),
      apart: others.every(({ params }) => params.every((x) => x === 1)),
    }`)
    expect(result).toEqual({ done: true, apart: true })
  },
)

test('the end of a worker releases only the optimizers of that worker', () => {
  const result = inChild(`
    const { Worker } = await import('node:worker_threads')
    const make = ({ Optimizer, adam }, engine) => Array.from({ length: 500 }, (_, i) => {
      const optimizer = new Optimizer(new Float32Array(20).fill(i), adam({ lr: 1 }), { engine })
      optimizer.step(new Float32Array(20).fill(1))
      return optimizer
    })
    const mine = make(antigrad, 'native')
    const url = JSON.stringify(antigradUrl)
    const script = "import(" + url + ").then((antigrad) => { globalThis.kept = (" + make + ")(antigrad, 'native') })"
    const codes = []
    for (let i = 0; i < 3; i++) {
      codes.push(await new Promise((resolve) => new Worker(script, { eval: true }).on('exit', resolve)))
    }
    mine.forEach((optimizer) => optimizer.step(new Float32Array(20).fill(1)))
    return { codes, right: mine.every(({ params }, i) => Math.abs(params[7] - (i - 2)) < 1e-3) }`)
  expect(result).toEqual({ codes: [0, 0, 0], right: true })
})

test('WebAssembly memory is released even if user code keeps the results', () => {
  const found = inChild(
    `const { expression, fit } = antigrad
      const model = expression('a*exp(-b*t) + c')
      const t = [0, 1, 2, 3, 4, 5]
      const data = { t, y: t.map((t) => 2 * Math.exp(-t / 2) + 1 + 0.01 * Math.sin(9 * t)) }
      const results = []
      // What is fixed is in programs, which are others each time.
      for (let k = 0; k < 60; k++)
        results.push(fit(model, data, { start: { a: 1, b: 1, c: { start: 1 + k / 1000, fixed: true } } }))
      const turn = () => new Promise((resolve) => setTimeout(resolve, 10))
      let alive = made.length
      for (let i = 0; i < 20 && alive > 16; i++) {
        // What has been looked at is not collected in the same turn.
        await turn()
        gc()
        await turn()
        alive = made.filter((memory) => memory.deref() !== undefined).length
      }
      const converged = results.filter(({ reason }) => reason === 'converged').length
      return { alive, made: made.length, converged }`,
    {
      before: `
      const { Memory } = WebAssembly
      globalThis.made = []
      WebAssembly.Memory = class extends Memory {
        constructor(descriptor) {
          super(descriptor)
          made.push(new WeakRef(this))
        }
      }`,
      flags: ['--expose-gc'],
    },
  ) as Record<string, number>
  expect(found.converged).toBe(60)
  expect(found.made).toBeGreaterThanOrEqual(60)
  // Browsers allow about a hundred memories.
  expect(found.alive).toBeLessThanOrEqual(16)
})
