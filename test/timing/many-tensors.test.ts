/** Optimizers of many small tensors. No call takes time proportional to the square of the number of tensors. */

import { adamw, lamb, Optimizer, prodigy, type SavedRun } from 'antigrad'
import { expect, test } from 'vitest'

const named = (count: number, from = 0) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`t${from + i}`, Float32Array.of(1, 2, 3, 4)]))

function timed(work: () => void): number {
  const start = performance.now()
  work()
  return performance.now() - start
}

/** CPU time. Other processes do not affect CPU time. */
function busy(work: () => void): number {
  const start = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000
}

/** The times of several operations on a number of tensors, in milliseconds. */
function times(count: number, rule: ReturnType<typeof adamw> | ReturnType<typeof prodigy>) {
  const params = named(count)
  const names = Object.keys(params)
  const half = (rest: number) =>
    Object.fromEntries(names.filter((_, i) => i % 2 === rest).map((name) => [name, params[name]]))
  const holes = [half(0), half(1)]
  let optimizer = new Optimizer({ t0: new Float32Array(4) }, rule) as Optimizer<typeof params>
  let saved: SavedRun | undefined
  return {
    constructed: busy(() => {
      optimizer = new Optimizer(params, rule)
    }),
    stepped: busy(() => {
      for (let k = 0; k < 6; k++) optimizer.step(holes[k % 2])
    }),
    saved: busy(() => {
      saved = optimizer.save()
    }),
    loaded: busy(() => {
      optimizer = Optimizer.load(saved as SavedRun)
    }),
    frozen: busy(() => {
      for (const name of names) optimizer.freeze(name)
    }),
    unfrozen: busy(() => {
      for (const name of names) optimizer.unfreeze(name)
      optimizer.step(params)
    }),
  }
}

// On an idle machine, 100,000 tensors take at most 3 s, and 13 times as long as 10,000 tensors. The test fails at three
// times these values.
test.each([adamw(), prodigy()])(
  'a step of 100,000 tensors takes about ten times as long as a step of 10,000: $name',
  (rule) => {
    times(1_000, rule)
    const few = times(10_000, rule)
    const many = times(100_000, rule)
    for (const [call, time] of Object.entries(many)) {
      expect(time, call).toBeLessThan(9_000)
      expect(time / Math.max(few[call as keyof typeof few], 20), call).toBeLessThan(39)
    }
  },
  120_000,
)

test('adding a tensor takes constant time, even after ten thousand tensors', () => {
  const optimizer = new Optimizer(named(1), adamw())
  let count = 1
  const thousand = () =>
    busy(() => {
      for (let k = 0; k < 1_000; k++) optimizer.add(named(1, count++))
    })
  const [, second, third, ...others] = Array.from({ length: 10 }, thousand)
  // If the time grew quadratically, the ratio would be several times as large.
  expect(Math.min(...others.slice(-3))).toBeLessThan(3 * Math.min(second, third))
  expect(optimizer.bytes).toBeLessThan(2 * new Optimizer(named(count), adamw()).bytes)
})

test.each([adamw(), lamb()])(
  'tensors added one by one are updated as fast as initial tensors, and to the same bits: $name',
  (rule) => {
    const params = named(1_000)
    const together = new Optimizer(params, rule)
    const added = new Optimizer({ t0: params.t0 }, rule) as Optimizer<typeof params>
    for (const [name, values] of Object.entries(params).slice(1)) added.add({ [name]: values })
    for (const gradients of [params, undefined]) {
      const best = [Infinity, Infinity]
      for (let k = 0; k < 100; k++) {
        for (const [i, optimizer] of [together, added].entries()) {
          best[i] = Math.min(
            best[i],
            timed(() => optimizer.step(gradients)),
          )
        }
      }
      expect(best[1] / best[0]).toBeLessThan(6)
    }
    expect(added.params).toEqual(together.params)
  },
)
