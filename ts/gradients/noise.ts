/** Gradient noise, as crates/kernels/src/rules/noise.rs defines it. */

import { computeHash } from '../core/hash.js'
import { extensions } from '../extensions.js'
import { log } from '../functions/log.js'
import { pow } from '../functions/pow.js'
import { cos, sin } from '../functions/trigonometric.js'
import { customOption, nonNegative, option, optional } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { clipOptions, type Noise } from './clip.js'
import { registerUnitwiseKernel } from './unitwise.js'

/** 2⁻³². */
const UNIT = 1 / 4294967296
const TURN = 2 * Math.PI * UNIT

const words = new Uint32Array(4)
const numbers = new Float64Array(4)

/** The upper 32 bits of the product of two 32-bit words. */
function upperWord(a: number, b: number): number {
  const lower = (a & 0xffff) * (b & 0xffff)
  // (2¹⁶ − 1)² + 2¹⁶ − 1 is below 2³².
  const middle = (a >>> 16) * (b & 0xffff) + (lower >>> 16)
  const other = (a & 0xffff) * (b >>> 16) + (middle & 0xffff)
  return ((a >>> 16) * (b >>> 16) + (middle >>> 16) + (other >>> 16)) | 0
}

/** Writes the Philox 4×32-10 words of a counter and a key to `words`. */
function philox(a: number, b: number, c: number, d: number, k: number, l: number): void {
  for (let round = 0; round < 10; round++) {
    const first = upperWord(a, 0xd2511f53)
    const second = upperWord(c, 0xcd9e8d57)
    const low = Math.imul(a, 0xd2511f53)
    a = second ^ b ^ k
    b = Math.imul(c, 0xcd9e8d57)
    c = first ^ d ^ l
    d = low
    k = (k + 0x9e3779b9) | 0
    l = (l + 0xbb67ae85) | 0
  }
  words[0] = a
  words[1] = b
  words[2] = c
  words[3] = d
}

function draw(counter: number, key: number, t: number, seed: number): void {
  const upperOf = (x: number) => Math.floor(x * UNIT) >>> 0
  philox(counter, key, t >>> 0, upperOf(t), seed >>> 0, upperOf(seed))
  for (let k = 0; k < 4; k += 2) {
    const radius = Math.sqrt(-2 * log((words[k] + 0.5) * UNIT))
    const angle = words[k + 1] * TURN
    numbers[k] = radius * cos(angle)
    numbers[k + 1] = radius * sin(angle)
  }
}

const noiseSigma = ({ eta, gamma }: Noise, t: number) => Math.sqrt(eta / pow(1 + t, gamma))

/** The functions that noise.ts adds to the core. */
interface NoiseSource {
  readonly numbers: Float64Array
  /** Computes the four normal variates that belong to a counter. */
  draw(counter: number, key: number, t: number, seed: number): void
  noiseSigma(noise: Noise, t: number): number
  key(name: string): number
}

declare module '../extensions.js' {
  interface Extensions {
    noise: NoiseSource
  }
}

extensions.noise = { numbers, draw, noiseSigma, key: computeHash }

const fields = {
  eta: nonNegative(0.01),
  gamma: nonNegative(0.55),
  seed: option<number, number>(
    'an integer from 0 to 2⁵³ − 1',
    0,
    (x) => Number.isSafeInteger(x) && (x as number) >= 0,
  ),
}

function read(what: string, given: unknown): Noise {
  const { seed, ...rest } = readOptions(what, given, fields)
  registerUnitwiseKernel()
  // Adding 0 turns −0 into 0.
  return Object.freeze({ ...rest, seed: seed + 0 })
}

clipOptions.noise = optional(customOption(read))

/**
 * Adds noise to gradients, for `clip: { noise: noise({ eta: 0.01 }) }` (Neelakantan et al., 2015): g ← g + N(0, σ²), σ²
 * = η/(1+t)^γ, like Optax's `add_noise`. The counter t counts a tensor's updates from 0. Noise is added after
 * `centralized` and clipping by unit. Clipping by norm and by value comes later and limits the noisy gradient.
 *
 * The bits of the noise depend only on the seed, t, the tensor's name and the element's index in the tensor.
 *
 * @throws OptionError if an option is unknown or invalid
 */
export function noise(options: Partial<Noise> = {}): Noise {
  return read('noise', options)
}
