/** Names of parameters, inferred from literal strings and models. All code must compile, and is never run. */

import {
  adam,
  type BoundExpression,
  type Expression,
  expression,
  gridStarts,
  minimize,
  minimizeMany,
  recurrence,
} from 'antigrad'
import {
  bootstrap,
  type Fit,
  type FitData,
  type FitManyOptions,
  type FitParameters,
  fitMany,
  fit as fitOne,
  models,
} from 'antigrad/fit'

type Same<A, B> = [A, B] extends [B, A] ? true : false
type Of<E> = E extends Expression<infer Names> ? Names : never
/** The names that the compiler infers from a string. */
const read = <Text extends string>(text: Text) => expression(text)
const named = {
  decay: read('a*exp(-b*t) + c'),
  signs: read('x2 >= .5e-3 && !(y_1<1e5) ? -größe₁^2 : max(λ, pow(π, e)) / pi**k != 0'),
  blanks: read('\n a *\t(b)\u00a0+\u2003c\u3000'),
  none: read('1e-3 + 2'),
  called: read('gamma(x) + 2*erf (y)'),
  both: read('gamma*lgamma(x) + sign'),
  lines: read('a, t\nu = exp(-b*t); low=u <= a\r\n v = u == 1 ? c : 2;\nlow ? a*u : v'),
}
export const names: [
  Same<Of<typeof named.decay>, 'a' | 'b' | 't' | 'c'>,
  Same<Of<typeof named.signs>, 'x2' | 'y_1' | 'größe₁' | 'λ' | 'e' | 'k'>,
  Same<Of<typeof named.blanks>, 'a' | 'b' | 'c'>,
  Same<Of<typeof named.none>, never>,
  Same<Of<typeof named.called>, 'x' | 'y'>,
  Same<Of<typeof named.both>, 'gamma' | 'x' | 'sign'>,
  Same<Of<typeof named.lines>, 'a' | 't' | 'b' | 'c'>,
] = [true, true, true, true, true, true, true]

/** Strings that are only partly known. */
const open = (text: string, which: boolean) => ({
  any: read(text),
  begun: read(`a*${text}`),
  numbered: read(`a${1 as number}*x`),
  either: read(which ? 'a*x' : 'b*x'),
})
type Open = ReturnType<typeof open>
export const wide: { [K in keyof Open]: Same<Of<Open[K]>, string> } = {
  ...{ any: true, begun: true, numbered: true, either: true },
}
const many = `${'0+1*2-3/4+5*6-7/'}${'0+1*2-3/4+5*6-7/'}` as const
const thousand = `${many}${many}${many}${many}${many}${many}${many}${many}` as const
const long = `${thousand}${thousand}${thousand}${thousand}${thousand}${thousand}${thousand}1` as const
const ofLong = { a: read(`${long}*a`), any: read(`${long}+${long}*a`) }
export const longs: [Same<Of<typeof ofLong.a>, 'a'>, Same<Of<typeof ofLong.any>, string>] = [true, true]

const x = [1, 2, 3]
const y = [2, 4, 6]
const data: FitData = { x, y }
const options: FitManyOptions = { loss: 'huber' }
const start: FitParameters = { slope: 1 }
const line = expression('slope*x + intercept')
const free = { slope: 1, intercept: 0 }
const found = fitOne(line, { x, y }, { start: free })
export const slope: number = found.values.slope + found.errors.intercept + found.intervals().slope[0]
export const firstFree: 'slope' | 'intercept' = found.free[0]
export const anyFit: Fit = found
export const wideFits: number = [
  fitOne(line, data, { start: free }).values.any,
  fitOne(line, { x, y }, options).values.any,
  fitOne(line, { x, y }, { start }).values.any,
  fitOne(expression(`${x}`), { x, y }, { start: { any: 1 } }).values.any,
][0]
export const follows = fitOne(line, { x, y }, { start: { slope: { expr: '2*k' }, intercept: 0, k: 1 } })
  .values.k
export const guessed = fitOne(models.fourPL({ x: 'dose' }), { dose: x, y }, { start: { ec50: 1 } }).values
  .ec50
export const c3: number = fitOne(models.polynomial({ degree: 3 }), { x, y }).values.c3
export const second: number = fitOne(models.peaks(), { x, y }).values.center2
export const own = fitOne({ text: 'a*x', x: 'x', parameters: {} }, { x, y }, { start: { a: 1 } }).values.a
export const model: Fit = fitOne(Math.random() < 1 ? line : models.line(), { x, y }, { start: free })
const all = await fitMany(
  line,
  { x, y: [y, y] },
  { start: { slope: [1, 2], intercept: { fixed: true, start: 0 } } },
)
export const slopes: Float64Array = all.values.slope
const derived = await fitMany(line, { x, y }, { start: free, derive: { zero: '-intercept/slope' } })
export const zero: number =
  derived.values.zero[0] + derived.at(0).intervals().zero[0] + derived.at(0).errors.slope
export const refits: Float64Array = (await bootstrap(derived, { count: 5 })).at(0).values.zero
export const ofFirst: number = all.at(0).values.slope

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')
export const least = minimize(valley, [0, 0], adam())
const ended = await minimizeMany(valley, gridStarts({ x: [0, 1], y: [0, 1] }, 2), adam(), { recordEvery: 1 })
export const ends: number = ended.x.y[0] + (ended.paths?.x.x[0] ?? 0)
export const inOne = await minimizeMany(valley, [0, 0], adam())
export const ofPoints = await minimizeMany(valley, [[0, 0], Float64Array.of(1, 2)], adam())
const sums = expression('(a*t - y)^2')
export const bound: BoundExpression<'a'> = sums.with({ t: x, y })
export const a: number = (await minimizeMany(sums, { a: [1] }, adam(), { data: { t: x, y } })).x.a[0]
const rate = expression('a*exp(-b/(R*T))', { constants: { R: 8.314 } })
export const boundRate: BoundExpression<'a' | 'b'> = rate.with({ T: x })
const smoothing = recurrence('l[0] = m; l = k*l[t-1] + x; (y - l)^2', { constants: { m: 1 } })
export const boundSmoothing: BoundExpression<string> = smoothing.with({ x, y })
const wideStarts: Record<string, number[]> = { a: [1] }
export const ofWide = await minimizeMany(sums, wideStarts, adam(), { data: { t: x, y } })

export const refused = (never: false) => {
  if (!never) return
  // @ts-expect-error no such parameter
  found.values.zzz
  // @ts-expect-error a column
  found.errors.x
  // @ts-expect-error misspelled
  fitOne(line, { x, y }, { start: { slpoe: 1, intercept: 0 } })
  // @ts-expect-error a column
  fitOne(line, { x, y }, { start: { slope: 1, intercept: 0, x: 1 } })
  // @ts-expect-error the expression does not contain j
  fitOne(line, { x, y }, { start: { slope: { expr: '2*k' as const }, intercept: 0, j: 1 } })
  // @ts-expect-error no such option
  fitOne(line, { x, y }, { start: free, tolerence: 1 })
  // @ts-expect-error misspelled
  fitOne(models.fourPL(), { x, y }, { start: { ec5: 1 } })
  // @ts-expect-error no such parameter
  fitOne(models.fourPL(), { x, y }).values.ic50
  // @ts-expect-error no such coefficient
  fitOne(models.polynomial(), { x, y }).values.d0
  // @ts-expect-error no such parameter
  all.values.zzz
  // @ts-expect-error not derived
  derived.values.one
  // @ts-expect-error an expression must be a string
  fitOne(line, { x, y }, { start: free, derive: { zero: 1 } })
  // @ts-expect-error no such parameter
  ended.x.z
  // @ts-expect-error no such parameter
  minimizeMany(valley, { x, z: y }, adam())
  // @ts-expect-error a column
  minimizeMany(sums, { a: [1], t: [1] }, adam(), { data: { t: x, y } })
  // @ts-expect-error no such column
  sums.with({ t: x, z: y })
  // @ts-expect-error a constant
  rate.with({ T: x, R: y })
  // @ts-expect-error a constant must be a number
  recurrence('a*x', { constants: { a: '1' } })
}
