/**
 * Prodigy matches the authors' package prodigyopt and Optax: trajectories with d after each update. In contrast to
 * other rules, tensors share the estimate d.
 */

import { readFileSync } from 'node:fs'
import { adam, Optimizer, type Prodigy, prodigy } from 'antigrad'
import { describe, expect, test } from 'vitest'
import { type Dtype, dtypes, type FloatArray, noise } from './helpers.js'
import { array, firstDifference, reference, variants } from './support.js'

interface Entry {
  readonly system: string
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly dtype: Dtype
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
  readonly d: readonly number[]
}

const golden: Entry[] = JSON.parse(readFileSync(new URL('data/prodigy.json', import.meta.url), 'utf8'))

const newNames: Readonly<Record<string, string>> = {
  weight_decay: 'weightDecay',
  d_coef: 'dCoef',
  growth_rate: 'growthRate',
  use_bias_correction: 'useBiasCorrection',
  safeguard_warmup: 'safeguardWarmup',
}

function translated({ system, options }: Entry): Prodigy {
  const renamed = Object.fromEntries(Object.entries(options).map(([key, x]) => [newNames[key] ?? key, x]))
  return (system === 'optax' ? prodigy.optax : prodigy)(renamed)
}

/** The values of d in the clocks, by tensor. */
const distances = (optimizer: Pick<Optimizer, 'save'>) =>
  Object.values(optimizer.save().tensors).map(({ clock }) => clock?.d)

describe.each(variants)('the rule Prodigy on $name', ({ name: _, ...engine }) => {
  test.each(golden)('reproduces the results of $system in $dtype: $name', (entry) => {
    const { dtype, initial, gradients, parameters, d } = entry
    const optimizer = new Optimizer(array(dtype, initial), translated(entry), engine)
    const largest = initial.map(Math.abs)
    gradients.forEach((gradient, step) => {
      optimizer.step(array(dtype, gradient))
      parameters[step].forEach((x, i) => {
        largest[i] = Math.max(largest[i], Math.abs(x))
        const unit = 2 ** (Math.floor(Math.log2(largest[i])) - 23)
        // d amplifies rounding errors: these float64 runs differ by up to a thousand units.
        const tolerance = dtype === 'float32' ? 8 * unit : 1e-12 * largest[i]
        const off = Math.abs(optimizer.params[i] - x)
        expect(off, `step ${step}, index ${i}`).toBeLessThanOrEqual(tolerance)
      })
      const [ours] = distances(optimizer as never) as number[]
      const off = Math.abs(ours / d[step] - 1)
      expect(off, `d, step ${step}`).toBeLessThanOrEqual(dtype === 'float32' ? 1e-5 : 1e-12)
    })
  })
})

interface Plain {
  readonly lr: number
  readonly beta1: number
  readonly beta2: number
  readonly weightDecay: number
  readonly d0: number
}

/** The authors' equations for several tensors, some of which have no gradient. */
function* equations(
  initial: readonly number[][],
  { lr, beta1, beta2, weightDecay, d0 }: Plain,
  gradients: Iterable<readonly (readonly number[] | null)[]>,
) {
  const beta3 = Math.sqrt(beta2)
  const zeros = () => initial.map((x) => x.map(() => 0))
  const [theta, m, v, s] = [initial.map((x) => [...x]), zeros(), zeros(), zeros()]
  let [d, numerator] = [d0, 0]
  for (const step of gradients) {
    let [delta, denominator] = [0, 0]
    const gamma = d * lr
    step.forEach((g, k) => {
      g?.forEach((gi, i) => {
        delta += (d / d0) * gamma * gi * (initial[k][i] - theta[k][i])
        m[k][i] = beta1 * m[k][i] + (1 - beta1) * d * gi
        v[k][i] = beta2 * v[k][i] + (1 - beta2) * d * d * gi * gi
        s[k][i] = beta3 * s[k][i] + (d / d0) * gamma * gi
        denominator += Math.abs(s[k][i])
      })
    })
    numerator = beta3 * numerator + delta
    const old = d
    d = Math.max(d, numerator / denominator)
    step.forEach((g, k) => {
      g?.forEach((gi, i) => {
        const toward = beta1 > 0 ? m[k][i] : d * gi
        theta[k][i] -= weightDecay * old * lr * theta[k][i]
        theta[k][i] -= (gamma * toward) / (Math.sqrt(v[k][i]) + d * 1e-8)
      })
    })
    yield { d, theta }
  }
}

describe('tensors under the rule Prodigy share the estimate d', () => {
  const lengths = [3, 1, 20]
  const initial = lengths.map((length, i) => [...noise(i + 1, length, 'float64', 2)])
  const gradients = Array.from({ length: 16 }, (_, t) =>
    lengths.map((length, i) =>
      t % 3 === 1 && i === 1 ? null : [...noise(50 * t + i, length, 'float64').map((x) => x + 0.7)],
    ),
  )

  test.each([
    { lr: 1, beta1: 0.9, beta2: 0.999, weightDecay: 0, d0: 1e-3 },
    { lr: 0.5, beta1: 0.8, beta2: 0.9, weightDecay: 0.1, d0: 1e-4 },
    { lr: 1, beta1: 0, beta2: 0.99, weightDecay: 0.01, d0: 1e-3 },
  ])(
    'as in the documented equations, even with missing gradients: $lr $beta1 $beta2 $weightDecay',
    (options) => {
      const optimizer = new Optimizer(
        initial.map((x) => Float64Array.from(x)),
        prodigy(options),
      )
      let step = 0
      for (const { d, theta } of equations(initial, options, gradients)) {
        optimizer.step(gradients[step++].map((g) => g && Float64Array.from(g)) as never)
        for (const ours of distances(optimizer as never)) expect((ours as number) / d).toBeCloseTo(1, 12)
        theta.forEach((tensor, k) => {
          tensor.forEach((x, i) => {
            expect((optimizer.params[k][i] - x) / Math.max(d, Math.abs(x))).toBeCloseTo(0, 11)
          })
        })
      }
      expect(distances(optimizer as never)[0]).toBeGreaterThan(2 * options.d0)
    },
  )
})

type Named = Optimizer<{ a: FloatArray; b: FloatArray; c?: FloatArray }>
const ones = (length = 3) => new Float64Array(length).fill(1)

/** Gradients of ½·Σ(θ − target)² for some tensors. */
function go(optimizer: unknown, steps: number, names: readonly string[] = ['a', 'b']): Named {
  const it = optimizer as Named
  const params = it.params as Readonly<Record<string, FloatArray>>
  for (let t = 0; t < steps; t++) {
    it.step(Object.fromEntries(names.map((name) => [name, params[name].map((x, i) => x - i - 3)])) as never)
  }
  return it
}

const make = (rule: Prodigy, options = {}) => new Optimizer({ a: ones(), b: ones(5) }, rule, options as never)
const start = prodigy({ d0: 1e-3 })

describe("the tensors that share Prodigy's estimate d", () => {
  test('are all tensors with the same rule, and exclude tensors with other rules', () => {
    const groups = [{ match: 'b', rule: prodigy({ d0: 0.01 }) }]
    const both = go(make(start, { groups }), 20)
    const [a, b] = distances(both as never) as number[]
    expect(a).not.toBe(b)
    const alone = new Optimizer({ a: ones() }, start)
    go(alone, 20, ['a'])
    expect(both.params.a).toEqual(alone.params.a)
    expect(distances(alone as never)).toEqual([a])
  })

  test('share one estimate again after `set` makes the options of two groups equal', () => {
    const sets = [
      (optimizer: Named) => optimizer.set({ lr: 0.5 } as never),
      (optimizer: Named) => optimizer.set('**', { lr: 0.5 } as never),
    ]
    for (const set of sets) {
      const optimizer = make(start) as unknown as Named
      optimizer.set('a', { lr: 0.5 } as never)
      set(optimizer)
      const never = make(prodigy({ d0: 1e-3, lr: 0.5 }))
      expect(go(optimizer, 8).params).toEqual(go(never, 8).params)
      expect(new Set(distances(optimizer as never)).size).toBe(1)
    }
  })

  test("do not affect tensors with other rules, even while Prodigy's gradients are 0", () => {
    const beside = make(start, { groups: [{ match: 'b', rule: adam() }] })
    const alone = new Optimizer({ b: ones(5) }, adam())
    const zero = { a: ones().fill(0), b: ones(5) }
    beside.step(zero as never)
    alone.step({ b: ones(5) })
    expect(beside.params.a).toEqual(ones())
    expect(beside.params.b).toEqual(alone.params.b)
    expect([beside.state.a.updates, beside.state.b.updates]).toEqual([0, 1])
  })

  test('stay unchanged while all gradients are 0', () => {
    const rule = prodigy({ d0: 1e-3, weightDecay: 0.5, useBiasCorrection: true })
    const late = make(rule)
    for (let t = 0; t < 3; t++) late.step({ a: ones().fill(0), b: ones(5).fill(0) } as never)
    expect([late.params, late.state.a.updates]).toEqual([{ a: ones(), b: ones(5) }, 0])
    const punctual = make(rule)
    expect(go(late, 20).params).toEqual(go(punctual, 20).params)
    expect(late.save().tensors).toEqual(punctual.save().tensors)
  })

  test('continue a saved run with the same bits, even with missing gradients', () => {
    const run = (half: (optimizer: Named) => Named) => {
      const optimizer = half(go(go(make(start), 6), 3, ['a']))
      go(optimizer, 4)
      go((optimizer as Optimizer).add({ c: ones(2) } as never), 5, ['a', 'b', 'c'])
      return optimizer.save()
    }
    const whole = run((optimizer) => optimizer)
    const again = run((optimizer) => Optimizer.load(structuredClone(optimizer.save())) as never)
    expect(again.tensors).toEqual(whole.tensors)
    const all = Object.values(whole.tensors).map(({ clock }) => clock as Readonly<Record<string, number>>)
    expect(all.map(({ t }) => t)).toEqual([18, 15, 5])
    for (const { d, dMax, numerator } of all) {
      expect([d, dMax, numerator]).toEqual([all[0].d, all[0].dMax, all[0].numerator])
    }
  })

  test("include a new or unfrozen tensor from the tensor's first update on", () => {
    const optimizer = go(make(start), 10)
    const [d] = distances(optimizer as never) as number[]
    expect(d).toBeGreaterThan(1e-2)
    optimizer.freeze('b')
    optimizer.unfreeze('b')
    expect(distances(optimizer as never)).toEqual([d, d])
    expect((optimizer as never as { state: { b: { start: FloatArray } } }).state.b.start).toEqual(
      optimizer.params.b,
    )
    ;(optimizer as Optimizer).add({ c: ones(2) } as never)
    expect(distances(optimizer as never)).toEqual([d, d, d])
    expect(distances(Optimizer.load(optimizer.save()).add({ e: ones() } as never) as never)).toEqual(
      Array(4).fill(d),
    )
  })

  test('keep the estimate when tensors are frozen, saved or added', () => {
    const some = (optimizer: unknown) => optimizer as Optimizer
    const rows: Record<string, (optimizer: Named) => unknown> = {
      'all frozen': (optimizer) => optimizer.freeze('*'),
      'frozen, and other options and back': (optimizer) => {
        optimizer.freeze('*')
        for (const lr of [0.5, 1]) some(optimizer).set('*', { lr } as never)
      },
      'other options, and back': (optimizer) => {
        for (const lr of [0.5, 1]) some(optimizer).set('*', { lr } as never)
      },
      'one frozen, the other moved and back': (optimizer) => {
        optimizer.freeze('a')
        for (const lr of [0.5, 1]) some(optimizer).set('*', { lr } as never)
      },
    }
    const ways: ((optimizer: Named) => Named)[] = [
      (optimizer) => optimizer,
      (optimizer) => Optimizer.load(structuredClone(optimizer.save())) as never,
      (optimizer) => {
        const other = go(make(start), 3)
        expect(other.restore(optimizer.save())).toEqual([])
        return other
      },
      (optimizer) => {
        const other = some(go(make(start), 3)).add({ e: ones() } as never)
        expect(other.restore(optimizer.save(), { partial: true }).length).toBe(1)
        other.freeze('e')
        return other as never
      },
    ]
    for (const [name, change] of Object.entries(rows)) {
      for (const [k, way] of ways.entries()) {
        const before = go(make(start), 10)
        const [d] = distances(before as never) as number[]
        change(before)
        const optimizer = way(before)
        const added = some(optimizer).add({ c: ones(2) } as never)
        added.unfreeze(['a', 'b'])
        const { a, b, c } = added.save().tensors
        expect(
          [a, b, c].map(({ clock }) => clock?.d),
          `${name}, ${k}`,
        ).toEqual([d, d, d])
      }
    }
  })

  test('keep the value of the estimate when another tensor is added', () => {
    const optimizer = go(make(start), 3)
    ;(optimizer as Optimizer).set('b', { lr: 0.25 } as never)
    go(optimizer, 5)
    const [a] = distances(optimizer as never) as number[]
    ;(optimizer as Optimizer).set('b', { lr: 1 } as never)
    ;(optimizer as Optimizer).add({ c: ones(2) } as never)
    expect(distances(optimizer as never)[2]).toBe(a)
  })

  test('are not affected by rules without tensors', () => {
    const run = (isLoaded: boolean) => {
      const of = (...x: number[]) => x.map((each) => Float64Array.of(each))
      let optimizer = new Optimizer(of(1, 0.5, -1), prodigy({ d0: 1e-3 }))
      optimizer.set('1', { lr: 0.02 })
      for (let k = 0; k < 9; k++) optimizer.step(of(1 + k / 9, 1e-3, 1))
      optimizer.set('1', { lr: 0.1 })
      if (isLoaded) optimizer = Optimizer.load(optimizer.save())
      optimizer.set('0', { lr: 0.02 })
      return distances(optimizer)
    }
    const [d, other] = run(true)
    expect(d).not.toBe(other)
    expect(run(false)).toEqual(run(true))
  })
  test('stay separate if the histories differ, even if the options become equal', () => {
    const optimizer = go(make(start), 3)
    ;(optimizer as Optimizer).set('b', { lr: 0.25 } as never)
    go(optimizer, 5)
    ;(optimizer as Optimizer).set('b', { lr: 1 } as never)
    const [a, b] = distances(optimizer as never) as number[]
    expect(a).not.toBe(b)
    const again = go(Optimizer.load(optimizer.save()), 3)
    go(optimizer, 3)
    expect(new Set(distances(optimizer as never)).size).toBe(2)
    expect(again.save().tensors).toEqual(optimizer.save().tensors)
  })

  test('exclude frozen tensors, and all become NaN if one gradient is NaN', () => {
    const frozen = make(start)
    frozen.freeze('b')
    const alone = new Optimizer({ a: ones() }, start)
    go(frozen, 10)
    go(alone, 10, ['a'])
    expect(frozen.params.a).toEqual(alone.params.a)
    const wild = make(start)
    wild.step({ a: Float64Array.of(NaN, 1, 1), b: ones(5) } as never)
    expect([...wild.params.a, ...wild.params.b].every(Number.isNaN)).toBe(true)
    expect(distances(Optimizer.load(wild.save()) as never)).toEqual([NaN, NaN])
  })
})

test.each(dtypes)('the rule Prodigy replaces tiny moments with 0 at update 256, in %s', (dtype) => {
  const least = dtype === 'float32' ? 2 ** -149 : 2 ** -1074
  const optimizer = new Optimizer(array(dtype, [1, 1]), start)
  for (let t = 1; t <= 256; t++) {
    for (const name of ['m', 'v', 's'] as const) (optimizer.state[name] as FloatArray)[1] = least
    expect(optimizer.state.m[1]).toBe(least)
    optimizer.step(array(dtype, [1, 0]))
    expect([optimizer.state.updates, optimizer.state.m[1]]).toEqual([t, t === 256 ? 0 : least])
  }
  expect([optimizer.state.v[1], optimizer.state.s?.[1]]).toEqual([0, 0])
})

test.each(variants)(
  'the rule Prodigy applies even a decay that the factor 1 − decay cannot represent in float32: $name',
  ({ name: _, ...engine }) => {
    const weightDecay = 0.03
    const initial = noise(7, 1003, 'float32', 2)
    const optimizer = new Optimizer(initial, prodigy({ weightDecay }), engine)
    // If the gradient is 0, only decay acts, and γ is d₀.
    optimizer.step(initial.map((_, i) => (i === 0 ? 1 : 0)))
    expect(distances(optimizer as never)).toEqual([1e-6])
    const right = initial.map((x) => x * (1 - weightDecay * 1e-6))
    expect(firstDifference(right.slice(1), optimizer.params.slice(1))).toBe(-1)
  },
)

describe('the rule Prodigy computes the same bits as in TypeScript', () => {
  // Lengths beyond block boundaries. Each block is summed separately.
  const lengths = [40_003, 1, 0, 17, 16_384, 50_000]

  function* runs(engine: object, dtype: Dtype, rule: Prodigy, isAsync = false) {
    const params = lengths.map((length, i) => noise(i + 1, length, dtype, 2))
    const optimizer = new Optimizer(params, rule, { ...engine, clip: { value: 0.9 } })
    for (let t = 0; t < 6; t++) {
      const all = optimizer.params.map((theta, i) => {
        const g = noise(100 + lengths.length * t + i, theta.length, dtype)
        return g.map((x, k) => theta[k] - 1 + x)
      })
      const gradients = all.map((g, i) => (t % 3 === 1 && i === 4 ? null : g)) as never
      yield isAsync ? optimizer.stepAsync(gradients) : optimizer.step(gradients)
      yield optimizer
    }
  }

  const forms = { plain: prodigy({ d0: 1e-2 }), optax: prodigy.optax({ d0: 1e-2, weightDecay: 0.1 }) }
  const rest = [
    ...variants.filter((variant) => variant !== reference),
    ...[1, 2, 3].map((threads) => ({ name: `${threads} threads`, engine: 'native' as const, threads })),
  ]

  describe.each(Object.entries(forms))('on %s', (_, rule) => {
    test.each(dtypes)('for %s', async (dtype) => {
      const { name: _, ...engine } = reference
      const expected = [...runs(engine, dtype, rule)].at(-1) as Optimizer<FloatArray[]>
      const saved = expected.save().tensors
      expect(distances(expected as never)[0]).toBeGreaterThan(2e-2)
      for (const { name, ...forced } of rest) {
        for (const isAsync of [false, true]) {
          let last: unknown
          for (const each of runs(forced, dtype, rule, isAsync)) last = await each
          const actual = (last as Optimizer<FloatArray[]>).save().tensors
          for (const [key, { params, clock, state }] of Object.entries(saved)) {
            expect(actual[key].clock, `${name}, ${key}`).toEqual(clock)
            expect(firstDifference(params, actual[key].params), `${name}, ${key}`).toBe(-1)
            for (const s in state) expect(firstDifference(state[s], actual[key].state[s]), s).toBe(-1)
          }
        }
      }
    })
  })
})
