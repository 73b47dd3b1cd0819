/** Attacks and mistakes from JavaScript may corrupt numbers, but never reach memory outside the arena. */

import { adamw, Optimizer, sgd } from 'antigrad'
import { describe, expect, test } from 'vitest'
import * as layout from '../../dist/arena/manifest.js'
import { RESERVED_BYTES } from '../../dist/arena/memory.js'
import { wasmModule as catalogue } from '../../dist/webassembly/catalogue.js'
import { wasmModule as core } from '../../dist/webassembly/core.js'
import { decodeModule } from '../../dist/webassembly/module.js'
import { inChildOfModules, noWasmMemory } from '../children.js'
import { bits, engineNames, noise } from '../helpers.js'

describe('arbitrary writes to an arena', () => {
  /** Word indices: the header is followed by ten arrays, the tensors, and one segment per tensor. */
  const arrays = Array.from({ length: layout.ROW_LISTS + 1 }, (_, k) => layout.HEADER + k * layout.ARRAY)
  const TENSOR_AT = layout.HEADER + arrays.length * layout.ARRAY
  const segmentAt = (tensors: number) => TENSOR_AT + tensors * layout.TENSOR
  const lengths = [
    ...[layout.HEADER_LENGTH, ...arrays.map((at) => at + layout.ARRAY_LENGTH)],
    ...[TENSOR_AT + layout.TENSOR_LENGTH, segmentAt(1) + layout.SEGMENT_LENGTH],
  ]
  const places = [
    ...arrays.slice(0, 3).map((at) => at + layout.ARRAY_POSITION),
    ...[TENSOR_AT + layout.TENSOR_OFFSET, segmentAt(1) + layout.SEGMENT_OFFSET],
  ]

  /** Overwrites an optimizer's whole arena during a step. The child process must end normally. */
  test.each([
    ['zeros', 'words.fill(0)'],
    ['ones', 'words.fill(0xffffffff)'],
    ['large numbers', 'words.fill(0x3fffffc0)'],
    ['noise', 'for (let i = 0; i < words.length; i++) words[i] = Math.imul(i, 0x9e3779b9)'],
    ['a count', `words[${layout.HEADER_SEGMENTS}] = 0xffffffff`],
    ['a few zeros, again and again', 'for (let k = 0; k < 2000; k++) words.fill(0, 0, 64)'],
    [
      'lengths, again and again',
      `const kept = words.slice(0, 64)
       for (let k = 0; k < 100_000; k++) {
         for (const at of [${lengths}]) words[at] = k & 1 ? 0xffffffc0 : kept[at]
         for (const at of [${places}]) words[at] = k & 2 ? 0x10000 : kept[at]
       }`,
    ],
  ])('cause no crash during a stepAsync call on the native engine: %s', (_, write) => {
    const body = `
      const ends = []
      for (const clip of [{}, { norm: 1 }]) {
        for (let round = 0; round < 3; round++) {
          const rule = antigrad.adam()
          const optimizer = new antigrad.Optimizer(new Float32Array(1e6), rule, { engine: 'native', threads: 3, clip })
          const neighbor = new antigrad.Optimizer(new Float32Array(100).fill(7), rule)
          const step = optimizer.stepAsync()
          const { buffer, byteOffset } = optimizer.params
          const words = new Uint32Array(buffer, 65536)
          ${write}
          ends.push(await step.then(() => 'done', ({ name }) => name))
          ends.push(thrownBy(() => optimizer.step())?.is ?? 'done')
          if (neighbor.params.some((x) => x !== 7)) ends.push('outside of the arena')
        }
      }
      return [...new Set(ends)]`
    for (const end of inChildOfModules(body) as string[]) expect(['done', 'TensorError']).toContain(end)
  })

  const made = (engine: string) => `
    const rule = antigrad.gradientDescent({ lr: 1 })
    const make = () => new antigrad.Optimizer(
      [new Float32Array(500_000).fill(1), new Float32Array(40).fill(1)], rule, { engine: '${engine}', clip: { norm: 1e9 } })
    // The arena has a memory of its own, at whose start are 64 KiB of the module's.
    const field = ({ params }, at) => new Uint32Array(params[0].buffer, 65536 + 4 * at)
    const isError = (end) => end?.is === 'TensorError' && /overwritten/.test(end.message)`

  const SEGMENT_AT = segmentAt(2)
  const corruptions: [string, number, number][] = [
    ['the count of segments', layout.HEADER_SEGMENTS, 0xffffffff],
    ['the count of segments, by one', layout.HEADER_SEGMENTS, 3],
    ['the length of a segment', SEGMENT_AT + layout.SEGMENT_LENGTH, 0xffffffff],
    ['the offset of a segment', SEGMENT_AT + layout.SEGMENT_OFFSET, 0xfffffff0],
  ]

  describe.each(engineNames)('on the %s engine', (engine) => {
    // WebAssembly reads tables in its memory. The other engines keep copies that cannot be overwritten.
    const expected = engine === 'wasm' ? ['refused', 'unchanged'] : ['done', 'as ever']
    test.each(corruptions)(
      `have the outcome “${expected[0]}” in step and stepAsync within a short time: %s`,
      (_, at, value) => {
        const body = `${made(engine)}
        const ends = []
        for (const call of ['step', 'stepAsync']) {
          const [optimizer, twin] = [make(), make()]
          const pair = [optimizer, twin]
          const fill = () => pair.forEach(({ grads }) => grads.forEach((grad) => grad.fill(0.5)))
          fill()
          for (const each of pair) each.step()
          const before = optimizer.params.map((view) => view.slice())
          fill()
          field(optimizer, ${at})[0] = ${value}
          let end = 'done'
          try { await optimizer[call]() } catch (error) { end = { is: error.name, message: error.message } }
          twin.step()
          const isLike = (others) => optimizer.params.every((view, i) => view.every((x, k) => x === others[i][k]))
          ends.push(isError(end) ? 'refused' : end)
          ends.push(isLike(before) ? 'unchanged' : isLike(twin.params) ? 'as ever' : 'changed')
        }
        return ends`
        expect(inChildOfModules(body, { flags: ['--max-old-space-size=256'], timeout: 20_000 })).toEqual([
          ...expected,
          ...expected,
        ])
      },
    )

    test.each([
      ['the count of segments', layout.HEADER_SEGMENTS, 0xffffffff],
      ['the length of a tensor', TENSOR_AT + layout.TENSOR_LENGTH, 0xffffffff],
      ['the offset of a tensor', TENSOR_AT + layout.TENSOR_OFFSET, 0xfffffff0],
      ['everything', 0, 0xffffffff],
    ])('cause no crash during stepAsync: %s', (_, at, value) => {
      const body = `${made(engine)}
        const optimizer = make()
        const neighbor = make()
        const words = field(optimizer, ${at})
        const step = optimizer.stepAsync()
        ${at === 0 ? 'words.fill' : 'words[0] = '}(${value})
        const end = await step.then(() => 'done', ({ name }) => name)
        return [end, neighbor.params.every((view) => view.every((x) => x === 1))]`
      const [end, intact] = inChildOfModules(body, {
        flags: ['--max-old-space-size=256'],
        timeout: 20_000,
      }) as [string, boolean]
      expect(['done', 'TensorError']).toContain(end)
      expect(intact).toBe(true)
    })
  })
})

test('arbitrary contents of a WebAssembly arena never give access to another arena', () => {
  const make = () => new Optimizer(new Float32Array(64).fill(1), sgd({ lr: 1 }), { engine: 'wasm' })
  const [victim, attacker] = [make(), make()]
  const { buffer, byteOffset } = attacker.params
  expect(buffer).toBe(victim.params.buffer)
  // The library's data in front of the planes, changed so that the data refer to the other arena.
  const own = new Uint32Array(buffer as ArrayBuffer, byteOffset - 256, 64)
  const distance = byteOffset - victim.params.byteOffset
  victim.grads.fill(1)
  attacker.grads.fill(1)
  for (let i = 0; i < own.length; i++) {
    const kept = own[i]
    for (const value of [kept - distance, kept - distance / 64, kept + distance, 0, 0xffffffff]) {
      own[i] = value
      try {
        attacker.step()
      } catch {}
      own[i] = kept
    }
  }
  expect(victim.params.every((x) => x === 1)).toBe(true)
})

test('overwriting the data of a running step affects only the WebAssembly memory of that step', () => {
  const body = `
    const victim = new antigrad.Optimizer(new Float32Array(1 << 20).fill(1), antigrad.sgd(), { engine: 'wasm' })
    const ends = new Set()
    let [slab, start] = [null, 0]
    for (let word = 0; word < 32; word++) {
      for (const value of [0, 1, 64, 65_536, 0x7fffffff, 0xffffffff]) {
        const attacker = new antigrad.Optimizer(new Float64Array(2).fill(1), antigrad.adamw(), { engine: 'wasm' })
        const { buffer, byteOffset } = attacker.params
        if (buffer === victim.params.buffer) throw new Error('they share a memory')
        for (let k = 0; k < 4; k++) attacker.step()
        // Small arenas follow each other; what was found is at the end of each.
        if (buffer !== slab) [slab, start] = [buffer, 65_536]
        start += attacker.bytes
        new Uint32Array(buffer, start - 128, 32)[word] = value
        for (let k = 0; k < 2; k++) ends.add(thrownBy(() => attacker.step())?.is ?? 'done')
      }
    }
    return [[...ends].sort(), victim.params.every((x) => x === 1)]`
  expect(inChildOfModules(body)).toEqual([['EngineError', 'done'], true])
})

describe('a stack overflow in a WebAssembly module', () => {
  const make = (options: object) =>
    new Optimizer(noise(1, 600, 'float32'), adamw({ lr: 0.1 }), { engine: 'wasm', ...options })

  test.each([{}, { clip: { value: 0.5 } }, { clip: { norm: 1 } }])(
    'leaves all optimizers usable: %j',
    (options) => {
      const [wanting, neighbor, expected] = [make(options), make(options), make(options)]
      expect(wanting.params.buffer).toBe(neighbor.params.buffer)
      const gradient = noise(2, 600, 'float32')
      const step = wanting.step as (...all: unknown[]) => void
      /** A step with less stack: unused arguments occupy `words` words. */
      const fits = (words: number) => {
        try {
          step.apply(wanting, [gradient, ...Array(words)])
          return true
        } catch {
          return false
        }
      }
      for (let t = 0; t < 2000; t++) fits(0)
      let [most, least] = [2 ** 10, 2 ** 18]
      while (least - most > 1) {
        const words = (most + least) >> 1
        if (fits(words)) most = words
        else least = words
      }
      // Within this range, the stack just suffices for the JavaScript code.
      for (let words = most; words < most + 500; words++) fits(words)
      const fresh = make(options)
      for (let t = 0; t < 3; t++) for (const one of [neighbor, fresh, expected]) one.step(gradient)
      expect(bits(neighbor.params)).toBe(bits(expected.params))
      expect(bits(fresh.params)).toBe(bits(expected.params))
      expect(fits(0)).toBe(true)
    },
  )
})

test.each(Object.entries({ core, catalogue }))(
  'the stack and data of the module %s fit into the reserved bytes',
  (_, source) => {
    const module = new WebAssembly.Module(decodeModule(source))
    const memory = new WebAssembly.Memory({
      initial: RESERVED_BYTES / 65536,
      maximum: RESERVED_BYTES / 65536,
    })
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      imports[from] = { ...imports[from], [name]: kind === 'memory' ? memory : () => {} }
    }
    expect(() => new WebAssembly.Instance(module, imports)).not.toThrow()
  },
)

/** For a child process: the addon as the package has loaded it, and arenas for it. */
const addonInChild = `
  antigrad.engines()
  const { createRequire } = await import('node:module')
  const require = createRequire(antigradUrl)
  const addon = require(Object.keys(require.cache).find((file) => file.endsWith('.node')))
  const { Arena } = await import(new URL('arena/arena.js', antigradUrl))
  const { GradientDescentKernel, NORM } = await import(new URL('arena/manifest.js', antigradUrl))
  const made = () => {
    const arena = new Arena('float32', [100], [{ tensors: 1, state: [], byTensor: [], coefficients: 1 }])
    arena.setSegment(0, 0, 0, arena.firstArrays[0], 0, 0, [GradientDescentKernel.number, 0, 0, 0])
    arena.segmentCount = 1
    return arena
  }
  const attached = (arena, threads = 1, owner = arena.region.memory ?? arena.region.buffer) =>
    addon.attach(owner, arena.region.byteOffset, arena.region.byteLength, arena.words, threads)
  const outcomeOf = async (call) => {
    try { return await call() } catch (error) { return error.message }
  }`

describe('the addon, called without the library,', () => {
  test("keeps an arena alive as long as the arena's step function exists", () => {
    const body = `${addonInChild}
      const step = attached(made())
      const lost = ['handle', 'owner', 'bytes'].filter((name) => Object.hasOwn(step, name)).filter((name) =>
        Reflect.deleteProperty(step, name) || Reflect.set(step, name, 0) || Reflect.defineProperty(step, name, { value: 0 }))
      return [typeof step.handle, lost]`
    expect(inChildOfModules(body)).toEqual(['object', []])
  })

  test('ignores a handle whose arena was garbage-collected', () => {
    const body = `${addonInChild}
      const family = { tensors: 1, state: [], byTensor: [], coefficients: 1 }
      const make = () => attached(new Arena('float32', [3_000_000], [family])).handle
      const handle = make()
      for (let t = 0; t < 100 && addon.gather(handle, NORM); t++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      return [addon.gather(handle, NORM), await outcomeOf(() => addon.runAsync(handle, 0))]`
    expect(inChildOfModules(body, { flags: ['--expose-gc'] })).toEqual([false, 'the arena is gone'])
  })

  test.each([
    ['transferred', 'structuredClone(null, { transfer: [buffer] })'],
    ['shrunk', 'buffer.resize(64)'],
    ['shrunk by a byte', 'buffer.resize(buffer.byteLength - 1)'],
    ['grown', 'buffer.resize(buffer.byteLength + 64)'],
  ])('does nothing if the ArrayBuffer was %s', (_, change) => {
    const body = `${addonInChild}
      const resizable = new ArrayBuffer(4096, { maxByteLength: 8192 })
      const arena = made()
      new Uint8Array(resizable).set(new Uint8Array(arena.region.buffer))
      const buffer = ${change.startsWith('buffer') ? 'resizable' : 'arena.region.buffer'}
      const run = attached(arena, 1, buffer)
      const calls = [() => run(0), () => run(NORM), () => run(0, new Float32Array(100)),
        () => addon.runRange(run.handle, 0, 0, arena.length), () => addon.gather(run.handle, NORM)]
      const before = calls.map((call) => call())
      ${change}
      return [before, calls.map((call) => call()), await outcomeOf(() => addon.runAsync(run.handle, 0))]`
    const refused = "the arena's buffer may be transferred meanwhile"
    const all = (done: boolean) => Array(5).fill(done)
    expect(inChildOfModules(body, { before: noWasmMemory })).toEqual([all(true), all(false), refused])
  })

  test('refuses invalid arguments without allocating memory', () => {
    const body = `${addonInChild}
      const { region, words } = made()
      const { buffer, byteOffset, byteLength } = region
      const step = attached(made())
      const before = process.memoryUsage().rss
      const calls = {
        threads: [0, 257, 4294967295].map((threads) => () => attached(made(), threads)),
        place: [[-1, 64], [0.5, 640], [NaN, 640], [0, Infinity], [0, buffer.byteLength + 1], [buffer.byteLength, 1], [4, 640]]
          .map(([offset, length]) => () => addon.attach(buffer, offset, length, words, 1)),
        buffer: [null, {}, new SharedArrayBuffer(4096), new Uint8Array(buffer), 'buffer']
          .map((buffer) => () => addon.attach(buffer, 0, 640, words, 1)),
        detached: [() => {
          const gradient = new Float32Array(100)
          structuredClone(null, { transfer: [gradient.buffer] })
          return step(0, gradient)
        }],
      }
      const refused = Object.fromEntries(
        Object.entries(calls).map(([name, all]) => [name, all.map((call) => thrownBy(call)?.is ?? 'nothing')]))
      return { refused, megabytes: (process.memoryUsage().rss - before) / 2 ** 20 }`
    const errors = (count: number) => Array(count).fill('Error')
    const { refused, megabytes } = inChildOfModules(body) as { refused: object; megabytes: number }
    expect(refused).toEqual({
      threads: errors(3),
      place: errors(7),
      buffer: errors(5),
      detached: errors(1),
    })
    expect(megabytes).toBeLessThan(64)
  })
})

test('a step on a transferred ArrayBuffer throws an error, even if built-in functions were replaced', () => {
  const body = `
    const optimizer = new antigrad.Optimizer(new Float32Array(1e5), antigrad.adam(), { engine: 'native' })
    optimizer.step()
    const length = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Float32Array.prototype), 'length')
    const transfer = [optimizer.params.buffer]
    Object.defineProperty(Object.getPrototypeOf(Float32Array.prototype), 'length', { get: () => 100_000 })
    structuredClone(null, { transfer })
    const ends = [thrownBy(() => optimizer.step())?.is]
    Object.defineProperty(Object.getPrototypeOf(Float32Array.prototype), 'length', length)
    return ends`
  expect(inChildOfModules(body, { before: noWasmMemory })).toEqual(['TensorError'])
})

describe.runIf(process.platform === 'linux')('idle threads', () => {
  test('are not started for a step that needs at most two helper threads', () => {
    const body = `
      const { readdirSync, readFileSync } = await import('node:fs')
      const optimizer = new antigrad.Optimizer(new Float32Array(3 * 2 ** 15), antigrad.sgd(), { engine: 'native', threads: 256 })
      optimizer.step()
      await new Promise((resolve) => setTimeout(resolve, 100))
      return readdirSync('/proc/self/task')
        .filter((task) => readFileSync('/proc/self/task/' + task + '/comm', 'utf8') === 'antigrad\\n').length`
    expect(inChildOfModules(body)).toBeLessThanOrEqual(2)
  })
})

/** This test needs 7 GiB for several seconds. */
test.runIf(process.env.ANTIGRAD_TEST_LARGE)('the native engine supports arenas larger than 4 GiB', () => {
  const body = `
    const length = 2 ** 29 + 2 ** 20
    const optimizer = new antigrad.Optimizer(new Float32Array(length), antigrad.gradientDescent({ lr: 1 }), { engine: 'native' })
    const gigabytes = optimizer.params.buffer.byteLength / 2 ** 30
    const { grads, params } = optimizer
    const places = [0, 1, 2 ** 28, 2 ** 29 - 1, 2 ** 29, length - 1]
    for (const place of places) grads[place] = place % 7 + 1
    optimizer.step()
    for (let i = 0; i < 3; i++) await optimizer.stepAsync()
    return [optimizer.engine, gigabytes > 4, places.every((place) => params[place] === -4 * (place % 7 + 1)), params[2]]`
  expect(inChildOfModules(body)).toEqual(['native', true, true, 0])
})
