/**
 * Direct calls of the addon with arguments that the package never passes. Such calls cause errors, but never signals.
 */

import { describe, expect, test } from 'vitest'
import { inChildOfModules } from './children.js'

/** For a child process: the addon, and an arena of one tensor. A step subtracts the tensor's gradient. */
const prepared = `
  antigrad.engines()
  const { createRequire } = await import('node:module')
  const require = createRequire(antigradUrl)
  const addon = require(Object.keys(require.cache).find((file) => file.endsWith('.node')))
  const { Arena } = await import(new URL('arena/arena.js', antigradUrl))
  const { BATCH, GradientDescentKernel, HASH } = await import(new URL('arena/manifest.js', antigradUrl))
  const made = (length = 100) => {
    const arena = new Arena('float32', [length], [{ tensors: 1, state: [], byTensor: [], coefficients: 1 }])
    arena.setSegment(0, 0, 0, arena.firstArrays[0], 0, 0, [GradientDescentKernel.number, 0, 0, 0])
    arena.row(0).set([1, Infinity, 0, 1, 1])
    arena.segmentCount = 1
    return arena
  }
  const endOf = async (call) => {
    try { return typeof await call() } catch (error) { return error.message }
  }
  /** An arena's bytes in a memory of one's own, from byte 65536 on. */
  const inMemory = (maximum) => {
    const { region, words } = made()
    const memory = new WebAssembly.Memory({ initial: 2, ...(maximum && { maximum }) })
    new Uint8Array(memory.buffer).set(new Uint8Array(region.buffer, region.byteOffset, region.byteLength), 65536)
    return { memory, attach: (owner) => addon.attach(owner, 65536, region.byteLength, words, 1) }
  }`

describe('the memory object that owns an arena', () => {
  test('must be a real WebAssembly memory or ArrayBuffer', () => {
    const body = `${prepared}
      const { memory, attach } = inMemory(2)
      const plain = memory.buffer.slice(0)
      class Subclass extends WebAssembly.Memory { get buffer() { return plain } }
      const subclass = new Subclass({ initial: 2, maximum: 2 })
      const impostors = {
        object: { buffer: plain },
        heir: Object.create(memory),
        prototype: Object.setPrototypeOf({}, WebAssembly.Memory.prototype),
        own: Object.defineProperty(Object.create(WebAssembly.Memory.prototype), 'buffer', { value: plain }),
        proxy: new Proxy(memory, {}),
        view: new Uint8Array(plain),
        shared: new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true }),
      }
      const ends = {}
      for (const [name, impostor] of Object.entries(impostors)) ends[name] = await endOf(() => attach(impostor))
      // It is one, whatever its buffer says.
      ends.subclass = await endOf(() => attach(subclass))
      // Nor what is in the getter's place by now.
      Object.defineProperty(WebAssembly.Memory.prototype, 'buffer', { get: () => plain, configurable: true })
      ends.replaced = await endOf(() => attach({}))
      ends.memory = await endOf(() => attach(memory))
      return ends`
    const none = 'expected an ArrayBuffer or a WebAssembly.Memory'
    const { shared, ...ends } = inChildOfModules(body) as Record<string, string>
    expect(ends).toEqual({
      ...{ object: none, heir: none, prototype: none, own: none, proxy: none, view: none, replaced: none },
      memory: 'function',
      subclass: 'function',
    })
    expect(shared).not.toBe('function')
  })

  test('must be a memory object that cannot grow', () => {
    const body = `${prepared}
      const ends = []
      for (const maximum of [undefined, 3, 2]) {
        const { memory, attach } = inMemory(maximum)
        ends.push(await endOf(() => attach(memory)))
      }
      return ends`
    const growing = 'expected a WebAssembly.Memory whose maximum is its size'
    expect(inChildOfModules(body)).toEqual([growing, growing, 'function'])
  })

  test('stays alive as long as the step function, even if the buffer is replaced', () => {
    const body = `${prepared}
      const held = () => {
        const { memory, attach } = inMemory(2)
        const run = attach(memory)
        // Its buffer is another one from now on, of the same bytes.
        memory.grow(0)
        return run
      }
      const runs = Array.from({ length: 50 }, held)
      for (let t = 0; t < 20; t++) {
        gc()
        await new Promise((resolve) => setTimeout(resolve, 1))
        for (const run of runs) if (!run(0) || !(await addon.runAsync(run.handle, 0))) return 'not done'
      }
      return 'done'`
    expect(inChildOfModules(body, { flags: ['--expose-gc'] })).toBe('done')
  })

  test('may be an ArrayBuffer, which no call passes to another thread', () => {
    const body = `${prepared}
      const { region, words } = made()
      const buffer = region.buffer.slice(region.byteOffset, region.byteOffset + region.byteLength)
      const run = addon.attach(buffer, 0, buffer.byteLength, words, 1)
      const ends = [run(0), await endOf(() => addon.runAsync(run.handle, 0))]
      ends.push(await endOf(() => addon.advanceManyAsync(buffer, 0, buffer.byteLength, 1)))
      structuredClone(null, { transfer: [buffer] })
      return [...ends, run(0), addon.runRange(run.handle, 0, 0, 112), addon.gather(run.handle, 0)]`
    expect(inChildOfModules(body)).toEqual([
      true,
      "the arena's buffer may be transferred meanwhile",
      "the batch's buffer may be transferred meanwhile",
      ...[false, false, false],
    ])
  })

  test('is checked by the step functions of each worker', () => {
    const body = `
      const { Worker } = await import('node:worker_threads')
      const script = \`(async () => {
        const antigradUrl = \${JSON.stringify(antigradUrl)}
        const antigrad = await import(antigradUrl)
        ${prepared}
        const { memory, attach } = inMemory(2)
        require('node:worker_threads').parentPort.postMessage([attach(memory)(0), await endOf(() => attach({}))])
      })()\`
      const said = () => new Promise((resolve, reject) => {
        const worker = new Worker(script, { eval: true })
        worker.once('message', resolve)
        worker.once('error', reject)
      })
      return [await said(), await said()]`
    const expected = [true, 'expected an ArrayBuffer or a WebAssembly.Memory']
    expect(inChildOfModules(body)).toEqual([expected, expected])
  })
})

describe('a forged batch of runs', () => {
  /** The words of a batch in progress, in a copy that `GAP` unused bytes surround. */
  const batches = `${prepared}
    const GAP = 1 << 16
    const batches = []
    const { advanceMany } = addon
    addon.advanceMany = (owner, offset, length, ...rest) => {
      batches.push(new Uint8Array(owner.buffer ?? owner, offset, length).slice())
      return advanceMany(owner, offset, length, ...rest)
    }
    const limits = { engine: 'native', threads: 2, maxIterations: 3 }
    const t = [0, 1, 2]
    antigrad.minimizeManySync(antigrad.expression('(x - 1)^2 + y^2'), { x: [1, 2, 3], y: [0, 1, 2] }, antigrad.adam(), { ...limits, bounds: { x: [-1, 5] } })
    antigrad.minimizeManySync(antigrad.expression('(x - t)^2'), { x: new Float32Array(600) }, antigrad.adam(), { ...limits, data: { t: [t, ...Array(599).fill(t)] } })
    antigrad.fit(antigrad.expression('a*exp(-b*t)'), { t, y: [3, 2, 1] }, { start: { a: 1, b: 1 }, engine: 'native' })
    addon.advanceMany = advanceMany
    const forged = (bytes, change) => {
      const buffer = new ArrayBuffer(bytes.length + 2 * GAP)
      const all = new Uint8Array(buffer).fill(0xa5)
      all.set(bytes, GAP)
      change(new Uint32Array(buffer, GAP, bytes.length / 4), bytes)
      let end = 'done'
      try { end = addon.advanceMany(buffer, GAP, bytes.length, 2) } catch (error) { end = error.message }
      const isNobodys = (at) => all.subarray(at, at + GAP).every((byte) => byte === 0xa5)
      return isNobodys(0) && isNobodys(GAP + bytes.length) ? end : 'outside of it'
    }`

  test('is refused if the arrays overlap each other or the tables', () => {
    const body = `${batches}
      const places = ['value', 'gradient', 'settings', 'coefficients', 'live', 'planes', 'results', 'scratch']
      const ends = []
      for (const bytes of batches) {
        ends.push(forged(bytes, () => {}))
        for (const name of places) {
          for (const other of ['hash', ...places].filter((other) => other !== name)) {
            ends.push(forged(bytes, (words) => { words[BATCH[name]] = other === 'hash' ? 0 : words[BATCH[other]] }))
          }
        }
      }
      const count = (end) => ends.filter((other) => other === end).length
      return { batches: batches.length, isDone: count(true), isRefused: count(false), all: ends.length }`
    const ends = inChildOfModules(body, { timeout: 60_000 }) as Record<string, number>
    expect(ends.batches).toBeGreaterThan(2)
    expect(ends.isDone).toBe(ends.batches)
    expect(ends.isDone + ends.isRefused).toBe(ends.all)
  })

  test('accesses only its own bytes, even if these bytes are random', () => {
    const body = `${batches}
      let seed = 2463534242
      const below = (limit) => {
        seed ^= seed << 13
        seed ^= seed >>> 17
        seed ^= seed << 5
        return (seed >>> 0) % limit
      }
      const header = Object.keys(BATCH).length
      const ends = {}
      for (let round = 0; round < 900; round++) {
        const bytes = batches[round % batches.length]
        const end = forged(bytes, (words) => {
          for (let k = below(4); k >= 0; k--) {
            const lines = bytes.length / 64
            const numbers = [below(8), below(lines), below(1000), words[below(header)], 2 ** 32 - 1 - below(3), 2 ** below(32), 256 * below(9)]
            // In the header, or in its tables.
            const at = below(3) > 0 ? 1 + below(header - 1) : below(Math.min(words.length, 400))
            words[at] = numbers[below(numbers.length)]
          }
        })
        ends[end] = (ends[end] ?? 0) + 1
      }
      return ends`
    const ends = inChildOfModules(body, { timeout: 120_000 }) as Record<string, number>
    for (const end of Object.keys(ends)) expect(['true', 'false']).toContain(end)
    expect(ends.false).toBeGreaterThan(100)
  })

  test('accesses only its own bytes while another thread overwrites these bytes', () => {
    const body = `${batches}
      const ends = []
      for (const bytes of batches) {
        const pages = Math.ceil(bytes.length / 65536)
        for (let round = 0; round < 5; round++) {
          const memory = new WebAssembly.Memory({ initial: pages, maximum: pages })
          new Uint8Array(memory.buffer).set(bytes)
          const words = new Uint32Array(memory.buffer, 0, bytes.length / 4)
          const ended = addon.advanceManyAsync(memory, 0, bytes.length, 2)
          for (let k = 0; k < 200; k++) words.fill(k % 2 ? 0xffffffff : 600, words[BATCH.live] % words.length)
          ends.push(typeof (await ended))
        }
      }
      return [...new Set(ends)]`
    expect(inChildOfModules(body, { timeout: 60_000 })).toEqual(['boolean'])
  })

  test('is refused for invalid thread counts, instruction sets and offsets', () => {
    const body = `${batches}
      const [{ buffer, byteLength }] = batches
      const calls = [
        [0, byteLength, 0],
        [0, byteLength, 257],
        [0, byteLength, 2 ** 32 - 1],
        [0, byteLength + 1, 1],
        [-1, byteLength, 1],
        [0, byteLength, 1, 'mmx'],
      ]
      return calls.map((call) => thrownBy(() => addon.advanceMany(buffer, ...call))?.is ?? 'nothing')`
    expect(inChildOfModules(body)).toEqual(Array(6).fill('Error'))
  })
})
