/** The longest turn of the main thread during batches and fits, in CPU time. */

import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { inChild } from '../children.js'

/** The documented limit in milliseconds, plus half of the limit for a busy machine. */
const LONGEST = 50 * 1.5

const setUp = `
  const { readFileSync } = await import('node:fs')
  const { adam, bootstrap, expression, fitMany, fitShared, minimizeMany, profile } = antigrad
  // The main thread's alone: the engines' threads are free to work.
  const cpu = () => Number(readFileSync(\`/proc/self/task/\${process.pid}/schedstat\`, 'utf8').split(' ')[0]) / 1e6
  const fraction = (k) => ((k * 2654435761) >>> 0) / 2 ** 32
  const columnOf = (length, from, to) => Float64Array.from({ length }, (_, k) => from + (to - from) * fraction(k + 1))
  const startsOf = (count) => ({ x: columnOf(count, -2, 2), y: columnOf(count, -1, 3) })
  const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')
  const decay = expression('a*exp(-b*t) + c')
  const start = { a: 1, b: 1, c: 0 }
  const curve = (rows, seed) => {
    const t = Float64Array.from({ length: rows }, (_, k) => (4 * k) / rows)
    return { t, y: t.map((at, k) => (2 + fraction(seed)) * Math.exp(-1.3 * at) + 0.5 + 0.2 * fraction(seed + k)) }
  }
  const curves = (count, rows) => ({ ...curve(rows, 1), y: Array.from({ length: count }, (_, k) => curve(rows, 7 * k + 1).y) })
  /** The longest turn while something is done, from the call on. */
  const longestTurn = async (work) => {
    let [last, longest, isOver] = [cpu(), 0, false]
    const turn = () => {
      const now = cpu()
      longest = Math.max(longest, now - last)
      last = now
      if (!isOver) setImmediate(turn)
    }
    setImmediate(turn)
    await work()
    await new Promise((resolve) => setImmediate(resolve))
    isOver = true
    return longest
  }
`

/** The kinds of work. */
const works = {
  'a million starts in one list': `
    const list = Array.from(columnOf(1_000_000, -2, 2))
    return longestTurn(() => minimizeMany(valley, list, adam(), { engine, maxIterations: 1 }))`,
  'paths of many runs': `
    const starts = startsOf(10_000)
    return longestTurn(() => minimizeMany(valley, starts, adam(), { engine, maxIterations: 60, recordEvery: 1 }))`,
  'data of many rows': `
    const data = curve(100_000, 1)
    const cost = expression('(a*exp(-b*t) + c - y)^2')
    const starts = { a: [1, 2], b: [1, 1], c: [0, 0] }
    return longestTurn(() => minimizeMany(cost, starts, adam({ lr: 0.1 }), { engine, data, maxIterations: 12 }))`,
  'a fit of many rows': `
    const data = curve(200_000, 1)
    return longestTurn(() => fitMany(decay, data, { start, engine }))`,
  'a fit of many rows, some of them without weight': `
    const data = curve(engine === 'typescript' ? 100_000 : 1_000_000, 1)
    const weights = data.y.map((_, row) => (row % 10 === 0 ? 0 : 1))
    return longestTurn(() => fitMany(decay, data, { start, engine, weights }))`,
  'many fits, some of whose rows have no weight': `
    const data = curves(engine === 'typescript' ? 1000 : 10_000, 100)
    const weights = data.y.map((y) => y.map((_, row) => (row % 10 === 0 ? 0 : 1)))
    return longestTurn(() => fitMany(decay, data, { start, engine, weights }))`,
  'a fit of a million rows that does not converge': `
    const { t } = curve(engine === 'typescript' ? 100_000 : 1_000_000, 1)
    const two = expression('a*exp(-b*t) + c*exp(-d*t)')
    const y = t.map((_, row) => fraction(row + 1))
    return longestTurn(() => fitMany(two, { t, y }, { start: { ...start, d: 2 }, engine, maxIterations: 3 }))`,
  'a fit of many parameters to many rows': `
    const { t } = curve(engine === 'typescript' ? 10_000 : 50_000, 1)
    const names = Array.from({ length: 40 }, (_, k) => 'p' + k)
    const waves = expression(names.map((name, k) => name + '*cos(' + k + '*t + q)').join(' + '))
    const y = t.map((at, row) => Math.cos(7 * at) + fraction(row + 1))
    const near = Object.fromEntries([...names, 'q'].map((name) => [name, 0.1]))
    return longestTurn(() => fitMany(waves, { t, y }, { start: near, engine, loss: 'huber', maxIterations: 4 }))`,
  'weights by the model': `
    const data = curves(engine === 'typescript' ? 500 : 3000, 100)
    return longestTurn(() => fitMany(decay, data, { start, engine, weights: '1/f^2' }))`,
  'the bootstrap of a shared fit': `
    const { t, y } = curves(engine === 'typescript' ? 300 : 3000, 20)
    const found = await fitShared(decay, { t: y.map(() => t), y }, { start, engine, shared: ['b'] })
    return longestTurn(() => bootstrap(found, { count: 3 }))`,
  'profiles of many fits': `
    const found = await fitMany(decay, curves(engine === 'typescript' ? 300 : 2000, 20), { start, engine })
    return longestTurn(() => profile(found))`,
}

describe.skipIf(!existsSync('/proc/self/schedstat'))(
  'no turn of the event loop takes more than 50 ms',
  () => {
    describe.each(['native', 'wasm', 'typescript'])('during the call %s', (engine) => {
      test.each(Object.entries(works))(
        'if the call performs the work %s',
        (_, work) => {
          expect(inChild(`${setUp} const engine = '${engine}'; ${work}`)).toBeLessThan(LONGEST)
        },
        60_000,
      )
    })
  },
)

describe.each(['wasm', 'typescript'])('a long call on the engine %s', (engine) => {
  const runs = engine === 'wasm' ? 60_000 : 20_000
  const call = `minimizeMany(valley, startsOf(${runs}), adam({ lr: 1e-5 }), { ...options, engine: '${engine}', maxIterations: 1_000_000 })`

  test('reports progress several times per second, and ends at once when the signal is aborted', () => {
    const body = `${setUp}
      const controller = new AbortController()
      const told = []
      const options = { signal: controller.signal, onProgress: () => told.push(performance.now()) }
      const began = performance.now()
      let aborted
      setTimeout(() => {
        aborted = cpu()
        controller.abort(new Error('enough'))
      }, 1500)
      const message = await ${call}.then(() => 'it was quicker', ({ message }) => message)
      return { message, reports: told.length, seconds: (performance.now() - began) / 1000, late: cpu() - aborted }`
    const found = inChild(body) as { message: string; reports: number; seconds: number; late: number }
    expect(found.message).toBe('enough')
    expect(found.reports / found.seconds).toBeGreaterThan(2)
    expect(found.late).toBeLessThan(LONGEST)
  }, 60_000)
})

const longParts = {
  'weights by the model': `
    const data = curves(1000, 100)
    return watch((onProgress) => fitMany(decay, data, { start, engine, weights: '1/f^2', onProgress }))`,
  'a bootstrap': `
    const found = await fitMany(decay, curves(20, 100), { start, engine })
    return watch((onProgress) => bootstrap(found, { count: 400, onProgress }))`,
  'a shared fit': `
    const { t, y } = curves(5000, 100)
    const data = { t: y.map(() => t), y }
    return watch((onProgress) => fitShared(decay, data, { start, engine, shared: ['b'], onProgress }))`,
}

test.each(Object.entries(longParts))('the call %s reports progress several times per second', (_, work) => {
  const body = `${setUp}
    const engine = 'typescript'
    const watch = async (work) => {
      const began = performance.now()
      const told = []
      await work((done, total) => told.push([done, total]))
      const rises = told.every(([done, total], k) => total === told[0][1] && (k === 0 || done >= told[k - 1][0]))
      return { seconds: (performance.now() - began) / 1000, reports: told.length, rises, last: told.at(-1) }
    }
    ${work}`
  const found = inChild(body) as { seconds: number; reports: number; rises: boolean; last: [number, number] }
  expect(found.reports / found.seconds).toBeGreaterThan(2)
  expect(found.rises).toBe(true)
  expect(found.last[0]).toBe(found.last[1])
})
