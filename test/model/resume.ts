/**
 * Resumes runs in another process or runtime: saved runs as strings, and further steps. The module imports none of the
 * tested code.
 */

import type { Optimizer, Rule, SavedRun } from 'antigrad'
import { arrayOf, type FloatArray, noise, withOneNaN } from '../bits.js'

export type Run = Optimizer<unknown, Rule, never>

/** The number of batches per update. */
export const BATCHES = 2

/**
 * Makes the steps from one index to another. The gradients pull toward 0 and are noisy. Some gradients are missing or
 * not finite.
 */
export function goOn(optimizer: Run, from: number, to: number): void {
  for (let t = from; t < to; t++) {
    let tensor = 0
    const gradientOf = (theta: FloatArray): FloatArray | null => {
      tensor++
      // The gradient is missing in one batch of an update, or in both batches.
      if ((t * 7 + tensor) % 11 === 0 || (Math.floor(t / BATCHES) + tensor) % 9 === 0) return null
      const g = noise(
        1000 * t + tensor,
        theta.length,
        theta instanceof Float32Array ? 'float32' : 'float64',
        4,
      )
      for (let i = 0; i < g.length; i++) g[i] += theta[i]
      if ((t + tensor) % 53 === 0) g[t % g.length] = NaN
      return g
    }
    optimizer.step(mapped(optimizer.gradientPoint(), gradientOf) as never)
  }
}

function mapped(node: unknown, leaf: (view: FloatArray) => unknown): unknown {
  if (ArrayBuffer.isView(node)) return leaf(node as FloatArray)
  if (Array.isArray(node)) return node.map((child) => mapped(child, leaf))
  return Object.fromEntries(Object.entries(node as object).map(([key, child]) => [key, mapped(child, leaf)]))
}

/**
 * A saved run as JSON. Each array is written as hexadecimal bytes. All NaNs are written in the same way, because the
 * bits of NaN are unspecified, and JavaScriptCore drops the sign.
 */
export function encode(saved: SavedRun): string {
  return JSON.stringify(saved, (_, value) => {
    if (!ArrayBuffer.isView(value)) return value
    const bytes = new Uint8Array(withOneNaN(value as FloatArray).buffer)
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return { [value instanceof Float32Array ? 'float32' : 'float64']: hex }
  })
}

export function decode(text: string): SavedRun {
  return JSON.parse(text, (_, value) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const hex = value?.[dtype]
      if (typeof hex !== 'string') continue
      const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
      return new arrayOf[dtype](bytes.buffer)
    }
    return value
  })
}
