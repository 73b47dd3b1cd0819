/**
 * Bugs in Rust: a panic, or a trap in WebAssembly, ends the call with an error, and the process continues. Only the
 * affected object becomes unusable. (The setup for tests builds an addon with a kernel that panics.)
 */

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { home, inChildOfModules, noWasmMemory } from './children.js'

/** For a child process: a rule of the kernel that panics for a gradient of 1e31, and the calls of an optimizer. */
const prepared = `
  const part = (name) => import(new URL(name, antigradUrl))
  const { define } = await part('rules/define.js')
  const { kernel, twice } = await part('arena/kernel.js')
  const { rule } = await part('rules/rule.js')
  // Its name has this number. No addon that users have has it.
  const Fails = { source: 0, state: [], row: {}, tensor: [], sums: [], number: 641, name: 'Fails' }
  const fails = rule(define('fails', {
    options: {},
    kernels: [kernel(Fails, twice(() => () => {}))],
    stages: () => [Fails],
    coefficients() {},
  }))
  const GOOD = 1
  const BAD = 1e31
  const errorOf = async (call) => {
    try { return await call() } catch (error) {
      return { is: error.name, antigrad: error instanceof antigrad.AntigradError, ...error, message: error.message }
    }
  }
  const everyCall = (optimizer, saved) => ({
    step: () => optimizer.step(),
    stepWith: () => optimizer.step(gradients(GOOD)),
    stepAsync: () => optimizer.stepAsync(),
    zeroGrad: () => optimizer.zeroGrad(),
    set: () => optimizer.set({}),
    freeze: () => optimizer.freeze('**'),
    unfreeze: () => optimizer.unfreeze('**'),
    add: () => optimizer.add({ z: Float32Array.of(1) }),
    grow: () => optimizer.appendRows('w', new Float32Array(2_000_000)),
    point: () => optimizer.gradientPoint(),
    save: () => optimizer.save(),
    restore: () => optimizer.restore(saved),
    state: () => optimizer.state,
  })
  let length = 4
  const make = (options) => new antigrad.Optimizer({ w: new Float32Array(length).fill(1) }, fails(), { engine: 'native', ...options })
  /** Gradients whose last one is good or bad. */
  const gradients = (last) => {
    const w = new Float32Array(length).fill(GOOD)
    w[length - 1] = last
    return { w }
  }
  const isAllGood = ({ params }) => params.w.every((x) => x === 0)`

const failed = (engine: string, why: RegExp, what = 'this optimizer is unusable') => ({
  is: 'EngineError',
  antigrad: true,
  engine,
  reasons: [expect.stringMatching(why)],
  message: expect.stringContaining(`the engine ${engine} has failed, and ${what}: `),
})
const panicked = /the trial has failed/

describe('a panic in the Rust kernels', () => {
  const folder = join(home, 'target/trial/addon')
  const file = existsSync(folder) ? readdirSync(folder).find((name) => name.endsWith('.node')) : undefined
  if (file === undefined) throw new Error('the addon that fails is not there: `npm test` builds it')
  const trial = { env: { ANTIGRAD_ADDON: join(folder, file) }, isQuiet: true, timeout: 60_000 }

  test('is reported with its location in the source, and prints nothing', () => {
    const body = `${prepared}
      return errorOf(() => make({ threads: 1 }).step(gradients(BAD)))`
    const { reasons } = inChildOfModules(body, trial) as { reasons: string[] }
    expect(reasons).toEqual([expect.stringMatching(/rules.trial\.rs:\d+.*the trial has failed/)])
  })

  test.each([
    ['a step', 4, '{ threads: 1 }', 'step(gradients(BAD))', ''],
    ['a step with gradients in the arena', 4, '{ threads: 1 }', 'step()', ''],
    ['a step with gradients that are lent', 300, '{ threads: 1 }', 'step(gradients(BAD))', ''],
    ['a step of threads', 300_000, '{ threads: 2 }', 'step(gradients(BAD))', ''],
    ['stepAsync', 4, '{ threads: 1 }', 'stepAsync(gradients(BAD))', ''],
    ['stepAsync of threads', 300_000, '{ threads: 2 }', 'stepAsync(gradients(BAD))', ''],
    ['stepAsync in slices', 300_000, '{ threads: 1 }', 'stepAsync(gradients(BAD))', noWasmMemory],
    ['a step on an ArrayBuffer', 4, '{ threads: 1 }', 'step(gradients(BAD))', noWasmMemory],
  ])('makes only the affected optimizer unusable: %s', (_, length, options, call, before) => {
    const body = `${prepared}
      length = ${length}
      const [victim, other] = [make(${options}), make(${options})]
      const saved = other.save()
      victim.grads.w.set(gradients(BAD).w)
      const first = await errorOf(() => victim.${call})
      const later = {}
      for (const [name, call] of Object.entries(everyCall(victim, saved))) later[name] = await errorOf(call)
      other.step(gradients(GOOD))
      const isUntouched = isAllGood(other)
      const again = antigrad.Optimizer.load(saved, { engine: 'native' })
      await again.stepAsync(gradients(GOOD))
      return { first, later, isUntouched, isLoaded: isAllGood(again), report: victim.report().tensors.length, length: victim.params.w.length }`
    const { first, later, ...rest } = inChildOfModules(body, { ...trial, before }) as Record<string, object>
    expect(first).toMatchObject(failed('native', panicked))
    for (const [name, end] of Object.entries(later)) expect(end, name).toEqual(first)
    expect(rest).toEqual({ isUntouched: true, isLoaded: true, report: 1, length })
  })

  test('on one of several threads is reported after all threads have finished', () => {
    const body = `${prepared}
      length = 1_000_000
      const ends = new Set()
      const neighbor = make({ threads: 3 })
      for (let round = 0; round < 40; round++) {
        const victim = make({ threads: 3 })
        const given = gradients(GOOD)
        given.w[round * 25_000] = BAD
        const call = round % 2 ? () => victim.stepAsync(given) : () => victim.step(given)
        ends.add((await errorOf(call)).message?.replace(/^.*: /, ''))
        neighbor.params.w.fill(1)
        neighbor.step(gradients(GOOD))
        ends.add(isAllGood(neighbor))
      }
      return [...ends]`
    expect(inChildOfModules(body, trial)).toEqual(['the trial has failed', true])
  })

  test('does not end the Node worker or the process', () => {
    const body = `
      const { Worker } = await import('node:worker_threads')
      const script = \`(async () => {
        const antigradUrl = \${JSON.stringify(antigradUrl)}
        const antigrad = await import(antigradUrl)
        ${prepared.replaceAll('`', '\\`')}
        const victim = make({ threads: 1 })
        const first = await errorOf(() => victim.step(gradients(BAD)))
        const other = make({ threads: 1 })
        other.step(gradients(GOOD))
        const { parentPort } = await import('node:worker_threads')
        parentPort.postMessage([first.is, isAllGood(other)])
      })()\`
      const worker = new Worker(script, { eval: true })
      const [said] = await Promise.all(['message', 'exit'].map((name) => new Promise((resolve) => worker.once(name, resolve))))
      ${prepared}
      const own = make({ threads: 1 })
      own.step(gradients(GOOD))
      return [said, isAllGood(own)]`
    expect(inChildOfModules(body, trial)).toEqual([['EngineError', true], true])
  })

  test.each([
    ['minimizeManySync', 1],
    ['minimizeManySync', 2],
    ['minimizeMany', 1],
    ['minimizeMany', 2],
  ])('ends only the current call in %s on %i threads', (call, threads) => {
    const body = `${prepared}
      const objective = antigrad.expression('x^2')
      const run = (last) => {
        const x = Float64Array.from({ length: 3000 }, () => 0.25)
        x[2999] = last
        const options = { engine: 'native', threads: ${threads}, maxIterations: 5 }
        return antigrad.${call}(objective, { x }, fails(), options)
      }
      const end = async (last) => errorOf(async () => (await run(last)).iterations.every((count) => count === 5))
      return [await end(GOOD), await end(BAD), await end(GOOD)]`
    expect(inChildOfModules(body, trial)).toMatchObject([
      true,
      failed('native', panicked, 'these runs are lost'),
      true,
    ])
  })
})

describe('a trap in a WebAssembly kernel', () => {
  // Overwritten data of the module, including the function tables, cause a trap.
  const trapped = /^it has trapped: /

  test.each(['step()', 'step(gradients())', 'stepAsync()'])(
    'makes only the affected optimizer unusable: %s',
    (call) => {
      const body = `
      const make = (length) => new antigrad.Optimizer({ w: new Float32Array(length).fill(1) }, antigrad.sgd({ lr: 1 }), { engine: 'wasm', clip: { norm: 1e9 } })
      const gradients = (length = 8) => ({ w: new Float32Array(length).fill(1) })
      const [victim, neighbor] = [make(8), make(8)]
      const { buffer } = victim.params.w
      if (buffer !== neighbor.params.w.buffer) throw new Error('no neighbors')
      victim.step(gradients())
      new Uint8Array(buffer, 0, 65536).fill(0xff)
      const errorOf = async (call) => {
        try { return await call() } catch (error) {
          return { is: error.name, antigrad: error instanceof antigrad.AntigradError, ...error, message: error.message }
        }
      }
      const first = await errorOf(() => victim.${call})
      const later = []
      for (const call of [() => victim.step(gradients()), () => victim.stepAsync(), () => victim.save(), () => victim.set({ lr: 1 })])
        later.push(await errorOf(call))
      for (let t = 0; t < 3; t++) neighbor.step(gradients())
      return { first, later, neighbor: [...neighbor.params.w] }`
      const { first, later, neighbor } = inChildOfModules(body, { isQuiet: true }) as {
        first: object
        later: object[]
        neighbor: number[]
      }
      expect(first).toMatchObject(failed('wasm', trapped))
      for (const end of later) expect(end).toEqual(first)
      expect(neighbor).toEqual(Array(8).fill(-2))
    },
  )

  test.each(['minimizeManySync', 'minimizeMany'])(
    'ends only the current call in %s, and the next call succeeds',
    (call) => {
      const before = `
      globalThis.isSpoilt = false
      WebAssembly.Instance = class extends WebAssembly.Instance {
        constructor(module, imports) {
          super(module, imports)
          const memory = Object.values(imports).flatMap(Object.values).find((value) => value instanceof WebAssembly.Memory)
          if (isSpoilt) new Uint8Array(memory.buffer, 0, 65536).fill(0xff)
        }
      }`
      const body = `
      const objective = antigrad.expression('x^2')
      const end = async (spoiled) => {
        isSpoilt = spoiled
        try {
          const { iterations } = await antigrad.${call}(objective, { x: [1, 2, 3] }, antigrad.adam(), { engine: 'wasm', maxIterations: 5 })
          return [...iterations]
        } catch (error) {
          return { is: error.name, antigrad: error instanceof antigrad.AntigradError, ...error, message: error.message }
        }
      }
      return [await end(false), await end(true), await end(false)]`
      const well = [5, 5, 5]
      expect(inChildOfModules(body, { before, isQuiet: true })).toMatchObject([
        well,
        failed('wasm', trapped, 'these runs are lost'),
        well,
      ])
    },
  )

  test('is not caused by a stack overflow, which throws a RangeError', () => {
    const body = `
      const optimizer = new antigrad.Optimizer(new Float32Array(8), antigrad.sgd({ lr: 1 }), { engine: 'wasm' })
      optimizer.step(new Float32Array(8).fill(1))
      const kinds = new Set()
      const dive = () => {
        try { dive() } catch {}
        try { optimizer.step() } catch (error) { kinds.add(error.name) }
      }
      dive()
      optimizer.step()
      return [...kinds]`
    expect(inChildOfModules(body)).toEqual(['RangeError'])
  })
})
