/**
 * The Faddeeva function w(z) = e^(−z²)·erfc(−i·z) for z = x + i·y with y ≥ 0, in float64. This file computes the real
 * part, which defines the Voigt profile, and the derivatives of the real part.
 *
 * w is i/π·∫ e^(−t²)/(z − t). The trapezoidal rule computes the integral on one of two grids, namely the grid that is
 * farther from x. The contribution of the pole close to the axis is added (Hunter and Regan, 1972; Al Azah and
 * Chandler-Wilde, 2021). For the real part, all terms of the sum have the same sign. Therefore no digits cancel, even
 * if y is tiny.
 */

import { exp } from './exp.js'
import { numbers, powerOfTwo } from './numbers.js'
import { timesExp } from './times-exp.js'
import { trigonometric } from './trigonometric.js'

/**
 * The grid spacing, half the grid spacing, and the reciprocal of the half spacing. The spacing has few bits, so all
 * grid points are exact.
 */
const STEP = 0.51171875
const HALF = 0.255859375
const BY_HALF = 3.9083969465648853
/** 2π/STEP. */
const TURN = 12.278591134641024
/** Limits beyond which the pole contributes nothing. */
const FAR_X = 28
const FAR_Y = 6.140625
/** Above this limit, 2³⁰, w is i/(√π·z). */
const FAR = powerOfTwo(30)
const BY_SQRT_PI = 0.5641895835477563
export const SQRT_PI = 1.772453850905516
/** STEP/π·e^(−t²) for t = (k + ½)·STEP, and for t = k·STEP with half the weight at k = 0. */
const WEIGHTS = [
  [0.1525635532838091, 0.08144256853530582],
  [0.09036609067492044, 0.12535994919222884],
  [0.031704060921876075, 0.05714666054916571],
  [0.006588385346978553, 0.015430414973290974],
  [0.0008109569329191367, 0.0024678516781166068],
  [5.9125018399827046e-5, 0.00023378422470408619],
  [2.553286132111855e-6, 1.3117952385795536e-5],
  [6.531040599703301e-8, 4.3598505003126443e-7],
  [9.895095276150578e-10, 8.582856361113676e-9],
  [8.879985906391293e-12, 1.00079883448453e-10],
  [4.720187738165693e-14, 6.912202249024314e-13],
  [1.4861442579250547e-16, 2.827748512786163e-15],
  [2.771515826036856e-19, 6.852039026897742e-18],
  [3.061459069688829e-22, 9.834529167943651e-21],
] as const

const { nearest, productError } = numbers.float64
const { sin, cos } = trigonometric.float64

/**
 * 2·e^(−z²)·q/(1 + q) and its logarithmic derivative, each as real and imaginary part. The last element is the index of
 * the grid, 0 or 1. The number q is e^(2π·i·z/STEP) on one grid and −e^(2π·i·z/STEP) on the other grid, so that the
 * real part of q is positive.
 */
const pole = new Float64Array(5)
function findPole(x: number, y: number): void {
  const u = x > FAR_X ? FAR_X : x
  const v = y > FAR_Y ? FAR_Y : y
  const halves = nearest(u * BY_HALF)
  const angle = (u - halves * HALF) * TURN
  const [c, s] = [cos(angle), sin(angle)]
  const size = exp(-TURN * v)
  const square = 1 + 2 * (size * c) + size * size
  const [a, b] = [(size * (c + size)) / square, (size * s) / square]
  const bell = timesExp(-u * u, -productError(u, u, u * u), 2 * exp(v * v), 0, 0)
  const factor = y > FAR_Y ? 0 : bell
  const [d, e] = [cos(2 * (u * v)), sin(2 * (u * v))]
  pole[0] = factor * (d * a + e * b)
  pole[1] = factor * (d * b - e * a)
  pole[2] = TURN * b - 2 * x
  pole[3] = TURN * (1 - a) - 2 * y
  pole[4] = halves % 2
}

/** A term of the sum over a grid, as a function of x − t, x + t, their scaled reciprocal squares and y². */
type Term = (a: number, b: number, p: number, q: number, square: number) => number

/** Weighted sum of terms over a grid. */
function sumOfGrid(x: number, y: number, term: Term): number {
  const square = y * y
  const isOdd = pole[4] === 1
  let t = isOdd ? 0 : HALF
  let sum = 0
  for (const [even, odd] of WEIGHTS) {
    const a = x - t
    const b = x + t
    const p = a * a + square
    const q = b * b + square
    const both = 1 / (p * q)
    sum += (isOdd ? odd : even) * term(a, b, q * both, p * both, square)
    t += STEP
  }
  return sum
}

/** x and y ≥ 0 divided by max(x, y), the sum of the squares of both quotients, and max(x, y). */
const far = { a: 0, b: 0, square: 0, larger: 0 }
function isFar(x: number, y: number): boolean {
  const u = x > Number.MAX_VALUE ? Number.MAX_VALUE : x
  const v = y > Number.MAX_VALUE ? Number.MAX_VALUE : y
  far.larger = u > v ? u : v
  if (!(far.larger > FAR)) return false
  far.a = u / far.larger
  far.b = v / far.larger
  far.square = far.a * far.a + far.b * far.b
  return true
}

/** The Voigt profile with area 1: Re w(z)/(σ·√(2π)) for z = (x + i·γ)/(σ·√2). The profile is NaN for γ < 0. */
export function voigt(x: number, sigma: number, gamma: number): number {
  const scale = sigma * Math.SQRT2
  return faddeeva(x / scale, gamma / scale) / (scale * SQRT_PI)
}

/** The real part of w(x + i·y); NaN for y < 0. */
export function faddeeva(re: number, y: number): number {
  if (y < 0) return NaN
  const x = Math.abs(re)
  if (isFar(x, y)) return (BY_SQRT_PI * (far.b / far.square)) / far.larger
  findPole(x, y)
  return y * sumOfGrid(x, y, (_a, _b, p, q) => p + q) + pole[0]
}

/** The derivative of the real part with respect to x. */
export function faddeevaByX(re: number, y: number): number {
  if (y < 0) return NaN
  const x = Math.abs(re)
  const value = isFar(x, y)
    ? (-2 * BY_SQRT_PI * ((far.a * far.b) / (far.square * far.square))) / far.larger / far.larger
    : nearByX(x, y)
  return re < 0 ? -value : value
}

function nearByX(x: number, y: number): number {
  findPole(x, y)
  const sum = sumOfGrid(x, y, (a, b, p, q) => a * (p * p) + b * (q * q))
  return -2 * (y * sum) + (pole[0] * pole[2] - pole[1] * pole[3])
}

/** The derivative of the real part with respect to y. */
export function faddeevaByY(re: number, y: number): number {
  if (y < 0) return NaN
  const x = Math.abs(re)
  if (isFar(x, y)) {
    const { a, b, square, larger } = far
    return (BY_SQRT_PI * ((a * a - b * b) / (square * square))) / larger / larger
  }
  findPole(x, y)
  const sum = sumOfGrid(x, y, (a, b, p, q, below) => (a * a - below) * (p * p) + (b * b - below) * (q * q))
  return sum - (pole[0] * pole[3] + pole[1] * pole[2])
}
