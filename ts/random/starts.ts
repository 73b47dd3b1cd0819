import { OptionError } from '../core/errors.js'
import type { Dtype } from '../core/numbers.js'
import { createRecord, isObject, isRecord } from '../core/untrusted-input.js'
import { dtype, integerBetween, optional } from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import { FRACTION_COUNT, fraction, integerBelow, random, WORD_COUNT } from './random.js'
import { SOBOL_DIMENSIONS, visitSobol } from './sobol.js'

/** A range for each parameter, including both ends: `{ x: [-2, 2], y: [-1, 3] }`. */
export type Box = Readonly<Record<string, readonly [low: number, high: number]>>

export interface GridOptions<D extends Dtype = Dtype> {
  /** Dtype of the columns, which is also the dtype of the computation of `minimizeMany`; 'float64' by default. */
  readonly dtype?: D
}

export interface StartsOptions<D extends Dtype = Dtype> extends GridOptions<D> {
  /** The seed: an integer from 0 to 2³² − 1. Equal seeds yield equal starting points on every machine. */
  readonly seed?: number
}

/** Starting points for `minimizeMany`: one column per parameter of the box. */
export type StartColumns<B extends Box = Box, D extends Dtype = Dtype> = {
  readonly [Name in keyof B]: D extends 'float32' ? Float32Array : Float64Array
}

/** Indices of starting points have 32 bits, and the columns must fit into memory. */
const MAX_STARTS = 1 << 30

const countOption = integerBetween(1, MAX_STARTS, undefined, '2^30')

const commonOptions = { seed: optional(integerBetween(0, WORD_COUNT - 1)), dtype: dtype() }

/**
 * Starting points on a grid, which are all combinations of evenly spaced values. The outermost points lie exactly at
 * the ends of the ranges. The last parameter varies fastest. The only point of an axis with one point lies in the
 * middle of the range.
 *
 * @param box finite ranges [low, high] by parameter; a range with equal ends fixes the parameter
 * @param counts number of points per axis, ≥ 1, or an object with one number per parameter; the product of all numbers
 * is at most 2³⁰
 * @throws OptionError if an argument is out of range or an option is unknown
 */
export function gridStarts<const B extends Box, D extends Dtype = 'float64'>(
  box: B,
  counts: number | { readonly [Name in keyof B]: number },
  options: GridOptions<D> = {},
): StartColumns<B, D> {
  const { names, place, columns } = prepareColumns(box, options, { dtype: commonOptions.dtype })
  const each = readCounts(counts, names)
  const total = each.reduce((product, count) => product * count, 1)
  if (total > MAX_STARTS) throw new OptionError('counts', 'at most 2^30 starts', total)
  const made = columns(total)
  let repeats = total
  for (const [p, count] of each.entries()) {
    repeats /= count
    const points = Array.from({ length: count }, (_, i) =>
      count === 1 ? place(p, 1, 2) : place(p, i, count - 1),
    )
    const column = made.of(p)
    for (let from = 0; from < total; from += repeats) {
      column.fill(points[(from / repeats) % count], from, from + repeats)
    }
  }
  return made.all as StartColumns<B, D>
}

/**
 * Independent starting points, uniformly distributed in the box. A larger `count` adds points to the sequence without
 * changing the first points.
 *
 * @param box ranges by parameter, as for `gridStarts`
 * @param count number of points, from 1 to 2³⁰
 * @param options options: `seed`, 0 by default, and `dtype`, 'float64' by default
 * @throws OptionError if an argument is out of range or an option is unknown
 */
export function uniformStarts<const B extends Box, D extends Dtype = 'float64'>(
  box: B,
  count: number,
  options: StartsOptions<D> = {},
): StartColumns<B, D> {
  const { names, place, columns, seed = 0 } = prepareColumns(box, options)
  readOption('count', countOption, count)
  const made = columns(count)
  const next = random(seed)
  for (let i = 0; i < count; i++) {
    for (let p = 0; p < names.length; p++) made.of(p)[i] = place(p, fraction(next), 1)
  }
  return made.all as StartColumns<B, D>
}

/**
 * Starting points on a Latin hypercube (McKay, Beckman and Conover, 1979): each range has `count` equal parts, and each
 * part contains exactly one start, at a random position. Another `count` yields entirely different points. Rounding to
 * float32 may move a start to the border of a part.
 *
 * @param box ranges by parameter, as for `gridStarts`
 * @param count number of points, from 1 to 2³⁰
 * @param options options: `seed`, 0 by default, and `dtype`, 'float64' by default
 * @throws OptionError if an argument is out of range or an option is unknown
 */
export function latinHypercubeStarts<const B extends Box, D extends Dtype = 'float64'>(
  box: B,
  count: number,
  options: StartsOptions<D> = {},
): StartColumns<B, D> {
  const { names, place, columns, seed = 0 } = prepareColumns(box, options)
  readOption('count', countOption, count)
  const made = columns(count)
  const next = random(seed)
  // The sum of a part's index and the fraction is exact, because the fraction is short.
  let fine = FRACTION_COUNT
  for (let rest = count - 1; rest > 0; rest >>= 1) fine /= 2
  const parts = new Uint32Array(count)
  for (let p = 0; p < names.length; p++) {
    for (let i = 0; i < count; i++) {
      // Fisher-Yates shuffle, inside-out variant.
      const other = integerBelow(i + 1, next)
      parts[i] = parts[other]
      parts[other] = i
    }
    const column = made.of(p)
    for (let i = 0; i < count; i++) {
      column[i] = place(p, parts[i] + Math.floor(fraction(next) * fine) / fine, count)
    }
  }
  return made.all as StartColumns<B, D>
}

/**
 * Starting points from the Sobol sequence (1967) with the direction numbers of Joe and Kuo (2008). The points have low
 * discrepancy in the box and in each pair of parameters. A larger `count` adds points to the sequence without changing
 * the first points. Use a power of two as `count`, and do not drop the first point. Otherwise, the halves, quarters and
 * smaller parts of a range contain unequal numbers of points (Owen, 2020, On dropping the first Sobol' point).
 *
 * Without a seed, the first point is the lower corner of the box. A seed applies a random digital shift to all points.
 * The shift keeps the discrepancy low and makes each point uniform in the box. Each coordinate has 32 bits before the
 * scaling to the range.
 *
 * @param box ranges by parameter, as for `gridStarts`; at most 40 parameters
 * @param count number of points, from 1 to 2³⁰, preferably a power of two
 * @param options options: `seed`, none by default, and `dtype`, 'float64' by default
 * @throws OptionError if an argument is out of range or an option is unknown
 */
export function sobolStarts<const B extends Box, D extends Dtype = 'float64'>(
  box: B,
  count: number,
  options: StartsOptions<D> = {},
): StartColumns<B, D> {
  const { names, place, columns, seed } = prepareColumns(box, options)
  if (names.length > SOBOL_DIMENSIONS) {
    throw new OptionError('box', `at most ${SOBOL_DIMENSIONS} parameters`, names.length)
  }
  readOption('count', countOption, count)
  const made = columns(count)
  const next = seed === undefined ? () => 0 : random(seed)
  for (let p = 0; p < names.length; p++) {
    const column = made.of(p)
    visitSobol(p, count, next(), (word, i) => {
      column[i] = place(p, word, WORD_COUNT)
    })
  }
  return made.all as StartColumns<B, D>
}

/**
 * Reads each argument once, and validates all arguments. Returns a copy of the box, and functions that make the
 * columns.
 */
function prepareColumns(
  box: Box,
  options: StartsOptions,
  table: Partial<typeof commonOptions> = commonOptions,
) {
  const { seed, dtype = 'float64' } = readOptions('options', options, table as typeof commonOptions)
  const Floats = dtype === 'float32' ? Float32Array : Float64Array
  const { names, lows, highs } = readBox(box, Floats)
  return {
    names,
    seed,
    /**
     * The point at the fraction `part` / `whole` between `low` and `high`. The results for both ends of the range are
     * exact.
     */
    place(p: number, part: number, whole: number): number {
      const [low, high] = [lows[p], highs[p]]
      // The point is computed from the nearer end of the range, so that rounding cannot leave the range.
      return 2 * part <= whole
        ? low + (high - low) * (part / whole)
        : high - (high - low) * ((whole - part) / whole)
    },
    columns(count: number) {
      const all = names.map((name) => [name, new Floats(count)] as const)
      return { all: Object.fromEntries(all), of: (p: number) => all[p][1] }
    },
  }
}

function readBox(box: Box, Floats: typeof Float32Array | typeof Float64Array) {
  if (!isRecord(box)) throw new OptionError('box', '{ parameter: [low, high] }', box)
  const ranges = Object.entries(box)
  if (ranges.length === 0) throw new OptionError('box', 'at least one parameter', box)
  const ends = ranges.map(([name, range]) => {
    const [low, high] = Array.isArray(range) && range.length === 2 ? (range as readonly unknown[]) : []
    const isNumber = typeof low === 'number' && typeof high === 'number'
    // Both ends of a range and their difference must be finite in the dtype.
    if (!isNumber || !(low <= high) || !Floats.of(low, high, high - low).every(Number.isFinite)) {
      throw new OptionError(
        `box: ${name}`,
        '[low, high] with finite numbers low ≤ high',
        describeRange(range),
      )
    }
    return [low, high] as const
  })
  return {
    names: ranges.map(([name]) => name),
    lows: ends.map(([low]) => low),
    highs: ends.map(([, high]) => high),
  }
}

function describeRange(range: unknown): unknown {
  const isNumbers =
    Array.isArray(range) && range.length === 2 && range.every((end) => typeof end === 'number')
  return isNumbers ? `a range from ${range[0]} to ${range[1]}` : range
}

function readCounts(counts: unknown, names: readonly string[]): number[] {
  if (!isObject(counts)) return names.map(() => readOption('counts', countOption, counts))
  const given = readOptions(
    'counts',
    counts,
    createRecord(names, () => countOption),
  )
  return names.map((name) => given[name])
}
