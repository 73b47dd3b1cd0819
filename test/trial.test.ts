/**
 * A rule of two stages for tests only: sums per tensor, then a scalar per tensor, and then a second pass. The Rust rule
 * crates/kernels/src/rules/trial.rs has the same equations. Both rules must have the bits in test/data/trial.json.
 */

import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { kernel, twice } from '../dist/arena/kernel.js'
import { BLOCK, KERNELS } from '../dist/arena/manifest.js'
import { TensorError } from '../dist/core/errors.js'
import type { FloatArray } from '../dist/core/numbers.js'
import { Optimizer } from '../dist/optimizer.js'
import { fraction, nonNegative } from '../dist/options/kinds.js'
import { define } from '../dist/rules/define.js'
import type { Rule } from '../dist/rules/definitions.js'
import { delayedStart } from '../dist/rules/delayed-start.js'
import { type RuleOf, rule } from '../dist/rules/rule.js'
import { scheduled } from '../dist/schedules/option.js'

const row = { lr: 4, alpha: 5 } as const
const tensor = ['parameters', 'direction', 'ratio'] as const
const shared = { source: 0, state: ['m'], row, tensor } as const
// Unused kernel numbers.
const Measure = { ...shared, number: 200, name: 'Measure', sums: ['parameters', 'gradients'] } as const
const Move = { ...shared, number: 201, name: 'Move', sums: [] } as const

/** m ← α·m + g and u = m, for the next stage. */
const MeasureLoop = twice<typeof Measure>((f) => (_theta, g, { m }, { alpha }, from, to, _, direction) => {
  for (let i = from; i < to; i++) {
    m[i] = f(f(alpha * m[i]) + g[i])
    direction[i] = m[i]
  }
})

/** θ ← d·θ − (η·ratio)·u. */
const MoveLoop = twice<typeof Move>((f) => (theta, u, _, { decay, lr }, from, to, { ratio }) => {
  const rate = f(lr * ratio)
  for (let i = from; i < to; i++) theta[i] = f(f(theta[i] * decay) - f(rate * u[i]))
})

const definition = define('trial', {
  options: { lr: scheduled(nonNegative, 1), alpha: fraction(0.75), decay: nonNegative(0.875) },
  kernels: [kernel(Measure, MeasureLoop), kernel(Move, MoveLoop)],
  stages: () => [Measure, Move],
  clock: { halved: 2 },
  // ½, ½/2, ½/3, …: a field of the clock. The tensors of a cohort share the clock.
  advance(clock, _, next) {
    next.halved = clock.t === 0 ? 2 : clock.halved + 2
  },
  coefficients({ alpha }, into) {
    into[row.alpha] = alpha
  },
  corrections({ lr }, { t, halved }, into) {
    expect(halved).toBe(2 * t)
    into[row.lr] = (lr * 0.5) / t
  },
  between(_, { t }, { parameters, direction, ratio }, i, stage) {
    expect([stage, t > 0]).toEqual([0, true])
    ratio[i] = direction[i] === 0 ? 1 : Math.sqrt(parameters[i]) / Math.sqrt(direction[i])
  },
  decay: ({ decay }) => decay,
})

/** The types of the optimizer know only the built-in rules. */
const trial = rule<RuleOf<typeof definition>>(definition) as unknown as (options?: object) => Rule

const lengths = [3, 20_000, 0, 40, 2 * BLOCK, 1]
const dtypes = { float32: Float32Array, float64: Float64Array }

/** Multiples of 2⁻²³ between −1 and 1. */
function noise(seed: number) {
  let x = seed
  return () => {
    x ^= x << 13
    x ^= x >>> 17
    x ^= x << 5
    return (x >>> 8) / 2 ** 23 - 1
  }
}

function data(dtype: keyof typeof dtypes) {
  const next = noise(2_463_534_242)
  const tensors = (): FloatArray[] => lengths.map((n) => new dtypes[dtype](n).map(next))
  return { params: tensors(), gradients: [tensors(), tensors(), tensors()] }
}

/** The first bits of a tensor, and FNV-1a of all bits. */
function digest(values: FloatArray): string {
  const { buffer, byteOffset, byteLength, BYTES_PER_ELEMENT: size } = values
  const view = new DataView(buffer, byteOffset, byteLength)
  const hex = Array.from(values, (_, i) =>
    size === 4
      ? view
          .getUint32(i * 4, true)
          .toString(16)
          .padStart(8, '0')
      : view
          .getBigUint64(i * 8, true)
          .toString(16)
          .padStart(16, '0'),
  )
  let hash = 0x811c9dc5
  for (const digits of hex) {
    for (let k = 0; k < digits.length; k++) hash = Math.imul(hash ^ digits.charCodeAt(k), 0x01000193)
  }
  return `${hex.slice(0, 3).join(' ')} … ${(hash >>> 0).toString(16).padStart(8, '0')}`
}

interface State {
  readonly updates: number
  readonly m: FloatArray
}

/** Three steps. One tensor has no gradient in the second step, so the third step has two cohorts. */
function run(dtype: keyof typeof dtypes, by = trial(), options = {}) {
  const { params, gradients } = data(dtype)
  const optimizer = new Optimizer(params, by, { engine: 'typescript', clip: { norm: 1 }, ...options })
  const inPlace = optimizer.grads as unknown as readonly FloatArray[]
  gradients.forEach((step, number) => {
    if (number === 1) {
      optimizer.step(step.map((gradient, i) => (i === 1 ? undefined : gradient)) as never)
    } else if (number === 0) {
      optimizer.step(step as never)
    } else {
      step.forEach((gradient, i) => {
        inPlace[i].set(gradient)
      })
      optimizer.step()
    }
  })
  const state = optimizer.state as unknown as readonly State[]
  return { optimizer, params: optimizer.params as unknown as readonly FloatArray[], state, initial: params }
}

describe.each(['float32', 'float64'] as const)('a rule with a two-stage update, %s,', (dtype) => {
  const expected = JSON.parse(readFileSync(new URL('data/trial.json', import.meta.url), 'utf8'))[dtype]

  test('computes the same bits as the equivalent Rust code', () => {
    const { params, state } = run(dtype)
    expect(params.map(digest)).toEqual(expected.params)
    expect(state.map(({ m }) => digest(m))).toEqual(expected.m)
    expect(state.map(({ updates }) => updates)).toEqual([3, 2, 3, 3, 3, 3])
  })

  test('computes the same bits in stepAsync', async () => {
    const { params, gradients } = data(dtype)
    const optimizer = new Optimizer(params, trial(), { engine: 'typescript', clip: { norm: 1 } })
    await optimizer.stepAsync(gradients[0] as never)
    await optimizer.stepAsync(gradients[1].map((g, i) => (i === 1 ? null : g)) as never)
    await optimizer.stepAsync(gradients[2] as never)
    const after = optimizer.params as unknown as readonly FloatArray[]
    expect(after.map(digest)).toEqual(expected.params)
  })

  test('computes the same bits even if a block of a tensor spans two slices', async () => {
    const next = noise(7)
    const tensors = () => [100, 9 * BLOCK, 5].map((n) => new dtypes[dtype](n).map(next))
    const [params, gradients] = [tensors(), tensors()]
    const [whole, sliced] = [1, 2].map(() => new Optimizer(params, trial(), { engine: 'typescript' }))
    for (const _ of [1, 2]) {
      whole.step(gradients as never)
      await sliced.stepAsync(gradients as never)
    }
    const digests = ({ params }: Optimizer) => (params as readonly FloatArray[]).map(digest)
    expect(digests(sliced as never)).toEqual(digests(whole as never))
  })

  test('computes the same bits with a schedule and with cleared gradients', () => {
    const { optimizer, params } = run(dtype, trial({ lr: () => 1 }), { zeroGrads: true })
    expect(params.map(digest)).toEqual(expected.params)
    const grads = optimizer.grads as unknown as readonly FloatArray[]
    expect(grads.every((gradient) => gradient.every((x) => x === 0))).toBe(true)
  })

  test('updates the state but not the parameters during a delayed start', () => {
    const delayed = run(dtype, delayedStart(3, trial() as never))
    expect(delayed.params).toEqual(delayed.initial)
    const first = run(dtype).state[3]
    // Moments depend only on gradients and norms.
    expect(digest(delayed.state[3].m)).toBe(digest(first.m))
  })
})

test.each([KERNELS - 1, KERNELS])(
  'the jobs of an update have unique keys if every kernel number is below 1024: %d',
  (number) => {
    const Far = { ...shared, number, name: 'Far', tensor: [], sums: [] } as const
    const loop = twice<typeof Far>(() => (theta) => {
      theta[0] = 7
    })
    const far = define(`far${number}`, {
      options: { lr: 1 },
      kernels: [kernel(Far, loop)],
      stages: () => [Far],
      coefficients() {},
    })
    const made = rule<RuleOf<typeof far>>(far) as unknown as () => Rule
    const optimizer = new Optimizer(Float32Array.of(1), made(), { engine: 'typescript' })
    const step = () => optimizer.step(Float32Array.of(1))
    if (number >= KERNELS) expect(step).toThrow(TensorError)
    else step()
    expect(optimizer.params[0]).toBe(number >= KERNELS ? 1 : 7)
  },
)
