/** Fits with shared parameters, compared with SciPy, and their documented properties. */

import { readFileSync } from 'node:fs'
import { engines, expression } from 'antigrad'
import {
  fitManySync,
  fit as fitOne,
  fitShared,
  fitSharedSync,
  models,
  profile,
  profileSync,
  type SharedFit,
  type SharedOptions,
} from 'antigrad/fit'
import { describe, expect, test } from 'vitest'
import { inBits, random } from '../helpers.js'

type Columns = Readonly<Record<string, readonly (number | null)[]>>
/** Local parameters: an object per group for several models, otherwise an array over groups per parameter. */
type Own<T> = Readonly<Record<string, T>> | readonly Readonly<Record<string, number | null>>[]

interface Numbers<T> {
  readonly shared: Readonly<Record<string, number | null>>
  readonly own: Own<T>
}

interface Golden {
  readonly name: string
  readonly model: string | readonly string[]
  readonly sets: number
  readonly x: readonly number[] | readonly (readonly number[])[]
  readonly y: readonly (readonly number[])[]
  readonly sigma?: readonly (readonly number[])[]
  readonly modelOf?: readonly number[]
  readonly bounds?: Readonly<Record<string, readonly [number | null, number | null]>>
  readonly shared: readonly string[]
  readonly own: readonly string[] | readonly (readonly string[])[]
  readonly start: Numbers<number>
  readonly values: Numbers<readonly number[]>
  readonly errors: Numbers<readonly (number | null)[]>
  readonly errorsKnownSigma: Numbers<readonly (number | null)[]>
  readonly sharedCovariance: readonly (readonly (number | null)[])[]
  readonly chiSquared: number
  readonly dof: number
  readonly atBound: number
}

const { cases } = JSON.parse(readFileSync(new URL('../data/fits-shared.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Golden[]
}

/** Starting values and bounds of a golden case. */
function startOf({ start, bounds = {} }: Golden): Required<SharedOptions>['start'] {
  const own = Array.isArray(start.own) ? Object.assign({}, ...start.own) : start.own
  return Object.fromEntries(
    Object.entries({ ...start.shared, ...own }).map(([name, at]) => {
      const [min, max] = bounds[name] ?? []
      return [name, { start: at as number, min: min ?? -Infinity, max: max ?? Infinity }]
    }),
  )
}

function fitted(golden: Golden, more: Partial<SharedOptions> = {}): SharedFit {
  const { model, x, y, sigma, shared, modelOf } = golden
  const made = typeof model === 'string' ? expression(model) : model.map((text) => expression(text))
  const data = { x, y, ...(modelOf && { modelOf }) }
  return fitSharedSync(made, data as never, {
    ...{ shared, start: startOf(golden), y: 'y' },
    ...(sigma && { sigma: sigma as number[][] }),
    ...more,
  })
}

/** Golden values of local parameters as columns over groups; NaN if a value is missing. */
function columnsOf(own: Own<readonly (number | null)[]>, sets: number): Columns {
  if (!Array.isArray(own)) return own as Columns
  const names = [...new Set(own.flatMap((one) => Object.keys(one)))]
  return Object.fromEntries(names.map((name) => [name, Array.from({ length: sets }, (_, k) => own[k][name])]))
}

/** The largest difference, each in its own unit. Golden nulls must match NaN. */
function farthest(
  ours: ArrayLike<number>,
  golden: readonly (number | null | undefined)[],
  unit: (k: number) => number,
) {
  expect(ours.length).toBe(golden.length)
  return golden.reduce((most: number, number, k) => {
    if (number === undefined || number === null) {
      expect(ours[k]).toBeNaN()
      return most
    }
    return Math.max(most, Math.abs(ours[k] - number) / unit(k) || 0)
  }, 0)
}

describe.each(cases.map((golden) => [golden.name, golden] as const))('shared fits of %s', (_, golden) => {
  const { sets, shared } = golden
  test.each([
    ['errors', 'errors', false],
    ['errors of known σ', 'errorsKnownSigma', true],
  ] as const)('have the same values, %s, covariance and χ² as in SciPy', (_, of, absoluteSigma) => {
    const found = fitted(golden, { absoluteSigma })
    expect(found.reason, found.message).toBe('converged')
    expect(found.degreesOfFreedom).toBe(golden.dof)
    expect(found.atBound).toHaveLength(golden.atBound)
    expect(Math.abs(found.chiSquared / golden.chiSquared - 1)).toBeLessThan(1e-11)
    const pairs = [
      ...shared.map((name) => [
        ...[[found.values.shared[name]], [found.errors.shared[name]]],
        ...[[golden.values.shared[name]], [golden[of].shared[name]]],
      ]),
      ...Object.entries(columnsOf(golden.values.own, sets)).map(([name, values]) => [
        ...[found.values.local[name], found.errors.local[name]],
        ...[values, columnsOf(golden[of].own, sets)[name]],
      ]),
    ] as unknown as [Float64Array, Float64Array, number[], (number | null)[]][]
    for (const [values, errors, goldenValues, goldenErrors] of pairs) {
      const error = (k: number) => goldenErrors[k] ?? Math.abs(goldenValues[k]) * 1e-10 + 1e-300
      // A value at a bound equals the bound.
      expect(
        farthest(
          values,
          goldenValues.map((x) => x ?? undefined),
          error,
        ),
      ).toBeLessThan(1e-7)
      expect(
        farthest(
          errors,
          goldenErrors.map((x, k) => (goldenValues[k] === undefined ? undefined : x)),
          error,
        ),
      ).toBeLessThan(1e-7)
    }
    if (absoluteSigma) return
    for (const [i, row] of golden.sharedCovariance.entries()) {
      const unit = (j: number) => {
        return Math.sqrt((golden.sharedCovariance[i][i] ?? 1) * (golden.sharedCovariance[j][j] ?? 1))
      }
      expect(farthest(found.covariance[i], row, unit)).toBeLessThan(1e-7)
    }
  })
})

/** Decays with a common rate. Rows of different groups alternate. */
function decays(groups: number, rows: number, seed = 3) {
  const next = random(seed)
  const of = Array.from({ length: groups }, () => ({ a: 2 + 6 * next(), c: next() }))
  const [x, y, group]: [number[], number[], string[]] = [[], [], []]
  for (let row = 0; row < rows; row++) {
    for (const [k, { a, c }] of of.entries()) {
      x.push((6 * row) / rows)
      y.push(a * Math.exp((-0.7 * 6 * row) / rows) + c + 0.1 * (next() - 0.5))
      group.push(`g${k}`)
    }
  }
  return { x, y, group }
}
const decay = expression('a*exp(-k*x) + c')
const start = { a: 4, c: 0, k: 1 }

test('a shared fit of a single group equals an ordinary fit', () => {
  const { x, y } = decays(1, 20)
  const one = fitOne(decay, { x, y }, { start, tolerance: 1e-14 })
  const found = fitSharedSync(decay, { x: [x], y: [y] }, { shared: ['k'], start })
  expect(found.at(0).values.a).toBeCloseTo(one.values.a, 10)
  expect(found.errors.shared.k / one.errors.k).toBeCloseTo(1, 8)
  expect(found.chiSquared / one.chiSquared).toBeCloseTo(1, 11)
  const [order, all] = [found.at(0).free, found.at(0)]
  for (const [i, a] of order.entries()) {
    for (const [j, b] of order.entries()) {
      const golden = one.covariance[one.free.indexOf(a as 'a')][one.free.indexOf(b as 'a')]
      expect(all.covariance[i][j] / golden).toBeCloseTo(1, 7)
    }
  }
})

test('a shared fit is the same for a label column as for arrays per group, even in asynchronous calls', async () => {
  const data = decays(5, 9)
  const long = fitSharedSync(decay, data, { group: 'group', shared: ['k'], start })
  const lists = (column: readonly number[]) =>
    long.groups.map((label) => column.filter((_, row) => data.group[row] === label))
  const short = fitSharedSync(decay, { x: lists(data.x), y: lists(data.y) }, { shared: ['k'], start })
  expect(long.groups).toEqual(['g0', 'g1', 'g2', 'g3', 'g4'])
  expect(inBits([long.values, long.errors, long.covariance])).toEqual(
    inBits([short.values, short.errors, short.covariance]),
  )
  const promised = await fitShared(decay, data, { group: 'group', shared: ['k'], start })
  expect(inBits(promised.values)).toEqual(inBits(long.values))
})

test('shared fits are bit-identical on every engine and for every number of threads', () => {
  const data = decays(700, 7)
  const of = (more: object) => {
    const { values, errors, covariance, chiSquared } = fitSharedSync(decay, data, {
      ...{ group: 'group', shared: ['k'], start },
      ...more,
    })
    return inBits([values, errors, covariance, chiSquared])
  }
  const first = of({ engine: 'typescript' })
  const all = Object.entries(engines()).filter(([, { available }]) => available)
  for (const [name] of all) {
    for (const threads of name === 'native' ? [1, 2, 5] : [undefined])
      expect(of({ engine: name, threads }), `${name} ${threads}`).toEqual(first)
  }
})

describe('a shared fit', () => {
  const groups = ['A', 'B', 'C', 'D']
  const data = decays(4, 12, 5)
  const labels = data.group.map((label) => groups[Number(label.slice(1))])
  const plate = labels.map((label) => (label < 'C' ? 'left' : 'right'))
  const is = Object.fromEntries(
    groups.map((label) => [label, labels.map((other) => Number(other === label))]),
  )
  const of = (name: string) => `(${groups.map((label) => `${name}${label}*${label}`).join(' + ')})`
  const each = (name: string, start: object) =>
    Object.fromEntries(groups.map((label) => [`${name}${label}`, start]))
  const { x, y } = data
  const outlying = y.map((number, row) => (row === 17 ? number + 3 : number))
  const sigma = x.map((at) => 0.05 + 0.01 * at)

  test.each<[string, object, object, readonly number[]]>([
    ['weights', { sigma }, {}, y],
    ['known σ', { sigma, absoluteSigma: true }, {}, y],
    ['weights by the model', { weights: '1/f' }, {}, y],
    ['σ by the model', { sigma: '0.02*f + 0.05 + 0.01*x', absoluteSigma: true }, {}, y],
    ['huber', { loss: 'huber', lossScale: 0.05 }, {}, outlying],
    ['softL1', { loss: 'softL1', lossScale: 0.05 }, {}, outlying],
    ['cauchy', { loss: 'cauchy', lossScale: 0.05 }, {}, outlying],
    [
      'counts',
      { loss: 'poisson' },
      { a: { start: 40, min: 0 }, c: { start: 9, min: 0 } },
      y.map((at) => Math.round(10 * at)),
    ],
    ['an own bound', {}, { c: { start: 0.5, min: 0.4 } }, y],
    ['a shared bound', {}, { k: { start: 0.5, max: 0.65 } }, y],
    ['positive parameters', {}, { a: { start: 4, positive: true }, k: { start: 1, positive: true } }, y],
    ['a fixed one', {}, { c: { start: 0.5, fixed: true } }, y],
  ])('equals an ordinary fit with indicator columns: %s', (name, options, more, numbers) => {
    const given = { a: { start: 4 }, c: { start: 0.1 }, k: { start: 1 }, ...more } as Record<string, object>
    const tight = { tolerance: 1e-14 }
    const one = fitOne(
      expression(`${of('a')}*exp(-k*x) + ${of('c')}`),
      { x, ...is, y: numbers },
      {
        ...{ ...options, ...tight, y: 'y' },
        start: { ...each('a', given.a), ...each('c', given.c), k: given.k } as never,
      },
    )
    const found = fitSharedSync(
      expression('a*exp(-k*x) + c'),
      { x, y: numbers, g: labels },
      {
        ...{ ...options, ...tight, group: 'g', shared: ['k'], start: given as never },
      },
    )
    expect(found.reason, found.message).toBe('converged')
    expect(one.reason, one.message).toBe('converged')
    expect(found.chiSquared / one.chiSquared).toBeCloseTo(1, 11)
    expect(found.degreesOfFreedom).toBe(one.degreesOfFreedom)
    expect([...found.atBound].sort()).toEqual(
      one.atBound.map((held) => held.replace(/^(.)([A-D])$/, '$1[$2]')).sort(),
    )
    for (const [k, label] of groups.entries()) {
      const group = found.at(k)
      const called = (of: string) => (of === 'k' ? of : `${of}${label}`)
      for (const of of group.free) {
        const error = one.errors[called(of)]
        if (Number.isNaN(error)) expect(group.errors[of]).toBeNaN()
        else expect(group.errors[of] / error).toBeCloseTo(1, 6)
        expect(Math.abs(group.values[of] - one.values[called(of)]) / (error || 1)).toBeLessThan(1e-6)
        for (const other of group.free) {
          const [i, j] = [of, other].map((name) => one.free.indexOf(called(name)))
          const ours = group.covariance[group.free.indexOf(of)][group.free.indexOf(other)]
          const unit = Math.sqrt(one.covariance[i][i] * one.covariance[j][j])
          if (Number.isNaN(unit)) expect(ours).toBeNaN()
          else expect(Math.abs(ours - one.covariance[i][j]) / unit).toBeLessThan(1e-6)
        }
      }
    }
    const at = { x: [-1, 0.3, 2, 7] }
    const near = (ours: ArrayLike<number>, theirs: ArrayLike<number>, size: number) => {
      expect(ours.length).toBe(theirs.length)
      for (let row = 0; row < ours.length; row++) {
        if (Number.isNaN(theirs[row])) expect(ours[row]).toBeNaN()
        else expect(Math.abs(ours[row] - theirs[row]) / size).toBeLessThan(1e-5)
      }
    }
    const ends = found.intervals(0.9)
    for (const [k, label] of groups.entries()) {
      const group = found.at(k)
      const isOwn = (other: string) => at.x.map(() => Number(other === label))
      const there = { ...at, ...Object.fromEntries(groups.map((other) => [other, isOwn(other)])) }
      const size = Math.sqrt(one.reducedChiSquared)
      near(group.predict(at), one.predict(there), size)
      near(
        group.residuals,
        one.residuals.filter((_, row) => labels[row] === label),
        size,
      )
      for (const options of [{}, { level: 0.7, kind: 'prediction' }] as const) {
        const [ours, theirs] = [group.band(at, options), one.band(there, options)]
        near(ours.low, theirs.low, size)
        near(ours.high, theirs.high, size)
      }
      const [ours, theirs] = [group.intervals(0.9), one.intervals(0.9)]
      for (const of of group.free) near(ours[of], theirs[(of === 'k' ? of : `${of}${label}`) as never], 1)
      expect([ends.low.shared.k, ends.high.shared.k]).toEqual(ours.k)
      expect([ends.low.local.a[k], ends.high.local.a[k]]).toEqual(ours.a)
    }
    if (name === 'a shared bound' || name === 'a fixed one') return
    for (const [which, golden] of [
      [profileSync(found, 'k'), profile(one, 'k' as never)],
      [profileSync(found.at(1), 'a'), profile(one, 'aB' as never)],
    ] as const) {
      const { [Object.keys(golden)[0]]: ends } = golden as unknown as Record<string, typeof which>
      expect(which.lowReason).toBe(ends.lowReason)
      expect(which.highReason).toBe(ends.highReason)
      const width = ends.high - ends.low
      expect(Math.abs(which.low - ends.low) / width).toBeLessThan(1e-6)
      expect(Math.abs(which.high - ends.high) / width).toBeLessThan(1e-6)
    }
  })

  test('supports a parameter with a separate value for each subset of groups', async () => {
    const isLeft = plate.map((of) => Number(of === 'left'))
    const text = `${of('a')}*exp(-(kL*left + kR*(1 - left))*x) + c`
    const one = fitOne(
      expression(text),
      { x, ...is, left: isLeft, y },
      {
        ...{ y: 'y', tolerance: 1e-14 },
        start: { ...each('a', { start: 4 }), kL: 1, kR: 1, c: 0 } as never,
      },
    )
    const found = await fitShared(
      decay,
      { x, y, g: labels, plate },
      {
        ...{ group: 'g', shared: ['c'], sharedBy: { k: 'plate' }, local: ['a'], start, tolerance: 1e-14 },
      },
    )
    expect(found.subsetLabels).toEqual({ k: ['left', 'right'] })
    expect(found.shared).toEqual(['c', 'k[left]', 'k[right]'])
    const names = ['c', 'kL', 'kR'].map((name) => one.free.indexOf(name as never))
    const values = one.values as Readonly<Record<string, number>>
    const [ours, theirs] = [found.values.sharedBy.k, [values.kL, values.kR]]
    for (const k of [0, 1]) expect(ours[k]).toBeCloseTo(theirs[k], 9)
    for (const [i, a] of names.entries()) {
      for (const [j, b] of names.entries()) {
        expect(found.covariance[i][j] / one.covariance[a][b]).toBeCloseTo(1, 6)
      }
    }
    const { low } = profileSync(found, 'k[right]')
    expect(low).toBeCloseTo(
      (profile(one, 'kR' as never) as unknown as Record<string, { low: number }>).kR.low,
      7,
    )
  })

  test('supports several response variables of one model', () => {
    const slope = x.map((at, row) => at * 0.5 + labels[row].charCodeAt(0) / 100)
    const stacked = (a: readonly number[], b: readonly number[]) => [...a, ...b]
    const zeros = x.map(() => 0)
    const second = stacked(
      zeros,
      x.map(() => 1),
    )
    const text = `(1 - second)*(${of('a')}*exp(-k*x) + c) + second*(k*x + ${of('a')}/9)`
    const one = fitOne(
      expression(text),
      {
        ...{ x: stacked(x, x), y: stacked(y, slope), second },
        ...Object.fromEntries(groups.map((label) => [label, stacked(is[label], is[label])])),
      },
      { y: 'y', tolerance: 1e-14, start: { ...each('a', { start: 4 }), k: 1, c: 0 } as never },
    )
    const made = { y: decay, slope: expression('k*x + a/9') }
    const found = fitSharedSync(
      made,
      { x, y, slope, g: labels },
      {
        ...{ group: 'g', shared: ['k', 'c'], start, tolerance: 1e-14 },
      },
    )
    expect(found.observations).toBe(2 * x.length)
    expect(found.chiSquared / one.chiSquared).toBeCloseTo(1, 11)
    expect(found.errors.shared.k / one.errors['k' as never]).toBeCloseTo(1, 6)
    expect(found.values.local.a[2]).toBeCloseTo(one.values['aC' as never], 8)
  })
})

test('model-dependent weights in a shared fit are reported if not finite, and are NaN for dropped rows', () => {
  const data = {
    x: [0, 1, 2, 3],
    y: [
      [8, 4, 2, 1],
      [6, 3, 1.5, 0.8],
    ],
  }
  const found = fitSharedSync(decay, data, { shared: ['k'], start, weights: '1/(f - 3)' })
  expect(found.reason).toBe('not-finite')
  expect(found.message).toMatch(/^the model-based weight is -.* in group 0$/)
  expect([found.errors.shared.k, found.errors.local.a[1]]).toEqual([NaN, NaN])
  expect(() => fitSharedSync(decay, data, { shared: ['k'], start, weights: '1/q' })).toThrow(/weights.*f, x/)
  expect(() => fitSharedSync(decay, data, { shared: ['k'], start, sigma: 'f', loss: 'poisson' })).toThrow(
    /sigma.*for counts/,
  )
  const { x, y } = decays(3, 12)
  const lists = [0, 1, 2].map((k) => y.filter((_, row) => row % 3 === k))
  const at = x.filter((_, row) => row % 3 === 0)
  const options = { shared: ['k'], start, weights: '1/f', missing: 'drop' } as const
  const without = lists.map((list) => list.filter((_, row) => row !== 4))
  const whole = fitSharedSync(decay, { x: at.filter((_, row) => row !== 4), y: without }, options)
  const gaps = lists.map((list) => list.map((of, row) => (row === 4 ? null : of)))
  const some = fitSharedSync(decay, { x: at, y: gaps as number[][] }, options)
  expect(some.droppedRows).toBe(3)
  expect(inBits(some.values.local.a)).toEqual(inBits(whole.values.local.a))
  expect(some.chiSquared).toBe(whole.chiSquared)
  const { low } = some.at(1).band(undefined, { kind: 'prediction' })
  expect(Number.isNaN(low[4])).toBe(false)
})

test('a shared fit supports fixed parameters, derived parameters and derived quantities', () => {
  const { x, y } = decays(1, 20)
  const of = { a: 4, k: 1, c: { start: 0.6, fixed: true }, half: { expr: 'log(2)/k' } }
  const text = 'a*2^(-x/half) + c'
  const one = fitOne(
    expression(text),
    { x, y },
    {
      ...{ start: of, derive: { both: 'a*half + c' }, tolerance: 1e-14 },
    },
  ) as unknown as { values: Record<string, number>; errors: Record<string, number> }
  const found = fitSharedSync(
    expression(text),
    { x: [x], y: [y] },
    {
      ...{ shared: ['k'], start: of, derive: { both: 'a*half + c' }, tolerance: 1e-14 },
    },
  )
  const { values, errors } = found.at(0)
  expect(Object.keys(values).sort()).toEqual(['a', 'both', 'c', 'half', 'k'])
  for (const [name, value] of Object.entries(one.values)) {
    expect(values[name] / value, name).toBeCloseTo(1, 8)
    if (name === 'c') expect(errors.c).toBe(0)
    else expect(errors[name] / one.errors[name], name).toBeCloseTo(1, 6)
  }
})

test('a shared fit reports groups that do not determine the parameters, without an effect on other groups', () => {
  const { x, y, group } = decays(6, 8)
  // c and a determine no slope: a group with one row has two parameters.
  const keep = group.map((label, row) => label !== 'g3' || x[row] === 0)
  const of = <T>(column: readonly T[]) => column.filter((_, row) => keep[row])
  const options = { group: 'g', shared: ['k'], start }
  const found = fitSharedSync(decay, { x: of(x), y: of(y), g: of(group) }, options)
  const without = of(group).map((label) => label !== 'g3')
  const others = <T>(column: readonly T[]) => of(column).filter((_, row) => without[row])
  const rest = fitSharedSync(decay, { x: others(x), y: others(y), g: others(group) }, options)
  expect(found.reason).toBe('converged')
  expect(found.at(3).reason).toBe('too-few-points')
  expect(found.unidentifiable).toEqual(['a[g3]', 'c[g3]'])
  expect(found.message).toContain('not identifiable: g3 (1 row for 2 local parameters)')
  expect(found.values.shared.k).toBeCloseTo(rest.values.shared.k, 8)
  expect(found.errors.local.c[3]).toBeNaN()
})

test('a built-in model guesses local parameters per group, and shared parameters as the median over groups', () => {
  const next = random(8)
  const x = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
  const y = Array.from({ length: 9 }, (_, k) =>
    x.map((at) => 2 + 98 / (1 + ((k + 1) / 3 / at) ** 1.2) + next()),
  )
  const found = fitSharedSync(models.fourPL(), { x, y }, { shared: ['top', 'bottom'] })
  expect(found.reason, found.message).toBe('converged')
  expect(Object.keys(found.values.shared)).toEqual(['top', 'bottom'])
  expect(found.values.shared.top).toBeGreaterThan(98)
})

test("a shared fit drops rows with missing values if the option missing is 'drop'", () => {
  const { x, y, group } = decays(5, 9)
  const gappy = y.map((number, row) => (row === 7 ? null : number))
  const options = { group: 'g', shared: ['k'], start }
  const data = { x, y: gappy, g: group }
  expect(fitSharedSync(decay, data, options).reason).toBe('not-finite')
  const found = fitSharedSync(decay, data, { ...options, missing: 'drop' })
  expect([found.reason, found.droppedRows, found.observations]).toEqual(['converged', 1, 44])
})

test('a shared fit does not treat a missing dose as 0, even if the model compares doses', () => {
  const next = random(8)
  const x = [0.01, 0.1, 1, 10, 100]
  const y = [1, 2, 3].map((k) => x.map((at) => 2 + 98 / (1 + k / at) + next()))
  const dose = y.map((_, k) => x.map((at, row) => (k === 1 && row === 4 ? null : at)))
  const options = { shared: ['top', 'bottom'], y: 'y', start: { ec50: 1, slope: 1, top: 90, bottom: 1 } }
  const model = models.fourPL()
  const found = fitSharedSync(model, { x: dose, y }, options)
  expect([found.reason, found.message]).toEqual([
    'not-finite',
    'χ² or a derivative is not finite where the fit starts, in group 1',
  ])
  expect(fitOne(model, { x: dose[1], y: y[1] }, { y: 'y' }).reason).toBe('not-finite')
  expect(fitSharedSync(model, { x: dose, y }, { ...options, missing: 'drop' }).observations).toBe(14)
})

test('a derived quantity of a shared fit can precede the quantities that its expression uses', () => {
  const { x, y } = decays(1, 20)
  const derive = { twice: '2*half', half: 'log(2)/k' }
  const { values } = fitSharedSync(decay, { x: [x], y: [y] }, { shared: ['k'], start, derive }).at(0)
  expect(values.twice).toBeCloseTo((2 * Math.log(2)) / values.k, 10)
})

test('a shared fit converges if the data have an exact solution', () => {
  const x = [0, 1, 2, 3, 4]
  const y = [3, 5].map((a) => x.map((at) => a * Math.exp(-0.7 * at) + 1))
  const found = fitSharedSync(decay, { x, y }, { shared: ['k'], start })
  expect(found.reason, found.message).toBe('converged')
  expect(found.values.shared.k).toBeCloseTo(0.7, 12)
  const next = random(4)
  const rounded = y.map((column) => column.map((at) => at + 1e-15 * (next() - 0.5)))
  const { lowReason, highReason } = profileSync(
    fitSharedSync(decay, { x, y: rounded }, { shared: ['k'], start }),
    'k',
  )
  expect([lowReason, highReason]).toEqual(['unavailable', 'unavailable'])
})

test('a shared fit from a distant start reaches a minimum or reports a failure', () => {
  const x = [0, 1, 2, 3, 4, 5, 6, 7]
  const next = random(5)
  const y = [2, 4, 7].map((a) => x.map((at) => a * (at + 1) ** -1.2 + 0.05 * (next() - 0.5)))
  const power = expression('a*(x + 1)^n')
  const near = fitSharedSync(power, { x, y }, { shared: ['n'], start: { a: 1, n: 1 } })
  // Derivatives there are 1e9 times larger than at the minimum, which is reached nevertheless.
  const far = fitSharedSync(power, { x, y }, { shared: ['n'], start: { a: 1, n: 20 } })
  expect([far.reason, far.message]).toEqual(['converged', ''])
  expect(far.chiSquared / near.chiSquared).toBeCloseTo(1, 8)
  for (const n of [5, 12, 30, 60, 100]) {
    const found = fitSharedSync(power, { x, y }, { shared: ['n'], start: { a: 1, n } })
    if (found.reason === 'converged') expect(found.chiSquared, `${n}`).toBeLessThan(1)
  }
})

test('a shared fit from a starting value with the wrong sign restarts like an ordinary fit', () => {
  const { x, y, group } = decays(8, 12)
  const near = fitSharedSync(decay, { x, y, g: group }, { group: 'g', shared: ['k'], start })
  for (const k of [-3, -1, -0.5, 20]) {
    const options = { group: 'g', shared: ['k'], start: { ...start, k } }
    const found = fitSharedSync(decay, { x, y, g: group }, options)
    expect([k, found.reason, found.message]).toEqual([k, 'converged', ''])
    expect(found.chiSquared / near.chiSquared).toBeCloseTo(1, 9)
    expect(found.values.shared.k).toBeCloseTo(near.values.shared.k, 6)
  }
  const { reason } = fitSharedSync(
    decay,
    { x, y, g: group },
    { group: 'g', shared: ['k'], start: { ...start, k: -1 }, maxIterations: 50 },
  )
  expect(reason).toBe('max-iterations')
})

test.each([10, 100, 1000])(
  'a shared fit over x that starts at %d equals a shared fit over x that starts at 0',
  (origin) => {
    const [at, next] = [Array.from({ length: 25 }, (_, row) => row / 6), random(7)]
    const y = Array.from({ length: 6 }, () => {
      const [a, b] = [1 + next(), 0.5 + next()]
      return at.map((t) => a + b * t + 2 * Math.exp(-1.3 * t) + 0.1 * (next() - 0.5))
    })
    const found = (from: number) =>
      fitSharedSync(
        expression(`a + b*x + h*exp(-k*(x - ${from}))`),
        { x: at.map((t) => t + from), y },
        { shared: ['h', 'k'], start: { a: 0, b: 0, h: 1, k: 1 } },
      )
    const [near, far] = [found(0), found(origin)]
    expect([near.reason, far.reason]).toEqual(['converged', 'converged'])
    expect(far.chiSquared / near.chiSquared).toBeCloseTo(1, 9)
    const { k } = near.errors.shared
    expect(Math.abs(far.values.shared.k - near.values.shared.k) / k).toBeLessThan(1e-4)
    expect(far.errors.shared.k / k).toBeCloseTo(1, 5)
    expect(far.errors.local.b[4] / near.errors.local.b[4]).toBeCloseTo(1, 5)
  },
)

test('a shared fit from several starts returns the best result', () => {
  const x = Array.from({ length: 40 }, (_, k) => k / 10)
  const next = random(11)
  const y = [2, 3, 1].map((a) => x.map((at) => a * Math.sin(7 * at) + 0.1 * (next() - 0.5)))
  const wave = expression('a*sin(w*x)')
  const options = { shared: ['w'], start: { a: 1, w: { start: 1, min: 0.5, max: 12 } } }
  const alone = fitSharedSync(wave, { x, y }, options)
  const best = fitSharedSync(wave, { x, y }, { ...options, multiStart: 40 })
  expect(alone.chiSquared).toBeGreaterThan(10)
  expect([best.reason, best.values.shared.w]).toEqual(['converged', expect.closeTo(7, 1)])
  expect(best.chiSquared).toBeLessThan(1)
  expect(best.evaluations).toBeGreaterThan(alone.evaluations)
  expect(best.at(1).chiSquared).toBeLessThan(best.chiSquared)
  expect(() => fitSharedSync(wave, { x, y }, { ...options, start: { a: 1, w: 1 }, multiStart: 4 })).toThrow(
    'start: w: expected finite min and max, for multiStart',
  )
})

test("a shared fit judges a step that one model's bounds shorten by the total gain of all models", () => {
  const x = [0, 1, 2, 3, 4, 5]
  const next = random(9)
  const of = (f: (at: number) => number) => x.map((at) => f(at) + 0.05 * (next() - 0.5))
  const y = [of((at) => 8 * Math.exp(-0.5 * at) - 1), of((at) => 3 * (1 - Math.exp(-0.5 * at)))]
  const found = fitSharedSync(
    [decay, expression('b*(1 - exp(-k*x))')],
    { x, y, modelOf: [0, 1] },
    { shared: ['k'], start: { a: 1, c: { start: 2, min: 0 }, b: 1, k: 3 } },
  )
  expect([found.reason, found.atBound]).toEqual(['converged', ['c[0]']])
})

test('a shared fit supports more groups than a function call can have arguments', () => {
  const groups = 200_000
  const many = <T>(of: (k: number) => T) => Array.from({ length: groups }, (_, k) => of(k))
  const data = { x: [0, 1], y: many(() => [NaN, NaN]) }
  const { message } = fitSharedSync(expression('a + k*x'), data, { shared: ['k'], start: { a: 1, k: 1 } })
  expect(message).toContain('starts, in group 0')
  const each = { ...data, y: many(() => [1, 2]), plate: many((k) => k) }
  const options = { shared: [], sharedBy: { k: 'plate' }, start: { a: 1, k: 1 } }
  expect(() => fitSharedSync(expression('a + k*x'), each, options)).toThrow(
    'sharedBy: expected at most 1024 shared values, got "200000"',
  )
})

test('a shared fit of ten thousand groups equals separate fits if the shared decay rate is known', () => {
  const { x, y, group } = decays(10_000, 6)
  const found = fitSharedSync(decay, { x, y, g: group }, { group: 'g', shared: ['k'], start })
  expect(found.reason).toBe('converged')
  const k = found.values.shared.k
  const at = (label: number) => ({
    x: x.filter((_, row) => row % 10_000 === label),
    y: y.filter((_, row) => row % 10_000 === label),
  })
  const own = fitManySync(decay, at(777), { start: { a: 4, c: 0, k: { start: k, fixed: true } } })
  expect(found.values.local.a[777]).toBeCloseTo(own.values.a[0], 7)
})

describe('an invalid shared fit is refused before any work', () => {
  const data = { x: [0, 1, 2, 3], y: [4, 3, 2, 1], g: ['a', 'a', 'b', 'b'] }
  const options = { group: 'g', shared: ['k'], start }
  test.each<[string, unknown, object, object]>([
    ['shared: expected names among a, k, c, got "q"', decay, data, { ...options, shared: ['q'] }],
    ['local: expected none that is also in shared, got "k"', decay, data, { ...options, local: ['k'] }],
    ['local: expected c too, because it is not shared', decay, data, { ...options, local: ['a'] }],
    ['shared: expected each name once, got "k"', decay, data, { ...options, shared: ['k', 'k'] }],
    ['shared: expected at least one free parameter', decay, data, { ...options, shared: [] }],
    ['group: expected a column: x, y, g', decay, data, { ...options, group: 'h' }],
    ['data: g[1]: expected a string or a number', decay, { ...data, g: ['a', null, 'b', 'b'] }, options],
    ['data: y: expected 4 rows, like g, got "3 rows"', decay, { ...data, y: [1, 2, 3] }, options],
    ['sharedBy: expected a column', decay, data, { ...options, shared: [], sharedBy: { k: 'plate' } }],
    [
      'data: plate[1]: expected one label per g',
      decay,
      { ...data, plate: [1, 2, 3, 3] },
      { ...options, shared: [], sharedBy: { k: 'plate' } },
    ],
    [
      'start: k: expected one number (it is shared)',
      decay,
      data,
      { ...options, start: { ...start, k: [1, 2] } },
    ],
    [
      'start: a: expected a number, or one per group (2)',
      decay,
      data,
      { ...options, start: { ...start, a: [1, 2, 3] } },
    ],
    ['start: c: expected a number', decay, data, { ...options, start: { a: 1, k: 1 } }],
    [
      'data: modelOf: expected indices of models',
      [decay, decay],
      { ...data, modelOf: [0, 0, 2, 2] },
      options,
    ],
    ['modelColumn: expected a column', [decay, decay], data, options],
    ['options: expected one of', decay, data, { ...options, groups: 'g' }],
    ['model: expected an expression', 7, data, options],
    [
      'derive: half: expected parameters of one model, among a, k, c, half',
      decay,
      data,
      { ...options, derive: { half: 'log(2)/rate' } },
    ],
    [
      'derive: both: expected parameters of one model',
      [decay, expression('b*exp(-k*x)')],
      { ...data, modelOf: [0, 0, 1, 1] },
      { ...options, start: { ...start, b: 1 }, derive: { both: 'a*b' } },
    ],
    [
      'sigma: expected names among left, right, got "rihgt"',
      { left: decay, right: decay },
      { x: data.x, left: data.y, right: data.y, g: data.g },
      { ...options, sigma: { left: data.x.map(() => 1), rihgt: data.x.map(() => 1) } },
    ],
    [
      'sigma: expected values for all of left, right, got "none for right"',
      { left: decay, right: decay },
      { x: data.x, left: data.y, right: data.y, g: data.g },
      { ...options, sigma: { left: data.x.map(() => 1) } },
    ],
    [
      'data: g[1]: expected a number, like this label above, got "1"',
      decay,
      { ...data, g: data.g.map((_, row) => (row === 1 ? '1' : 1)) },
      options,
    ],
  ])('because of %s', (message, model, given, more) => {
    const call = () => fitSharedSync(model as never, given as never, more as never)
    expect(call).toThrow(message)
    expect(call).toThrow(expect.objectContaining({ name: 'OptionError' }))
  })
})
