/** Random numbers of any magnitude, by fast-check. */

import fc from 'fast-check'

const tame = fc.double({ min: -3, max: 3, noNaN: true })
/** ±2ᵏ times a number of a few digits. Magnitudes near 1e-300 and near 1 are equally likely. */
const scaled = fc
  .tuple(fc.integer({ min: -1074, max: 1023 }), fc.integer({ min: 8, max: 15 }), fc.boolean())
  .map(([power, digits, isNegative]) => (isNegative ? -1 : 1) * (digits / 8) * 2 ** power)
const far = fc
  .tuple(fc.integer({ min: 10, max: 150 }), fc.double({ min: 1, max: 2, noNaN: true }))
  .map(([power, digits]) => digits * 2 ** power)
const special = fc.constantFrom(
  ...[0, -0, NaN, Infinity, -Infinity, 1, 5e-324, -1e-310, 1e-45, 1e-40],
  ...[Math.PI / 2, 1e6, 1e22, 3e38, 1e154, 1e200, Number.MAX_VALUE],
)

export const anyNumber: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: tame },
  { weight: 3, arbitrary: far },
  { weight: 1, arbitrary: scaled },
  { weight: 2, arbitrary: special },
)

/** Numbers that can be literals: finite and without a sign. */
export const anyLiteral = anyNumber.map((x) => (Number.isFinite(x) ? Math.abs(x) : 2))

export const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined })

/** A value in one of `times` programs, and null in all other programs. */
export const rarely = <T>(times: number, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> =>
  fc.oneof({ weight: times - 1, arbitrary: fc.constant(null) }, { weight: 1, arbitrary })

/** An ordinary object with the standard prototype, as in user code. */
export const record = <T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(fields, { noNullPrototype: true })
