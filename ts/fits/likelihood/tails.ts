/**
 * −2 log of the probabilities of values below or above a limit, as nodes of a graph. The smaller tail of a
 * gamma, beta or Student distribution is an integral of a falling function. A Gauss-Legendre rule computes the integral
 * to about 1e-13 of its value, and its derivatives are as accurate.
 */

import type { Builder } from '../../expressions/differentiate.js'
import { defineLines, type NamedNodes } from '../../expressions/lines.js'
import { cos } from '../../functions/index.js'

/** Costs of the probabilities of values below and above a limit. */
interface TailCosts {
  readonly below: number
  readonly above: number
}

const NODES = 32
/** The integral ends where the logarithm of the integrand has fallen by this number. */
const FALL = 38
const LOG_PI = 1.1447298858494002

let rule: readonly (readonly [place: number, weight: number])[] | undefined

/** Gauss-Legendre rule for the interval from 0 to 1, with nodes that are denser near 0. */
function readRule(): readonly (readonly [place: number, weight: number])[] {
  rule ??= Array.from({ length: NODES }, (_, k) => {
    let [z, slope] = [cos((Math.PI * (k + 0.75)) / (NODES + 0.5)), 0]
    for (let step = 0; step < 8; step++) {
      let [last, value] = [1, z]
      for (let n = 2; n <= NODES; n++) [last, value] = [value, ((2 * n - 1) * z * value - (n - 1) * last) / n]
      slope = (NODES * (z * value - last)) / (z * z - 1)
      z -= value / slope
    }
    const u = (1 + z) / 2
    return [u * u, (2 * u) / ((1 - z * z) * slope * slope)] as const
  })
  return rule
}

/** A multiple of the reach that stays constant between steps, so that derivatives need not follow it. */
const inSteps = defineLines('reach = exp(floor(8*log(reach) + 1)/8)')

/** The integral from 0 to the reach of the exponential of the line `exponent`, a function of r. */
function integrate(
  b: Builder,
  exponent: (b: Builder, names: NamedNodes) => NamedNodes,
  names: NamedNodes,
): number {
  const { reach } = inSteps(b, names)
  const sum = readRule().reduce((all: number | undefined, [place, weight]) => {
    const r = b.multiply(b.constant(place), reach)
    const term = b.multiply(b.constant(weight), b.operation('exp', exponent(b, { ...names, r }).exponent))
    return all === undefined ? term : b.add(all, term)
  }, undefined)
  return b.multiply(reach, sum as number)
}

/** Costs of both sides of a limit, from the logarithm of the smaller tail, which is the one below if `isBelow`. */
const costLines = defineLines(`
  near = -2*logTail
  far = -2*log1p(-exp(logTail))
  below = isBelow ? near : far
  above = isBelow ? far : near
`)

function toCosts(b: Builder, names: NamedNodes): TailCosts {
  const { below, above } = costLines(b, names)
  return { below, above }
}

// The integrals P(a, x)·Γ(a)/(xᵃ·e⁻ˣ) and Q(a, x)·Γ(a)/(xᵃ·e⁻ˣ) in the variable r = |log(t/x)|. Below the mode, P(a, x)
// follows from P(a + 1, x), because the integrand for a small a falls slowly.
const gammaLines = defineLines(
  `
  isBelow = x < a
  sign = isBelow ? -1 : 1
  shape = isBelow ? a + 1 : a
  slope = 2*(a + 1 - x) - FALL
  downward = (sqrt(slope*slope + 8*FALL*(a + 1)) - slope)/(2*(a + 1))
  gap = x - a
  first = 2*FALL/(gap + sqrt(gap*gap + 2*FALL*x))
  second = min(first, log1p((FALL + a*first)/x))
  third = min(second, log1p((FALL + a*second)/x))
  upward = min(third, log1p((FALL + a*third)/x))
  reach = isBelow ? downward : upward
`,
  { FALL },
)
const gammaExponent = defineLines('exponent = sign*shape*r - x*expm1(sign*r)')
const gammaEnd = defineLines(`
  tail = isBelow ? (1 + x*integral)/a : integral
  logTail = a*log(x) - x - lgamma(a) + log(tail)
`)

/** Probabilities of gamma variates of shape a below and above x: P(a, x) and Q(a, x). */
export function gammaTails(b: Builder, a: number, x: number): TailCosts {
  const names = { a, x }
  const lines = { ...names, ...gammaLines(b, names) }
  const integral = integrate(b, gammaExponent, lines)
  return toCosts(b, { ...lines, ...gammaEnd(b, { ...lines, integral }) })
}

// The integral of the smaller tail in the variable r, by which log(t/(1 − t)) falls. The tail follows from the tail with a + 1.
const betaLines = defineLines(
  `
  isBelow = p*(first + second) < first
  a = isBelow ? first : second
  b = isBelow ? second : first
  x = isBelow ? p : q
  rest = isBelow ? q : p
  shape = a + 1
  all = shape + b
  slope = shape - all*x
  limit = slope + all*x*rest
  half = 2*slope - FALL
  curved = (sqrt(half*half + 8*FALL*limit) - half)/(2*limit)
  reach = min(curved, (FALL - all*log(rest))/shape)
`,
  { FALL },
)
const betaExponent = defineLines('exponent = -shape*r - all*log1p(x*expm1(-r))')
const betaEnd = defineLines(`
  gammas = lgamma(first + second) - lgamma(first) - lgamma(second)
  tail = (1 + x*(a + b)*integral)/a
  logTail = first*log(p) + second*log(q) + gammas + log(tail)
`)

/** Probabilities of beta variates below and above p, where q is 1 − p: I_p(first, second) and its complement. */
export function betaTails(b: Builder, names: NamedNodes): TailCosts {
  const lines = { ...names, ...betaLines(b, names) }
  const integral = integrate(b, betaExponent, lines)
  return toCosts(b, { ...lines, ...betaEnd(b, { ...lines, integral }) })
}

// The density is a power of cosh in the variable asinh(t/√df).
const studentLines = defineLines(
  `
  isBelow = z < 0
  size = isBelow ? -z : z
  square = df + size*size
  slope = size/sqrt(square)
  rest = df/square
  half = rest/(1 + slope)/2
  fall = FALL/df
  reach = fall + log((1 + sqrt(1 - rest*exp(-2*fall)))/(1 + slope))
`,
  { FALL },
)
const studentExponent = defineLines('exponent = -df*(r + log1p(half*expm1(-2*r)))')
const studentEnd = defineLines(
  `
  gammas = lgamma((df + 1)/2) - lgamma(df/2) - LOG_PI/2
  logTail = gammas - df/2*log1p(size*size/df) + log(integral)
`,
  { LOG_PI },
)

/** Probabilities of variates of Student's t distribution below and above z. */
export function studentTails(b: Builder, names: NamedNodes): TailCosts {
  const lines = { ...names, ...studentLines(b, names) }
  const integral = integrate(b, studentExponent, lines)
  return toCosts(b, { ...lines, ...studentEnd(b, { ...lines, integral }) })
}
