/** Tensors with different rules or options do not affect each other, whichever gradients are missing. */

import { Optimizer } from 'antigrad'
import { expect, test } from 'vitest'
import { type Dtype, dtypes, noise } from '../bits.js'
import { cases } from '../cases.js'

const LENGTH = 12

test.each(cases.flatMap(({ name, rule }) => dtypes.map((dtype) => ({ name, rule, dtype }))))(
  'an elementwise rule updates each tensor independently of other tensors: $name, $dtype',
  ({ rule, dtype }) => {
    const make = (names: readonly string[]) =>
      new Optimizer(Object.fromEntries(names.map((name, i) => [name, values(dtype, i)])), rule, {
        engine: 'typescript',
        groups: names.includes('b') ? [{ match: 'b', lrScale: 0.5 }] : [],
        shapes: Object.fromEntries(names.map((name) => [name, [4, 3]])),
      })
    const [both, alone] = [make(['a', 'b']), make(['a'])]
    for (let t = 0; t < 6; t++) {
      for (const one of [both, alone]) one.gradientPoint()
      const a = values(dtype, 10 + t)
      both.step({ a, b: t % 2 === 1 ? null : values(dtype, 50 + t) })
      alone.step({ a })
    }
    expect(both.params.a).toEqual(alone.params.a)
    expect(both.state.a).toEqual(alone.state.a)
  },
)

const values = (dtype: Dtype, seed: number) => noise(seed + 1, LENGTH, dtype)
