/** The gamma function, its logarithm, and the derivatives of the logarithm, in float64. */

import { numbers, powerOfTwo } from './numbers.js'
import { pows } from './pow.js'
import { timesExp } from './times-exp.js'
import { trigonometric } from './trigonometric.js'

/**
 * Series in powers of z = 1/y² ≤ 1/100: y·(log Γ(y) − (y − ½)·log y + y − ½·log(2π)), y²·(log y − 1/(2·y) − ψ(y)),
 * y³·(ψ′(y) − 1/y − ½·z) and y⁴·(ψ″(y) + z + 1/y³).
 */
const LOG_GAMMA = [
  0.08333333333333333, -0.0027777777777774886, 0.0007936507931867712, -0.0005952378151473429,
  0.0008416699620379479, -0.0019054332018392398, 0.005494345135525591,
]
const DIGAMMA = [
  0.08333333333333333, -0.008333333333329107, 0.003968253961468143, -0.004166662567441038,
  0.00757457223308907, -0.02091510642900945, 0.06980456098729218,
]
const TRIGAMMA = [
  0.16666666666666666, -0.03333333333333183, 0.023809523806353428, -0.033333330779398006, 0.07575656066941762,
  -0.25289275925894433, 1.1396577837007689, -5.307066314209993,
]
const TETRAGAMMA = [
  -0.5, 0.16666666666663907, -0.16666666660850787, 0.29999995311642275, -0.8333146767338117,
  3.2864100489397026, -17.000828243028916, 87.33130215111366,
]
/**
 * Series of log Γ(1 + t)/t and log Γ(2 + t)/t in powers of t, for |t| ≤ 1/16. The first coefficient of each series is a
 * sum of two numbers.
 */
const FIRST_1 = -0.5772156649015329
const NEAR_1 = [
  0.8224670334241132, -0.40068563438653393, 0.27058080842778687, -0.20738555102125417, 0.16955717699051812,
  -0.14404990486917105, 0.12550967704669247, -0.111330270476784, 0.10009574743153334, -0.09186132397734005,
  0.08419633978231833,
]
const FIRST_1_LOW = 5.077737439339659e-18
const FIRST_2 = 0.42278433509846713
const NEAR_2 = [
  0.3224670334241132, -0.06735230105319708, 0.02058080842778408, -0.0073855510307701214, 0.002890510331698363,
  -0.001192752409481887, 0.0005096688390144608, -0.00022359407788152125, 9.965805041912905e-5,
]
const FIRST_2_LOW = 4.86294538774575e-18
const NEAR = 0.0625

const PI = Math.PI
const PI_LOW = 1.2246467991473532e-16
/** ½·log(2π) as a sum of two numbers. */
const HALF_LOG = 0.9189385332046728
const HALF_LOG_LOW = -3.8782941580672414e-17

/** Arguments below this limit are shifted by 10 into the range of the series. */
const SHIFT = 10
/** Numbers whose sums with x·(x + 9) are the products of x + j and x + 9 − j. */
const PRODUCTS = [0, 8, 14, 18, 20]
/** Below this limit, 2⁻⁶⁰, only the pole at 0 matters. */
const TINY = powerOfTwo(-60)
/** Above this limit Γ(x) overflows, and Γ(−x) is 0. */
const FAR = 200
/** Limit above which products overflow, and the scale factors for numbers above this limit. */
const LARGE = powerOfTwo(500)
const SMALLER = powerOfTwo(-600)
const LARGER = powerOfTwo(600)

const { sumError, productError, polynomial } = numbers.float64
const { logInTwo } = pows.float64
const { inTwo: splitInTwo } = trigonometric.float64

/** Sums of two numbers that hold intermediate results. */
const log = new Float64Array(2)
const stirling = new Float64Array(2)
const factor = new Float64Array(2)
const quotient = new Float64Array(2)
const total = new Float64Array(2)

/** n/d, where n and d are sums of two numbers. */
function divide(n: number, nLow: number, d: number, dLow: number): void {
  const q = n / d
  const product = q * d
  const missing = n - product - productError(q, d, product) + (nLow - q * dLow)
  quotient[0] = q
  quotient[1] = missing / d
}

/** Adds a sum of two numbers to the total. */
function add(a: number, aLow: number): void {
  const sum = total[0] + a
  total[1] += sumError(total[0], a, sum) + aLow
  total[0] = sum
}

/** log(y + yLow) as a sum of two numbers. */
function logOfSum(y: number, yLow: number): void {
  logInTwo(y, log)
  log[1] += yLow / y
}

/** log Γ(y + yLow)·scale for y ≥ 10 as a sum of two numbers, by Stirling's series. */
function logGamma(y: number, yLow: number, scale: number): void {
  logOfSum(y, yLow)
  const scaled = y * scale
  const less = scaled - 0.5 * scale
  const product = less * log[0]
  const productLow = productError(less, log[0], product) + (less * log[1] + yLow * log[0])
  const difference = product - scaled
  const sum = difference + HALF_LOG * scale
  const lost = sumError(product, -scaled, difference) + sumError(difference, HALF_LOG * scale, sum)
  const rest = polynomial(1 / y / y, LOG_GAMMA) / y + (HALF_LOG_LOW - yLow)
  stirling[0] = sum
  stirling[1] = lost + (productLow + rest * scale)
}

/**
 * Computes |Γ(x)| divided by e^±log Γ(y), as a sum of two numbers. For x > 0 the quotient is the reciprocal of a
 * product.
 */
function computeFactor(x: number, size: number): void {
  factor[0] = 1
  factor[1] = 0
  if (size < SHIFT) {
    const d = size + 9
    const s = size * d
    const sLow = productError(size, d, s) + size * sumError(size, 9, d)
    factor[0] = s
    factor[1] = sLow
    for (let j = 1; j < PRODUCTS.length; j++) {
      const q = s + PRODUCTS[j]
      times(q, sumError(s, PRODUCTS[j], q) + sLow)
    }
  }
  if (x > 0) {
    divide(1, 0, factor[0], factor[1])
  } else {
    times(PI, PI_LOW)
    const [n, nLow] = factor
    computeSine(size)
    ;[factor[0], factor[1]] = sine
    times(size, 0)
    divide(n, nLow, factor[0], factor[1])
  }
}

/** Multiplies `factor` by a sum of two numbers. */
function times(a: number, aLow: number): void {
  const product = factor[0] * a
  factor[1] = productError(factor[0], a, product) + (factor[0] * aLow + factor[1] * a)
  factor[0] = product
}

/** |sin πx| and cos πx·sgn(sin πx) as sums of two numbers, for x ≥ 0. */
const sine = new Float64Array(2)
const cosine = new Float64Array(2)
function computeSine(x: number): void {
  const fraction = x - Math.floor(x)
  const halves = fraction > 0.75 ? 2 : fraction > 0.25 ? 1 : 0
  const r = fraction - halves / 2
  const high = r * PI
  const [sin, cos] = splitInTwo(high, productError(r, PI, high) + r * PI_LOW)
  const sign = halves === 2 ? -1 : 1
  const [ofSine, ofCosine] = halves === 1 ? [cos, sin] : [sin, cos]
  const flipped = halves === 1 ? -1 : sign
  for (let k = 0; k < 2; k++) {
    sine[k] = sign * ofSine[k]
    cosine[k] = flipped * ofCosine[k]
  }
}

/** Whether x is a pole: 0 or a negative integer. */
const isPole = (x: number): boolean => x <= 0 && Math.floor(x) === x

/** The gamma function; NaN at negative integers. */
export function gamma(x: number): number {
  const size = Math.abs(x)
  if (size < TINY) return 1 / x
  if (!(x > -Infinity) || isPole(x)) return NaN
  if (size === Infinity) return x
  const near = size > FAR ? FAR : size
  const isSmall = near < SHIFT
  const y = isSmall ? near + SHIFT : near
  logGamma(y, isSmall ? sumError(near, SHIFT, y) : 0, 1)
  computeFactor(x, size)
  const sign = x > 0 ? 1 : -1
  const value = timesExp(sign * stirling[0], sign * stirling[1], quotient[0], quotient[1], 0)
  const floor = Math.floor(size)
  return x > 0 || floor !== 2 * Math.floor(floor / 2) ? value : -value
}

/** The logarithm of |Γ(x)|; ∞ at 0 and at negative integers. */
export function lgamma(x: number): number {
  const size = Math.abs(x)
  if (!(size < Infinity)) return size
  if (isPole(x)) return Infinity
  if (size < TINY) {
    logInTwo(size, log)
    return -(log[0] + log[1])
  }
  const isNear2 = x > 1.5
  const t = x - (isNear2 ? 2 : 1)
  if (Math.abs(t) <= NEAR) {
    const first = isNear2 ? FIRST_2 : FIRST_1
    const product = t * first
    const rest = productError(t, first, product) + t * (isNear2 ? FIRST_2_LOW : FIRST_1_LOW)
    return product + (t * t * polynomial(t, isNear2 ? NEAR_2 : NEAR_1) + rest)
  }
  const isSmall = size < SHIFT
  const y = isSmall ? size + SHIFT : size
  const isLarge = size > LARGE
  logGamma(y, isSmall ? sumError(size, SHIFT, y) : 0, isLarge ? SMALLER : 1)
  computeFactor(x, size)
  logOfSum(quotient[0], quotient[1])
  total.set(log)
  const sign = x > 0 ? 1 : -1
  add(sign * stirling[0], sign * stirling[1])
  return (total[0] + total[1]) * (isLarge ? LARGER : 1)
}

/** Adds the signed sum of 1/(x + j) or 1/(x + j)², for j from 0 to 9, to the total; x is below 10. */
function addReciprocals(x: number, power: 1 | 2, sign: number): void {
  const d = x + 9
  const s = x * d
  const sLow = productError(x, d, s) + x * sumError(x, 9, d)
  const both = x + d
  const bothLow = sumError(x, d, both) + sumError(x, 9, d)
  for (const product of PRODUCTS) {
    const q = s + product
    const qLow = sumError(s, product, q) + sLow
    // 1/u + 1/v = (u + v)/(u·v). The sum of the squares is the square of this sum minus 2/(u·v).
    divide(both, bothLow, q, qLow)
    const sum = quotient[0]
    const low = quotient[1]
    if (power === 1) {
      add(sign * sum, sign * low)
    } else {
      const square = sum * sum
      add(sign * square, sign * (productError(sum, sum, square) + 2 * (sum * low)))
      divide(-2, 0, q, qLow)
      add(sign * quotient[0], sign * quotient[1])
    }
  }
}

/** The digamma function, the derivative of log Γ; NaN at negative integers. */
export function digamma(x: number): number {
  const size = Math.abs(x)
  if (size < TINY) return -1 / x
  if (!(x > -Infinity) || isPole(x)) return NaN
  if (size === Infinity) return x
  const isSmall = size < SHIFT
  const y = isSmall ? size + SHIFT : size
  logOfSum(y, isSmall ? sumError(size, SHIFT, y) : 0)
  total.set(log)
  const inverse = 1 / y
  const z = inverse * inverse
  add(-0.5 * inverse, -(z * polynomial(z, DIGAMMA)))
  if (isSmall) addReciprocals(size, 1, -1)
  if (x < 0) {
    computeSine(size)
    divide(cosine[0], cosine[1], sine[0], sine[1])
    const cotangent = quotient[0]
    const low = quotient[1]
    const product = PI * cotangent
    add(product, productError(PI, cotangent, product) + (PI * low + PI_LOW * cotangent))
    divide(1, 0, size, 0)
    add(quotient[0], quotient[1])
  }
  return total[0] + total[1]
}

/** The trigamma function, the derivative of digamma. */
export function trigamma(x: number): number {
  const size = Math.abs(x)
  if (size < TINY) return (1 / x) * (1 / x)
  if (!(x > -Infinity) || isPole(x)) return x > -Infinity && x <= 0 ? Infinity : NaN
  if (size === Infinity) return 0
  const isSmall = size < SHIFT
  const y = isSmall ? size + SHIFT : size
  const yLow = isSmall ? sumError(size, SHIFT, y) : 0
  divide(1, 0, y, yLow)
  const inverse = quotient[0]
  const inverseLow = quotient[1]
  const z = inverse * inverse
  total[0] = inverse
  total[1] = y > LARGE ? 0 : inverseLow + z * inverse * polynomial(z, TRIGAMMA)
  add(0.5 * z, 0)
  if (isSmall) addReciprocals(size, 2, 1)
  if (x < 0) {
    total[0] = -total[0]
    total[1] = -total[1]
    divide(1, 0, size, 0)
    addSquare()
    computeSine(size)
    divide(PI, PI_LOW, sine[0], sine[1])
    addSquare()
  }
  return total[0] + total[1]
}

/** Adds the square of the quotient to the total. */
function addSquare(): void {
  const root = quotient[0]
  const low = quotient[1]
  const square = root * root
  add(square, productError(root, root, square) + 2 * (root * low))
}

/** The derivative of trigamma, to a few units in the last place. */
export function tetragamma(x: number): number {
  const size = Math.abs(x)
  if (size < TINY) return -2 / x / x / x
  if (!(x > -Infinity) || isPole(x)) return NaN
  if (size === Infinity) return 0
  const isSmall = size < SHIFT
  const inverse = 1 / (isSmall ? size + SHIFT : size)
  const z = inverse * inverse
  let sum = z * z * polynomial(z, TETRAGAMMA) - z * inverse - z
  if (isSmall) for (let j = 9; j >= 0; j--) sum = sum - 2 / (size + j) / (size + j) / (size + j)
  if (!(x < 0)) return sum
  computeSine(size)
  const root = PI / sine[0]
  return sum + 2 / size / size / size + 2 * (root * root) * (PI * (cosine[0] / sine[0]))
}
