/**
 * Schedules compared with the schedules of PyTorch and Optax, documented properties of schedules, and refused values.
 */

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  adam,
  chained,
  constant,
  cosine,
  cosineRestarts,
  cyclic,
  evaluateSchedule,
  exponential,
  expression,
  gradientDescent,
  inverseSqrt,
  inverseTime,
  joined,
  linear,
  minimize,
  minimizeManySync,
  momentum,
  multiStep,
  noam,
  Optimizer,
  OptionError,
  observeMetric,
  oneCycle,
  piecewiseConstant,
  piecewiseInterpolate,
  polynomial,
  reduceOnPlateau,
  type Schedule,
  type Scheduled,
  sgd,
  step,
  warmup,
  warmupStableDecay,
} from 'antigrad'
import { build } from 'esbuild'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as functions from '../dist/schedules/index.js'
import { findConstantStart, scaled, warmupSteps } from '../dist/schedules/schedule.js'
import { home } from './children.js'
import { bits } from './helpers.js'

/** The user's form of each schedule in the data: first PyTorch's names, then Optax's names. */
const golden: Record<string, Schedule> = {
  'StepLR step': step(0.1, { stepSize: 10, gamma: 0.5 }),
  'MultiStepLR multiStep': multiStep(0.1, { milestones: [5, 20, 45] }),
  'ConstantLR constant': constant(0.1, { factor: 0.25, steps: 9 }),
  'LinearLR linear': linear(0.01, { endValue: 0.1, steps: 20 }),
  'ExponentialLR exponential': exponential(0.1, { gamma: 0.95 }),
  'PolynomialLR polynomial': polynomial(0.1, { steps: 40, power: 2 }),
  'CosineAnnealingLR cosine': cosine(0.1, { steps: 50, endValue: 1e-4, periodic: true }),
  'CosineAnnealingWarmRestarts cosineWarmRestarts': cosineRestarts(0.1, { steps: 10, factor: 2 }),
  'OneCycleLR oneCycle': oneCycle(0.5, { steps: 61 }),
  'OneCycleLR oneCycle+linear': oneCycle(0.5, { steps: 61, annealStrategy: 'linear', threePhase: true }),
  'CyclicLR cyclic': cyclic(0.01, { maxValue: 0.1, stepSizeUp: 8, stepSizeDown: 12 }),
  'CyclicLR cyclic+triangular2': cyclic(0.01, { maxValue: 0.1, stepSizeUp: 8, mode: 'triangular2' }),
  'exponential_decay exponential': exponential(0.1, { gamma: 0.5, steps: 10, begin: 3 }),
  'exponential_decay exponential+staircase': exponential(0.1, { gamma: 0.5, steps: 10, staircase: true }),
  'cosine_decay_schedule cosine': cosine(0.1, { steps: 50, endValue: 0.01 }),
  'warmup_cosine_decay_schedule warmupCosine': joined(
    [linear(0, { endValue: 0.1, steps: 10 }), cosine(0.1, { steps: 40, endValue: 0.001 })],
    { boundaries: [10] },
  ),
  'warmup_exponential_decay_schedule warmupExponential': joined(
    [linear(0, { endValue: 0.1, steps: 10 }), exponential(0.1, { gamma: 0.7, steps: 10 })],
    { boundaries: [10] },
  ),
  'linear_schedule linear': linear(0, { endValue: 0.1, steps: 20, begin: 5 }),
  'polynomial_schedule polynomial': polynomial(0.1, { endValue: 0.001, steps: 40, power: 2 }),
  'cosine_onecycle_schedule oneCycleCosine': oneCycle(0.5, { steps: 60, form: 'optax' }),
  'piecewise_constant_schedule piecewiseConstant': piecewiseConstant(0.1, {
    boundaries: [10, 30],
    scales: [0.5, 0.1],
  }),
  'sgdr_schedule sgdr': joined(
    [
      warmup(0.1, { steps: 5, from: 0 }),
      cosine(0.1, { steps: 15 }),
      warmup(0.05, { steps: 3, from: 0.01 }),
      cosine(0.05, { steps: 27 }),
    ],
    { boundaries: [5, 20, 23] },
  ),
}

interface Golden {
  readonly system: string
  readonly name: string
  readonly values: readonly number[]
}

const data = JSON.parse(readFileSync(join(home, 'test/data/schedules.json'), 'utf8')).schedules as Golden[]
const nameOf = ({ system, name }: Golden) => `${system.split('.').at(-1)} ${name}`

describe('the schedule values of PyTorch and Optax', () => {
  test('are all included in the comparison', () => {
    expect(data.map(nameOf).sort()).toEqual(Object.keys(golden).sort())
  })

  test.each(data.map((entry) => [nameOf(entry), entry.values] as const))(
    'are reproduced by the schedule %s',
    (name, values) => {
      expect(values.length).toBe(60)
      const largest = Math.max(...values)
      values.forEach((value, t) => {
        expect(Math.abs(evaluateSchedule(golden[name], t) - value), `t = ${t}`).toBeLessThan(1e-12 * largest)
      })
    },
  )
})

/** Formulas of the schedules that the data do not contain. The accuracy of `Math` suffices. */
const formulas: Record<string, readonly [Schedule, (t: number) => number]> = {
  'a constant': [constant(0.3), () => 0.3],
  'ConstantLR’s factor': [constant(0.3, { steps: 3 }), (t) => (t < 3 ? 0.1 : 0.3)],
  'a power that is not whole': [
    polynomial(1, { steps: 10, power: 0.5, begin: 5, endValue: 0.2 }),
    (t) => 0.2 + 0.8 * Math.sqrt(1 - Math.min(10, Math.max(0, t - 5)) / 10),
  ],
  'milestones that are there twice': [
    multiStep(8, { milestones: [0, 4, 4], gamma: 0.5 }),
    (t) => (t < 4 ? 4 : 1),
  ],
  'exponential with an end': [
    exponential(1, { gamma: 0.5, steps: 2, endValue: 0.1 }),
    (t) => Math.max(0.1, 0.5 ** (t / 2)),
  ],
  'exponential that grows to an end': [
    exponential(1, { gamma: 2, endValue: 10, staircase: true, steps: 3 }),
    (t) => Math.min(10, 2 ** Math.floor(t / 3)),
  ],
  'inverse time': [inverseTime(2, { decayRate: 0.5, steps: 3 }), (t) => 2 / (1 + 0.5 * (t / 3))],
  'inverse time in stairs': [
    inverseTime(2, { decayRate: 0.5, steps: 3, begin: 4, staircase: true }),
    (t) => (t < 4 ? 2 : 2 / (1 + 0.5 * Math.floor((t - 4) / 3))),
  ],
  'inverse square root': [
    inverseSqrt(0.1, { warmupSteps: 8 }),
    (t) => (t < 8 ? (0.1 * t) / 8 : 0.1 * Math.sqrt(8 / t)),
  ],
  'inverse square root without a warm-up': [inverseSqrt(0.1), (t) => 0.1 / Math.sqrt((t + 1e4) / 1e4)],
  'inverse square root, stretched': [
    inverseSqrt(0.1, { warmupSteps: 2, timescale: 5 }),
    (t) => (t < 2 ? 0.05 * t : 0.1 / Math.sqrt((t + 3) / 5)),
  ],
  noam: [
    noam(2, { modelSize: 512, warmupSteps: 10 }),
    (t) => 2 * 512 ** -0.5 * Math.min((t + 1) ** -0.5, (t + 1) * 10 ** -1.5),
  ],
  'a cosine with an exponent': [
    cosine(1, { steps: 20, exponent: 2, endValue: 0.1 }),
    (t) => (t < 20 ? 0.1 + 0.9 * (0.5 + 0.5 * Math.cos((Math.PI * t) / 20)) ** 2 : 0.1),
  ],
  'warm restarts of one length': [
    cosineRestarts(1, { steps: 7, endValue: 0.5 }),
    (t) => 0.75 + 0.25 * Math.cos((Math.PI * (t % 7)) / 7),
  ],
  'one cycle of straight lines, as Optax': [
    oneCycle(50, { steps: 40, annealStrategy: 'linear', form: 'optax', finalDivFactor: 10 }),
    (t) =>
      t < 12
        ? 2 + (48 * t) / 12
        : t < 34
          ? 50 - (48 * (t - 12)) / 22
          : t < 40
            ? 2 - (1.8 * (t - 34)) / 6
            : 0.2,
  ],
  'a cycle whose height falls': [
    cyclic(1, { maxValue: 3, stepSizeUp: 4, mode: 'expRange', gamma: 0.9 }),
    (t) => 1 + 2 * (1 - Math.abs((t % 8) - 4) / 4) * 0.9 ** t,
  ],
  'a cycle whose height grows': [
    cyclic(1, { maxValue: 3, stepSizeUp: 4, mode: 'expRange', gamma: 1.1 }),
    (t) => 1 + 2 * (1 - Math.abs((t % 8) - 4) / 4) * 1.1 ** t,
  ],
  'warm-up, stable, decay': [
    warmupStableDecay(1, { warmupSteps: 5, stableSteps: 10, decaySteps: 20, endValue: 0.1 }),
    (t) => (t < 5 ? t / 5 : 0.1 + 0.45 * (1 + Math.cos((Math.PI * Math.min(20, Math.max(0, t - 15))) / 20))),
  ],
  '… with a straight line': [
    warmupStableDecay(1, { warmupSteps: 0, stableSteps: 10, decaySteps: 20, decayType: 'linear' }),
    (t) => 1 - Math.min(20, Math.max(0, t - 10)) / 20,
  ],
  '… with a root': [
    warmupStableDecay(1, { warmupSteps: 2, stableSteps: 0, decaySteps: 20, decayType: '1-sqrt' }),
    (t) => (t < 2 ? t / 2 : 1 - Math.sqrt(Math.min(20, t - 2) / 20)),
  ],
  'pieces of straight lines': [
    piecewiseInterpolate(1, { boundaries: [10, 30], scales: [3, 0.5] }),
    (t) => (t < 10 ? 1 + t / 5 : 3 - (1.5 * Math.min(20, t - 10)) / 20),
  ],
  'pieces of half cosines': [
    piecewiseInterpolate(1, { boundaries: [10], scales: [0], interpolation: 'cosine' }),
    (t) => 0.5 + 0.5 * Math.cos((Math.PI * Math.min(10, t)) / 10),
  ],
  'no pieces': [piecewiseConstant(2, { boundaries: [], scales: [] }), () => 2],
  'a product': [
    chained([0.5, linear(1, { endValue: 3, steps: 4 }), (t) => t]),
    (t) => 0.5 * (1 + Math.min(4, t) / 2) * t,
  ],
  'parts, one after the other': [
    joined([3, (t) => t, chained([step(8, { stepSize: 2, gamma: 0.5 })])], { boundaries: [5, 9] }),
    (t) => (t < 5 ? 3 : t < 9 ? t - 5 : 8 * 0.5 ** Math.floor((t - 9) / 2)),
  ],
  'a warm-up before another': [
    warmup(cosine(1, { steps: 20 }), { steps: 4 }),
    (t) => Math.min(1, (t + 1) / 4) * (0.5 + 0.5 * Math.cos((Math.PI * Math.min(t, 20)) / 20)),
  ],
}

describe('the documented formula of the schedule', () => {
  test.each(Object.entries(formulas))("%s determines the schedule's values", (_, [schedule, formula]) => {
    for (const t of [...Array(60).keys(), 1e6]) {
      const expected = formula(t)
      const error = Math.abs(evaluateSchedule(schedule, t) - expected)
      if (Number.isFinite(expected)) {
        expect(error, `t = ${t}`).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(expected)))
      }
    }
  })
})

test('the values of all schedules equal the recorded bits', () => {
  const schedules = [...Object.values(golden), ...Object.values(formulas).map(([schedule]) => schedule)]
  const plain = schedules.filter((schedule) => !/joined|chained/.test(JSON.stringify(schedule)))
  const values = plain.flatMap((schedule) =>
    Array.from({ length: 60 }, (_, t) => evaluateSchedule(schedule, t)),
  )
  const digest = createHash('sha256')
    .update(new Uint8Array(Float64Array.from(values).buffer))
    .digest('hex')
  expect(digest.slice(0, 16)).toBe('01a5ac6518baf926')
})

// Multiples of 2⁻²⁰: rounding commutes with doubling.
const level = fc.integer({ min: 0, max: 1 << 20 }).map((n) => n / (1 << 20))
const count = fc.integer({ min: 1, max: 40 })
const whole = fc.integer({ min: 0, max: 40 })
const ascending = (most = 5) =>
  fc.uniqueArray(count, { maxLength: most }).map((list) => list.sort((a, b) => a - b))
const some = <T>(values: T[]) => fc.constantFrom(...values)
const scales = {
  boundaries: ascending(),
  scale: fc.array(
    level.map((x) => 2 * x),
    { minLength: 5, maxLength: 5 },
  ),
}
const piecewise = fc
  .record(scales)
  .map(({ boundaries, scale }) => ({ boundaries, scales: scale.slice(0, boundaries.length) }))

const apart = (from: number, to: number) => [Math.min(from, to), Math.max(from, to)] as const

interface Drawn {
  readonly schedule: Schedule
  /** The documented bounds. */
  readonly bounds: readonly [number, number]
  /** 1 or −1 if the schedule is documented as monotonic, and otherwise 0. */
  readonly way: number
  /** The documented maximum change per update. */
  readonly slope: number
}

const drawn = (schedule: Schedule, bounds: readonly [number, number], way = 0, slope = Infinity): Drawn => ({
  schedule,
  bounds,
  way,
  slope,
})

/** Random numeric schedules of each kind. */
const kinds: Record<string, fc.Arbitrary<Drawn>> = {
  constant: fc
    .tuple(level, fc.record({ factor: level, steps: whole }))
    .map(([value, options]) => drawn(constant(value, options), [0, value], 1)),
  linear: fc
    .tuple(level, fc.record({ endValue: level, steps: count, begin: whole }))
    .map(([value, options]) => {
      const { endValue, steps } = options
      const bounds = apart(value, endValue)
      return drawn(
        linear(value, options),
        bounds,
        Math.sign(endValue - value),
        (bounds[1] - bounds[0]) / steps,
      )
    }),
  polynomial: fc
    .tuple(
      level,
      fc.record({ endValue: level, steps: count, begin: whole, power: some([0, 0.5, 1, 2, 3.7]) }),
    )
    .map(([value, options]) =>
      drawn(polynomial(value, options), apart(value, options.endValue), Math.sign(options.endValue - value)),
    ),
  step: fc
    .tuple(level, fc.record({ stepSize: count, gamma: level }))
    .map(([value, options]) => drawn(step(value, options), [0, value], -1)),
  multiStep: fc
    .tuple(level, fc.record({ milestones: ascending(), gamma: level }))
    .map(([value, options]) => drawn(multiStep(value, options), [0, value], -1)),
  exponential: fc
    .tuple(level, fc.record({ gamma: level, steps: count, begin: whole, staircase: fc.boolean() }))
    .map(([value, options]) => drawn(exponential(value, options), [0, value], -1)),
  inverseTime: fc
    .tuple(level, fc.record({ decayRate: level, steps: count, begin: whole, staircase: fc.boolean() }))
    .map(([value, options]) => drawn(inverseTime(value, options), [0, value], -1)),
  inverseSqrt: fc
    .tuple(level, fc.record({ warmupSteps: whole, timescale: fc.option(count) }))
    .map(([value, options]) => drawn(inverseSqrt(value, options), [0, value])),
  noam: fc
    .tuple(level, fc.record({ modelSize: count, warmupSteps: count }))
    .map(([value, options]) => drawn(noam(value, options), [0, value])),
  cosine: fc
    .tuple(
      level,
      fc.record({ endValue: level, steps: count, exponent: some([1, 2, 0.5]), periodic: fc.boolean() }),
    )
    .map(([value, options]) => {
      const { endValue, periodic, exponent, steps } = options
      const [low, high] = apart(value, endValue)
      const slope = exponent === 0.5 ? Infinity : (exponent * (Math.PI / 2) * (high - low)) / steps
      return drawn(cosine(value, options), [low, high], periodic ? 0 : Math.sign(endValue - value), slope)
    }),
  cosineRestarts: fc
    .tuple(level, fc.record({ endValue: level, steps: count, factor: some([1, 2, 3]) }))
    .map(([value, options]) => drawn(cosineRestarts(value, options), apart(value, options.endValue))),
  oneCycle: fc
    .tuple(
      level,
      fc.record({
        steps: fc.integer({ min: 10, max: 50 }),
        annealStrategy: some(['cos', 'linear'] as const),
        form: some(['torch', 'optax'] as const),
        threePhase: fc.boolean(),
      }),
    )
    .map(([value, options]) => {
      // The shortest phase takes an eleventh of the schedule, or one update.
      const slope = (value * Math.PI) / 2 / Math.max(1, options.steps * 0.15 - 1)
      return drawn(oneCycle(value, options), [value / 25 / 1e4, value], 0, slope)
    }),
  cyclic: fc
    .tuple(
      level,
      fc.record({
        maxValue: level,
        stepSizeUp: count,
        stepSizeDown: fc.option(count),
        mode: some(['triangular', 'triangular2', 'expRange'] as const),
        gamma: level,
      }),
    )
    .map(([value, options]) => {
      const { maxValue, stepSizeUp, stepSizeDown, mode } = options
      const [low, high] = apart(value, maxValue)
      const slope =
        mode === 'expRange' ? Infinity : (high - low) / Math.min(stepSizeUp, stepSizeDown ?? stepSizeUp)
      return drawn(cyclic(value, options), [low, high], 0, slope)
    }),
  warmupStableDecay: fc
    .tuple(
      level,
      fc.record({
        warmupSteps: whole,
        stableSteps: whole,
        decaySteps: count,
        decayType: some(['cosine', 'linear', '1-sqrt'] as const),
        endValue: level,
      }),
    )
    .map(([value, options]) => {
      const { warmupSteps, decaySteps, decayType, endValue } = options
      const fall = ((Math.PI / 2) * Math.abs(value - endValue)) / decaySteps
      const slope = decayType === '1-sqrt' ? Infinity : Math.max(value / (warmupSteps || 1), fall)
      return drawn(warmupStableDecay(value, options), [0, Math.max(value, endValue)], 0, slope)
    }),
  reduceOnPlateau: fc
    .tuple(
      level,
      level,
      fc.record({ factor: level, patience: whole, cooldown: whole, best: fc.option(level), badCount: whole }),
    )
    .map(([a, b, options]) => {
      const [minValue, value] = apart(a, b)
      return drawn(reduceOnPlateau(value, { ...options, minValue }), [value, value], 0, 0)
    }),
  piecewiseConstant: fc
    .tuple(level, piecewise)
    .map(([value, options]) => drawn(piecewiseConstant(value, options), [0, 32 * value])),
  piecewiseInterpolate: fc
    .tuple(level, piecewise, some(['linear', 'cosine'] as const))
    .map(([value, options, interpolation]) =>
      drawn(piecewiseInterpolate(value, { ...options, interpolation }), [0, 32 * value]),
    ),
}

const simple = fc.oneof(...Object.values(kinds)).map(({ schedule }) => schedule)
const nested: fc.Arbitrary<Schedule> = fc.letrec<{ any: Schedule }>((tie) => ({
  any: fc.oneof(
    { maxDepth: 3 },
    simple,
    fc
      .tuple(tie('any'), count, fc.option(level))
      .map(([value, steps, from]) => warmup(value, { steps, from })),
    fc.array(tie('any'), { minLength: 1, maxLength: 3 }).map((schedules) => chained(schedules)),
    fc
      .tuple(ascending(3), fc.array(tie('any'), { minLength: 4, maxLength: 4 }))
      .map(([boundaries, list]) => joined(list.slice(0, boundaries.length + 1), { boundaries })),
  ),
})).any
const times = [...Array(130).keys(), 1000, 1e6 + 1, 2 ** 40]
const valuesOf = (schedule: Scheduled) => times.map((t) => evaluateSchedule(schedule, t))

test('every schedule occurs in the random tests, and has a table row in the docs', () => {
  const drawn = [...Object.keys(kinds), 'warmup', 'chained', 'joined']
  expect(Object.keys(functions).sort()).toEqual(drawn.sort())
  const page = readFileSync(join(home, 'docs/schedules.md'), 'utf8')
  expect(drawn.filter((name) => !page.includes(`| \`${name}\` |`))).toEqual([])
  expect(readFileSync(join(home, 'README.md'), 'utf8')).toContain(`and ${drawn.length} kinds of\n[schedules]`)
})

describe.each(Object.entries(kinds))('the schedule %s', (_, arbitrary) => {
  const check = (promise: (drawn: Drawn) => void) => fc.assert(fc.property(arbitrary, promise), { seed: 7 })

  test('stays exactly within the documented bounds', () => {
    check(({ schedule, bounds: [low, high] }) => {
      const beyond = valuesOf(schedule).filter((x) => !(x >= low && x <= high))
      expect(beyond).toEqual([])
    })
  })

  test('is monotonic as documented, and changes at most by the documented amount per update', () => {
    check(({ schedule, way, slope }) => {
      const values = valuesOf(schedule).slice(0, 130)
      const moves = values.slice(1).map((x, t) => x - values[t])
      expect(moves.filter((moved) => way * moved < -1e-15)).toEqual([])
      expect(moves.filter((moved) => Math.abs(moved) > slope * (1 + 1e-9) + 1e-15)).toEqual([])
    })
  })

  test('increases until the last update of the warm-up, and does not increase afterward', () => {
    check(({ schedule }) => {
      // A schedule that decreases during the warm-up, and a schedule that restarts.
      if (schedule.schedule === 'cyclic' && schedule.mode === 'expRange') return
      if (schedule.schedule === 'cosineRestarts') return
      const steps = warmupSteps(schedule)
      for (let t = 0; t + 1 < steps; t++) {
        expect(evaluateSchedule(schedule, t + 1) - evaluateSchedule(schedule, t)).toBeGreaterThanOrEqual(
          -1e-15,
        )
      }
      expect(evaluateSchedule(schedule, steps + 1)).toBeLessThanOrEqual(
        evaluateSchedule(schedule, steps) + 1e-15,
      )
    })
  })
})

describe('any schedule', () => {
  const check = (promise: (schedule: Schedule) => void) =>
    fc.assert(fc.property(nested, promise), { seed: 11, numRuns: 300 })

  test('is deeply frozen, and is preserved by JSON and structuredClone', () => {
    const isFrozen = (x: unknown): boolean =>
      typeof x !== 'object' || x === null || (Object.isFrozen(x) && Object.values(x).every(isFrozen))
    check((schedule) => {
      const values = valuesOf(schedule)
      for (const copy of [JSON.parse(JSON.stringify(schedule)), structuredClone(schedule)]) {
        const { lr } = sgd({ lr: copy })
        expect(lr).toEqual(schedule)
        expect(isFrozen(lr)).toBe(true)
        expect(valuesOf(copy)).toEqual(values)
      }
    })
  })

  test('is constant from the update that the schedule reports as final', () => {
    check((schedule) => {
      const from = findConstantStart(schedule)
      if (from === Infinity) return
      const last = evaluateSchedule(schedule, from)
      for (const t of [1, 2, 3, 10, 1e6]) expect(evaluateSchedule(schedule, from + t)).toBe(last)
    })
  })

  test('has exactly doubled values if scaled by a factor of 2', () => {
    check((schedule) => {
      const values = valuesOf(schedule)
      const twice = valuesOf(scaled(schedule, 2))
      // Subnormal numbers are rounded differently.
      expect(twice.filter((x, k) => Math.abs(values[k]) > 1e-300 && x !== 2 * values[k])).toEqual([])
    })
  })

  test('has the same values in an optimizer as in evaluateSchedule(), even after save and load', () => {
    const runs = { seed: 3, numRuns: 40 }
    const property = fc.property(nested, nested, (lr, decay) => {
      const gradient = (t: number) => Float64Array.of(t % 3, -1)
      const optimizer = new Optimizer(Float64Array.of(1, -2), sgd({ lr, weightDecay: decay }))
      const told = new Optimizer(Float64Array.of(1, -2), sgd())
      for (let t = 0; t < 6; t++) {
        told.set({ lr: evaluateSchedule(lr, t), weightDecay: evaluateSchedule(decay, t) })
        told.step(gradient(t))
        optimizer.step(gradient(t))
      }
      expect(bits(optimizer.params)).toBe(bits(told.params))
      const loaded = Optimizer.load<Float64Array>(structuredClone(optimizer.save()))
      for (let t = 6; t < 12; t++) {
        optimizer.step(gradient(t))
        loaded.step(gradient(t))
      }
      expect(loaded.rule).toEqual(optimizer.rule)
      expect(bits(loaded.params)).toBe(bits(optimizer.params))
    })
    fc.assert(property, runs)
  })
})

test('the interpolation in a schedule never exceeds the endpoint because of rounding', () => {
  const any = fc.double({ min: -1, max: 1, noNaN: true })
  const property = fc.property(any, any, fc.integer({ min: 1, max: 100 }), (value, endValue, rest) => {
    const steps = 2 ** 52
    const x = evaluateSchedule(linear(value, { endValue, steps }), steps - rest)
    const [low, high] = apart(value, endValue)
    expect(x >= low && x <= high).toBe(true)
    expect(evaluateSchedule(linear(value, { endValue, steps }), steps)).toBe(endValue)
    expect(evaluateSchedule(cosine(value, { endValue, steps: rest }), 0)).toBe(value)
  })
  fc.assert(property, { seed: 5, numRuns: 3000 })
})

test('a joined schedule is continuous if each part begins with the final value of the previous part', () => {
  const schedule = joined(
    [linear(0, { endValue: 1, steps: 10 }), 1, cosine(1, { steps: 20, endValue: 0.25 }), 0.25],
    { boundaries: [10, 15, 35] },
  )
  for (let t = 1; t < 60; t++) {
    expect(Math.abs(evaluateSchedule(schedule, t) - evaluateSchedule(schedule, t - 1))).toBeLessThanOrEqual(
      0.1 + 1e-12,
    )
  }
  expect([10, 15, 35].map((t) => evaluateSchedule(schedule, t))).toEqual([1, 1, 0.25])
})

test('a warm-up is detected even inside joined schedules, scaled schedules and groups', () => {
  const rising = linear(0, { endValue: 1, steps: 10 })
  expect(warmupSteps(joined([rising, 1, rising], { boundaries: [10, 20] }))).toBe(10)
  expect(warmupSteps(joined([rising, rising], { boundaries: [5] }))).toBe(15)
  expect(warmupSteps(joined([1, rising], { boundaries: [5] }))).toBe(0)
  expect(warmupSteps(chained([warmup(1, { steps: 3 }), rising]))).toBe(10)
  expect(warmupSteps(warmup(rising, { steps: 30 }))).toBe(30)
  expect(warmupSteps(warmup(rising, { steps: 3 }))).toBe(10)
  expect(warmupSteps(oneCycle(1, { steps: 100 }))).toBe(29)
  expect(warmupSteps((t: number) => t)).toBe(0)
})

test('the stopping criterion does not apply during the initial increase of a schedule', () => {
  const valley = expression('(x - 3)^2')
  const options = { maxIterations: 400, tolerance: 1e-6 }
  const reasonOf = (lr: Scheduled) => minimize(valley, [0], gradientDescent({ lr }), options)
  const slow = linear(0, { endValue: 0.2, begin: 150, steps: 100 })
  expect(reasonOf(slow).reason).toBe('converged')
  expect(reasonOf(joined([0, 0.2], { boundaries: [150] })).reason).toBe('stalled')
  const many = minimizeManySync(valley, { x: Float64Array.of(0) }, gradientDescent({ lr: slow }), options)
  expect(many.iterations[0]).toBe(reasonOf(slow).iterations)
})

test('the option lrScale of a group multiplies the values of a schedule, but not its step counts', () => {
  const lr = warmup(chained([cosine(0.5, { steps: 8 }), step(1, { stepSize: 2, gamma: 0.5 })]), { steps: 3 })
  const rule = sgd({ lr })
  const params = { a: Float64Array.of(1), b: Float64Array.of(1) }
  const optimizer = new Optimizer(params, rule, { groups: [{ match: 'b', lrScale: 4 }] })
  for (let t = 0; t < 10; t++) {
    const [a, b] = [optimizer.params.a[0], optimizer.params.b[0]]
    optimizer.step({ a: Float64Array.of(1), b: Float64Array.of(1) })
    expect(a - optimizer.params.a[0]).toBeCloseTo(evaluateSchedule(lr, t), 12)
    expect(b - optimizer.params.b[0]).toBeCloseTo(4 * evaluateSchedule(lr, t), 12)
  }
})

describe('a schedule with metrics', () => {
  interface Run {
    readonly options: Readonly<Record<string, unknown>>
    readonly metrics: readonly (number | null)[]
    readonly values: readonly number[]
  }
  const { runs } = JSON.parse(readFileSync(join(home, 'test/data/plateau.json'), 'utf8')) as { runs: Run[] }
  const ours = { min_lr: 'minValue', threshold_mode: 'thresholdMode' } as Readonly<Record<string, string>>

  test.each(runs)('has the same values as in PyTorch: $options', ({ options, metrics, values }) => {
    const own = Object.fromEntries(
      Object.entries(options).map(([name, value]) => [ours[name] ?? name, value]),
    )
    let schedule = reduceOnPlateau(0.1, own)
    metrics.forEach((metric, t) => {
      schedule = observeMetric(schedule, metric ?? NaN)
      expect(evaluateSchedule(schedule, t)).toBe(values[t])
    })
    expect(new Set(values).size).toBeGreaterThan(2)
  })

  test('requires an improvement even for negative metrics', () => {
    let schedule = reduceOnPlateau(1, { patience: 2, threshold: 0.1, factor: 0.5 })
    for (const metric of [-1, -1, -1.05, -1.2, -1.2, -1.2]) schedule = observeMetric(schedule, metric)
    expect(schedule).toMatchObject({ value: 1, best: -1.2, badCount: 2 })
    expect(observeMetric(schedule, -1.3)).toMatchObject({ value: 0.5, badCount: 0 })
  })

  test('never treats a non-finite metric as an improvement', () => {
    let schedule = reduceOnPlateau(1, { patience: 3, factor: 0.5 })
    for (const metric of [-Infinity, NaN, Infinity]) schedule = observeMetric(schedule, metric)
    expect(schedule).toMatchObject({ best: null, badCount: 3, value: 1 })
    expect(JSON.parse(JSON.stringify(schedule))).toEqual(schedule)
  })

  test('receives metrics even if other schedules contain the schedule', () => {
    const plateau = reduceOnPlateau(1, { patience: 0 })
    const constantly = constant(2)
    const inner = joined([constantly, warmup(plateau, { steps: 2 })], { boundaries: [3] })
    const all = chained([inner, plateau, 3, (t) => t])
    const after = observeMetric(observeMetric(all, 1), 1)
    const seen = observeMetric(observeMetric(plateau, 1), 1)
    expect(seen.value).toBe(0.1)
    expect(after.schedules[1]).toEqual(seen)
    expect(after.schedules[0]).toEqual(joined([constantly, warmup(seen, { steps: 2 })], { boundaries: [3] }))
    expect(after.schedules.slice(2)).toEqual(all.schedules.slice(2))
    expect(Object.isFrozen(after) && Object.isFrozen(after.schedules)).toBe(true)
    expect([plateau.badCount, plateau.best]).toEqual([0, null])
  })

  test('continues in a saved run, even if groups contain a part of the schedule', () => {
    const make = () =>
      new Optimizer(
        { a: Float64Array.of(1), b: Float64Array.of(1) },
        sgd({ lr: reduceOnPlateau(0.1, { patience: 1, factor: 0.5, minValue: 0.01 }) }),
        { groups: [{ match: 'b', lrScale: 4 }] },
      )
    const train = (optimizer: ReturnType<typeof make>, from: number, to: number) => {
      for (let epoch = from; epoch < to; epoch++) {
        optimizer.step({ a: Float64Array.of(1), b: Float64Array.of(1) })
        optimizer.set({ lr: observeMetric(optimizer.rule.lr, epoch === 2 ? 0.5 : 1) })
      }
    }
    const whole = make()
    train(whole, 0, 5)
    const saved = structuredClone(whole.save())
    const loaded = Optimizer.load(saved) as unknown as typeof whole
    train(whole, 5, 12)
    train(loaded, 5, 12)
    expect(loaded.rule).toEqual(whole.rule)
    expect(bits(loaded.params.b)).toBe(bits(whole.params.b))
    const [a, b] = [whole.params.a[0], whole.params.b[0]]
    expect(whole.rule.lr).toMatchObject({ value: 0.01, best: 0.5 })
    whole.step({ a: Float64Array.of(1), b: Float64Array.of(1) })
    expect(a - whole.params.a[0]).toBeCloseTo(0.01, 12)
    expect(b - whole.params.b[0]).toBeCloseTo(0.04, 12)
    whole.restore(saved)
    train(whole, 5, 12)
    expect(whole.rule).toEqual(loaded.rule)
  })

  test('refuses a metric that is not a number', () => {
    for (const schedule of [0.1, cosine(1, { steps: 3 }), () => 1] as Scheduled[]) {
      expect(() => observeMetric(schedule, 1)).toThrow(
        /observeMetric: schedule: expected a schedule that contains reduceOnPlateau\(\)/,
      )
    }
    // biome-ignore lint/suspicious/noExplicitAny: what TypeScript would not let through
    expect(() => observeMetric(reduceOnPlateau(1), '1' as any)).toThrow(
      'observeMetric: metric: expected a number, got "1"',
    )
    // biome-ignore lint/suspicious/noExplicitAny: what TypeScript would not let through
    expect(() => observeMetric({ ...reduceOnPlateau(1), badCount: -1 } as any, 1)).toThrow(OptionError)
  })
})

test('a schedule can cycle the momentum like a learning rate', () => {
  const rule = momentum({ lr: 0.01, momentum: cyclic(0.95, { maxValue: 0.85, stepSizeUp: 4 }) })
  const optimizer = new Optimizer(Float64Array.of(1), rule)
  for (let t = 0; t < 20; t++) expect(optimizer.step(Float64Array.of(1))).toBe(true)
  expect(() => momentum({ momentum: cyclic(0.95, { maxValue: 1.05 }) })).toThrow(
    'momentum: momentum: cyclic: maxValue: expected a number in [0, 1), got 1.05',
  )
})

// biome-ignore lint/suspicious/noExplicitAny: what TypeScript would not let through
const all = functions as Record<string, any>

test.each([0, 1])('the schedule reduceOnPlateau accepts the factor %d', (factor) => {
  expect(reduceOnPlateau(1, { factor })).toMatchObject({ factor })
})

describe('a schedule refuses', () => {
  const bad: readonly [string, readonly unknown[], string][] = [
    ...Object.keys(all).flatMap((name): [string, unknown[], string][] => {
      const list = name === 'chained' || name === 'joined'
      const first = list ? 'schedules' : 'value'
      return [
        [name, list ? [[1], { color: 1 }] : [1, { color: 1 }], `${name}: options`],
        [name, list ? [[1], { [first]: [1] }] : [1, { [first]: 1 }], `${name}: options`],
        ...[null, 7, 'x'].map((x): [string, unknown[], string] => [name, [1, x], `${name}: options`]),
        ...['x', null, undefined, {}, NaN, 1n].map((x): [string, unknown[], string] => [
          name,
          [x, {}],
          `${name}: ${first}`,
        ]),
      ]
    }),
    ['constant', [NaN], 'constant: value'],
    ['constant', [Infinity], 'constant: value'],
    ['constant', [cosine(1, { steps: 2 })], 'constant: value'],
    ['constant', [1, { factor: -1 }], 'constant: factor'],
    ['constant', [1, { steps: 0.5 }], 'constant: steps'],
    ['linear', [1, { steps: 5 }], 'linear: endValue'],
    ['linear', [1, { endValue: 0 }], 'linear: steps'],
    ['linear', [1, { endValue: 0, steps: 0 }], 'linear: steps'],
    ['linear', [1, { endValue: 0, steps: 5, begin: -1 }], 'linear: begin'],
    ['polynomial', [1, { steps: 5, power: -1 }], 'polynomial: power'],
    ['polynomial', [1, { steps: 5, power: Infinity }], 'polynomial: power'],
    ['step', [1, {}], 'step: stepSize'],
    ['step', [1, { stepSize: 2, gamma: -0.1 }], 'step: gamma'],
    ['multiStep', [1, {}], 'multiStep: milestones'],
    ['multiStep', [1, { milestones: 5 }], 'multiStep: milestones'],
    ['multiStep', [1, { milestones: [5, 4] }], 'multiStep: milestones[1]'],
    ['multiStep', [1, { milestones: [0.5] }], 'multiStep: milestones[0]'],
    ['multiStep', [1, { milestones: [-1] }], 'multiStep: milestones[0]'],
    ['multiStep', [1, { milestones: new Array(10_001).fill(1) }], 'multiStep: milestones'],
    ['exponential', [1, {}], 'exponential: gamma'],
    ['exponential', [1, { gamma: 0.5, staircase: 1 }], 'exponential: staircase'],
    ['exponential', [1, { gamma: 0.5, endValue: 'x' }], 'exponential: endValue'],
    ['inverseTime', [1, {}], 'inverseTime: decayRate'],
    ['inverseSqrt', [1, { timescale: 0 }], 'inverseSqrt: timescale'],
    ['inverseSqrt', [1, { warmupSteps: null }], 'inverseSqrt: warmupSteps'],
    ['noam', [1, {}], 'noam: modelSize'],
    ['cosine', [1, {}], 'cosine: steps'],
    ['cosine', [1, { steps: 4, endValue: NaN }], 'cosine: endValue'],
    ['cosine', [1, { steps: 4, periodic: 'yes' }], 'cosine: periodic'],
    ['cosineRestarts', [1, { steps: 4, factor: 1.5 }], 'cosineRestarts: factor'],
    ['oneCycle', [1, {}], 'oneCycle: steps'],
    ['oneCycle', [1, { steps: 9, pctStart: 1.5 }], 'oneCycle: pctStart'],
    ['oneCycle', [1, { steps: 9, pctStart: 0 }], 'oneCycle'],
    ['oneCycle', [1, { steps: 9, pctStart: 0.7, threePhase: true }], 'oneCycle'],
    ['oneCycle', [1, { steps: 1 }], 'oneCycle'],
    ['oneCycle', [1, { steps: 9, annealStrategy: 'cosine' }], 'oneCycle: annealStrategy'],
    ['oneCycle', [1, { steps: 9, divFactor: 0 }], 'oneCycle: divFactor'],
    ['cyclic', [1, {}], 'cyclic: maxValue'],
    ['cyclic', [1, { maxValue: 2, mode: 'sawtooth' }], 'cyclic: mode'],
    ['warmupStableDecay', [1, { warmupSteps: 1, stableSteps: 1 }], 'warmupStableDecay: decaySteps'],
    ['reduceOnPlateau', [1, { factor: 1.5 }], 'reduceOnPlateau: factor'],
    ['reduceOnPlateau', [1, { patience: -1 }], 'reduceOnPlateau: patience'],
    ['reduceOnPlateau', [1, { threshold: -1 }], 'reduceOnPlateau: threshold'],
    ['reduceOnPlateau', [1, { thresholdMode: 'both' }], 'reduceOnPlateau: thresholdMode'],
    ['reduceOnPlateau', [1, { mode: 'least' }], 'reduceOnPlateau: mode'],
    ['reduceOnPlateau', [1, { cooldown: 0.5 }], 'reduceOnPlateau: cooldown'],
    ['reduceOnPlateau', [1, { minValue: 2 }], 'reduceOnPlateau: minValue'],
    ['reduceOnPlateau', [1, { best: NaN }], 'reduceOnPlateau: best'],
    ['reduceOnPlateau', [1, { badCount: null }], 'reduceOnPlateau: badCount'],
    ['reduceOnPlateau', [1, { cooldownCounter: '1' }], 'reduceOnPlateau: cooldownCounter'],
    ['piecewiseConstant', [1, { boundaries: [1, 1], scales: [1, 1] }], 'piecewiseConstant: boundaries[1]'],
    ['piecewiseConstant', [1, { boundaries: [0], scales: [1] }], 'piecewiseConstant: boundaries[0]'],
    ['piecewiseConstant', [1, { boundaries: [1], scales: [] }], 'piecewiseConstant: scales'],
    ['piecewiseConstant', [1, { boundaries: [1], scales: [-1] }], 'piecewiseConstant: scales[0]'],
    [
      'piecewiseInterpolate',
      [1, { boundaries: [1], scales: [1], interpolation: 'x' }],
      'piecewiseInterpolate: interpolation',
    ],
    ['warmup', [1, { steps: 0 }], 'warmup: steps'],
    ['warmup', [1, { steps: 2, from: NaN }], 'warmup: from'],
    ['joined', [[1, 2], {}], 'joined: boundaries'],
    ['joined', [[1]], 'joined: options'],
    ['cosine', [1], 'cosine: options'],
    ['joined', [[1, 2], { boundaries: [1, 2] }], 'joined: boundaries'],
    ['joined', [[], { boundaries: [] }], 'joined: schedules'],
    ['joined', [[1, 'x'], { boundaries: [1] }], 'joined: schedules[1]'],
    ['chained', [[1, [2]]], 'chained: schedules[1]'],
    ['chained', [[1, { schedule: 'cosine', value: 1 }]], 'chained: schedules[1]: cosine: steps'],
    ['chained', [new Array(101).fill(1)], 'chained: schedules'],
  ]

  test.each(bad)('%s(%o): %s', (name, given, argument) => {
    let error: unknown
    try {
      all[name](...given)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(OptionError)
    expect((error as OptionError).argument).toBe(argument)
  })

  test("values out of the option's range at any nesting depth", () => {
    const negative = joined([0.1, warmup(linear(0.1, { endValue: -0.1, steps: 3 }), { steps: 2 })], {
      boundaries: [4],
    })
    expect(() => sgd({ lr: negative })).toThrow('linear: endValue: expected a finite number ≥ 0, got -0.1')
    // In a product of schedules, only the product itself must be in range.
    const product = chained([0.1, linear(1, { endValue: -1, steps: 4 })])
    const optimizer = new Optimizer(Float64Array.of(1), sgd({ lr: product }))
    for (let t = 0; t < 3; t++) optimizer.step(Float64Array.of(1))
    expect(() => optimizer.step(Float64Array.of(1))).toThrow(
      'sgd: lr at t = 3: expected a finite number ≥ 0, got -0.05',
    )
  })

  test('unknown properties in JSON', () => {
    const text = '{ "schedule": "cosine", "value": 1, "steps": 5, "eta_min": 0 }'
    expect(() => sgd({ lr: JSON.parse(text) })).toThrow(
      'sgd: lr: cosine: expected one of value, steps, endValue, exponent, periodic, got "eta_min"',
    )
  })

  test('more than a hundred nested schedules in any combination', () => {
    let wide: Scheduled = 1
    expect(() => {
      for (let k = 0; k < 60; k++) wide = { schedule: 'chained', schedules: [wide, wide] } as Schedule
      sgd({ lr: wide })
    }).toThrow('at most 100 nested schedules')
  })
})

test("a bundle that lacks a schedule's function throws an error that names the required import", async () => {
  const bundle = async (names: string) => {
    const contents = `export { ${names} } from './dist/index.js'`
    const { outputFiles } = await build({
      ...{ stdin: { contents, resolveDir: home }, bundle: true, write: false },
      ...{ minify: true, format: 'esm', platform: 'browser', logLevel: 'silent' },
    })
    return outputFiles[0].text
  }
  const plain = cosine(1, { steps: 4 })
  const [without, withIt] = await Promise.all([
    bundle('adam, evaluateSchedule'),
    bundle('adam, evaluateSchedule, cosine'),
  ])
  expect(without.length).toBeLessThan(withIt.length - 2000)
  const load = (code: string) => import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`)
  const [bare, full] = [await load(without), await load(withIt)]
  expect(() => bare.adam({ lr: plain })).toThrow(
    'adam: lr: expected an imported schedule (so far: none; load takes { schedules }), got "cosine"',
  )
  expect(full.evaluateSchedule(plain, 1)).toBe(evaluateSchedule(plain, 1))
  expect(full.adam({ lr: plain }).lr).toEqual(plain)
})

describe('the function evaluateSchedule', () => {
  test('returns the number itself at each t if the schedule is a number', () => {
    for (const t of [0, 1, 1e9]) expect(evaluateSchedule(0.1, t)).toBe(0.1)
  })

  test('returns the result of a schedule that is a function of t', () => {
    expect(evaluateSchedule((t) => 2 * t + 1, 3)).toBe(7)
  })

  test('evaluates a warm-up as defined, and then the schedule that follows the warm-up', () => {
    const plain = warmup(0.3, { steps: 4 })
    expect([0, 1, 3, 4, 100].map((t) => evaluateSchedule(plain, t))).toEqual([0.075, 0.15, 0.3, 0.3, 0.3])
    const fromZero = warmup((t) => 8 / (t + 1), { steps: 4, from: 0 })
    expect([0, 1, 3, 7].map((t) => evaluateSchedule(fromZero, t))).toEqual([0, 1, 1.5, 1])
    expect(evaluateSchedule(warmup(plain, { steps: 2 }), 0)).toBe(0.0375)
    expect(evaluateSchedule(JSON.parse(JSON.stringify(plain)) as Schedule, 1)).toBe(0.15)
  })

  test('gives the same run through `set` as the schedule in the rule', () => {
    const rate = warmup((t) => Math.cos(t / 10), { steps: 3, from: 0.01 })
    const scheduled = new Optimizer(Float32Array.of(1, -2), adam({ lr: rate }))
    const set = new Optimizer(Float32Array.of(1, -2), adam())
    for (let t = 0; t < 8; t++) {
      scheduled.step(Float32Array.of(t - 3, 1))
      set.set({ lr: evaluateSchedule(rate, set.updates) })
      set.step(Float32Array.of(t - 3, 1))
    }
    expect(bits(set.params)).toBe(bits(scheduled.params))
    expect(() => set.save()).not.toThrow()
    expect(() => scheduled.save()).toThrow(OptionError)
  })

  // biome-ignore lint/suspicious/noExplicitAny: what TypeScript would not let through
  type Anything = any
  const refused = (call: () => unknown) => {
    try {
      call()
    } catch (error) {
      expect(error).toBeInstanceOf(OptionError)
      return (error as OptionError).argument
    }
    return 'nothing'
  }

  test.each([NaN, Infinity, '1', null, undefined, {}, [1], { schedule: 'zigzag' }, { schedule: 1 }, 1n])(
    'refuses %s as a schedule',
    (schedule) => {
      expect(refused(() => evaluateSchedule(schedule as Anything, 0))).toBe('evaluateSchedule: schedule')
    },
  )

  test('refuses a schedule with an invalid part, and names the invalid part', () => {
    const broken = { ...warmup(1, { steps: 2 }), value: 'fast' }
    expect(refused(() => evaluateSchedule(broken as Anything, 0))).toBe(
      'evaluateSchedule: schedule: warmup: value',
    )
  })

  test.each([-1, 0.5, NaN, Infinity, '0', null, undefined])(
    'refuses %s as t before calling any function',
    (t) => {
      let calls = 0
      expect(refused(() => evaluateSchedule(() => ++calls, t as Anything))).toBe('evaluateSchedule: t')
      expect(calls).toBe(0)
    },
  )

  test.each([NaN, -Infinity, '1', undefined, null, 1n])('rejects a function that returns %s', (x) => {
    const schedule = (() => x) as Scheduled
    expect(refused(() => evaluateSchedule(schedule, 5))).toBe('evaluateSchedule: schedule at t = 5')
    expect(refused(() => evaluateSchedule(warmup(schedule, { steps: 9 }), 5))).toBe(
      'evaluateSchedule: schedule at t = 5',
    )
  })

  test('propagates exceptions of a schedule function', () => {
    const error = new Error('mine')
    const thrower = () => {
      throw error
    }
    expect(() => evaluateSchedule(thrower, 0)).toThrow(error)
  })
})
