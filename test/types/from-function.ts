/** Functions as models: names of annotated arguments. All code must compile, and is never run. */

import type { Expression } from 'antigrad'
import { fitMany, fit as fitOne } from 'antigrad/fit'
import { fromFunction } from 'antigrad/from-function'

type Same<A, B> = [A, B] extends [B, A] ? true : false
type Of<E> = E extends Expression<infer Names> ? Names : never

const t = [0, 1, 2]
const y = Float64Array.of(3, 2, 1)

// A bare function: the names are not known.
const decay = fromFunction(({ a, b, c }, { t }) => a * Math.exp(-b * t) + c)
export const found = fitOne(decay, { t, y }, { start: { a: 1, b: 1, c: 0 } })
export const all = fitMany(decay, { t, y: [y, y] }, { start: { a: 1, b: 1, c: 0 } })
export const bare: Same<Of<typeof decay>, string> = true

interface Columns {
  t: number
}
const annotated = fromFunction(
  ({ a, b }: { a: number; b: number }, { t }: Columns, { erf }) => a * erf(-b * t),
)
export const names: Same<Of<typeof annotated>, 'a' | 'b' | 't'> = true
fitOne(annotated, { t, y }, { start: { a: 1, b: 1 } })

const constants = { SCALE: 2, knots: [1, 2, 3] }
const scaled = fromFunction(({ a }, { t }, { SCALE, knots, erf }) => a * SCALE * erf(t) + knots[0], {
  constants,
})
export const scale: Same<Of<typeof scaled>, string> = true

const objective = fromFunction(({ x, y }: { x: number; y: number }) => (1 - x) ** 2 + 100 * (y - x * x) ** 2)
export const parameters: Same<Of<typeof objective>, 'x' | 'y'> = true

// A half annotated function has names that are not known.
const half = fromFunction(({ a }: { a: number }, { t }) => a * t)
export const open: Same<Of<typeof half>, string> = true

// @ts-expect-error: the result is no number
fromFunction(({ a }) => `${a}`)
// @ts-expect-error: unknown options
fromFunction(({ a }) => a, { constant: 3 })
