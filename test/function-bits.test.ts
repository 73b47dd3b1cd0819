/**
 * Elementary functions have the same bits in TypeScript and in Rust, in both dtypes. crates/kernels/tests/functions.rs
 * uses the same arguments, and the same digests from test/data/function-bits.json.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { elementary } from '../dist/functions/index.js'
import { arrayOf, dtypes } from './helpers.js'

const special = [
  0,
  -0,
  1,
  -1,
  2,
  -3,
  0.5,
  -0.5,
  1e-45,
  -1e-45,
  5e-324,
  -1e-310,
  1.2e-38,
  2.3e-308,
  3e38,
  -3e38,
  1.7e308,
  -1.7e308,
  Infinity,
  -Infinity,
  NaN,
  0.4375,
  0.625,
  0.6875,
  1.1875,
  2.4375,
  88.75,
  -87.4,
  -103.9,
  709.75,
  -745.1,
  3216.5,
  -1647100.5,
  4503599627370497,
  // The float64 number nearest to a multiple of π/2.
  5.319372648326541e255,
]

/** The boundary between two expansions of powers. */
const SQRT_3_2 = 1.224744871391589

const view = new DataView(new ArrayBuffer(8))

/** A number of any kind, made from one word or from two words. */
function any(high: number, low: number): number {
  view.setUint32(0, high)
  view.setUint32(4, low)
  return view.getFloat64(0)
}
function any32(word: number): number {
  view.setUint32(0, word)
  return view.getFloat32(0)
}

/**
 * Pairs of arguments of all kinds. A third argument is the second number of the pair at the same distance from the end.
 */
function pairs(): (readonly [number, number])[] {
  let state = 2463534242
  const word = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state >>> 0
  }
  const random = Array.from({ length: 30_001 }, (_, i) => {
    const [a, b, c, d] = [word(), word(), word(), word()]
    const [u, v] = [a / 4294967296, c / 4294967296]
    const kinds = [
      [any(a, b), any(c, d)],
      [any32(a), any32(c)],
      [16 * u - 8, 16 * v - 8],
      [4e6 * u - 2e6, 4 * v - 2],
      [1 + (u - 0.5) / 1024, any32(c)],
      [any(a, b), 2 * v - 1],
      [1600 * u - 800, (c >>> 26) - 32],
      [220 * u - 110, 32 * v - 16],
    ] as const
    return kinds[i % 8]
  })
  const border = Array.from({ length: 4000 }, (_, i) => [SQRT_3_2, (i - 2000) / 77] as const)
  return [...special.flatMap((x) => special.map((y) => [x, y] as const)), ...random, ...border]
}

/** FNV-1a of all bits. All NaNs have the same bits. */
function digest(values: Float32Array | Float64Array): string {
  let hash = 0x811c9dc5
  for (const value of values) {
    view.setFloat64(0, Number.isNaN(value) ? NaN : value)
    let hex = view.getBigUint64(0).toString(16).padStart(16, '0')
    if (values instanceof Float32Array) {
      view.setFloat32(0, Number.isNaN(value) ? NaN : value)
      hex = view.getUint32(0).toString(16).padStart(8, '0')
    }
    for (let k = 0; k < hex.length; k++) hash = Math.imul(hash ^ hex.charCodeAt(k), 0x01000193)
  }
  return (hash >>> 0).toString(16).padStart(8, '0')
}

describe.each(dtypes)('mathematical functions in %s', (dtype) => {
  const expected: Record<string, string> = JSON.parse(
    readFileSync(new URL('data/function-bits.json', import.meta.url), 'utf8'),
  )[dtype]
  const x = new arrayOf[dtype](pairs().map(([x]) => x))
  const y = new arrayOf[dtype](pairs().map(([, y]) => y))
  const z = y.toReversed()
  const functions = elementary(dtype)

  test.each(Object.keys(functions) as (keyof typeof functions)[])(
    'compute the same bits in TypeScript as in Rust: %s',
    (name) => {
      const values = x.map((xi, i) => functions[name](xi, y[i], z[i]))
      expect(digest(values)).toBe(expected[name])
      // Stored values would hide a missing rounding.
      const rounded = new arrayOf[dtype](1)
      for (let i = 0; i < x.length; i += 7) {
        rounded[0] = functions[name](x[i], y[i], z[i])
        expect(rounded[0]).toBe(functions[name](x[i], y[i], z[i]))
      }
    },
  )

  test('are all in the list of compared functions', () => {
    expect(Object.keys(functions).sort()).toEqual(Object.keys(expected).sort())
  })
})
