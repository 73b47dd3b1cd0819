/**
 * Muon equals PyTorch's version bit for bit, except for the final subtraction, which PyTorch computes in bfloat16. In
 * the precision of the parameters, Muon equals plain loops over whole matrices. `data/muon.json` contains PyTorch's
 * runs.
 */

import { readFileSync } from 'node:fs'
import {
  adafactor,
  adamw,
  CheckpointError,
  delayedStart,
  minimize,
  muon,
  Optimizer,
  OptionError,
  type Rule,
  rosenbrock,
  sgd,
  sm3,
  swa,
  TensorError,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Muon } from '../dist/rules/muon.js'
import type { Options } from '../dist/rules/rule.js'
import { random } from './helpers.js'
import { variants } from './support.js'

interface Entry {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly shape: readonly number[]
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
}

const { openLoop }: { openLoop: Entry[] } = JSON.parse(
  readFileSync(new URL('data/muon.json', import.meta.url), 'utf8'),
)

const newNames: Readonly<Record<string, string>> = { weight_decay: 'weightDecay', adjust_lr_fn: 'scale' }

const translated = ({ options }: Entry, precision: 'parameters' | 'bfloat16') => {
  const ours = Object.entries(options).map(([key, value]) => [
    newNames[key] ?? key,
    value === 'match_rms_adamw' ? 'matchRmsAdamW' : value,
  ])
  return muon({ ...Object.fromEntries(ours), precision })
}

describe.each(variants)('on $name,', ({ name: _, ...engine }) => {
  test.each(openLoop)("Muon reproduces PyTorch's results: $name", (entry) => {
    const [rounded, plain] = (['bfloat16', 'parameters'] as const).map(
      (precision) =>
        new Optimizer({ w: Float32Array.from(entry.initial) }, translated(entry, precision), {
          shapes: { w: entry.shape },
          ...engine,
        }),
    )
    const off = { rounded: 0, plain: 0 }
    entry.gradients.forEach((gradient, t) => {
      for (const optimizer of [rounded, plain]) optimizer.step({ w: Float32Array.from(gradient) })
      entry.parameters[t].forEach((theta, i) => {
        off.rounded = Math.max(off.rounded, Math.abs(rounded.params.w[i] - theta))
        off.plain = Math.max(off.plain, Math.abs(plain.params.w[i] - theta))
      })
    })
    // Parameters are at most 2. PyTorch fuses the last product with the subtraction, and may round differently.
    expect(off.rounded).toBeLessThanOrEqual(entry.name === 'muon' ? 0 : 2 ** -23)
    expect(off.plain).toBeLessThanOrEqual(2e-3)
    expect(off.plain).toBeGreaterThan(1e-5)
  })

  test.each([
    [[1, 1], {}],
    [[1, 6], {}],
    [[6, 1], { scale: 'spectralUnclamped' }],
    [[3, 5], { nesterov: false, coefficients: 'quintic', nsSteps: 7 }],
    [[70, 9], { coefficients: 'polarExpress', nsSteps: 8, weightDecay: 0.5 }],
    [[17, 33], { maximize: true, momentum: 0.5, nsSteps: 1 }],
    [[65, 300], { scale: 'matchRmsAdamW', coefficients: [[1.5, -0.5, 0]], nsSteps: 3 }],
    [[4, 3, 2, 2], { lr: 0.1, eps: 1e3 }],
    [[5, 4], { eps: 0, coefficients: [[2, -1.5, 0.5], [1.5, -0.5, 0], [1.875, -1.25, 0.375]] }], // biome-ignore format: triples
  ] as [number[], Options<Muon>][])(
    'Muon computes the same results as plain loops, %j, %j',
    (shape, options) => {
      const length = shape.reduce((product, n) => product * n)
      const next = random(length)
      const numbers = () => Float64Array.from({ length }, () => next() - 0.5)
      const initial = numbers()
      const rule = muon(options)
      const optimizer = new Optimizer({ w: initial }, rule, { shapes: { w: shape }, ...engine })
      const theta = [...initial]
      const b = theta.map(() => 0)
      for (let t = 0; t < 4; t++) {
        const gradient = numbers()
        optimizer.step({ w: gradient })
        plainStep(rule, theta, b, [...gradient], shape[0])
        const off = theta.map((x, i) => Math.abs(x - optimizer.params.w[i]))
        expect(Math.max(...off)).toBeLessThanOrEqual(1e-12)
      }
    },
  )
})

type Rows = readonly (readonly number[])[]

const product = (a: Rows, b: Rows): Rows =>
  a.map((row) => b[0].map((_, j) => row.reduce((sum, x, k) => sum + x * b[k][j], 0)))
const transposed = (a: Rows): Rows => a[0].map((_, j) => a.map((row) => row[j]))
const combined = (x: number, a: Rows, y: number, b: Rows): Rows =>
  a.map((row, i) => row.map((value, j) => x * value + y * b[i][j]))

const known: Readonly<Record<string, Rows>> = {
  original: [[3.4445, -4.775, 2.0315]],
  quintic: [
    [4.0848, -6.8946, 2.927],
    [3.9505, -6.3029, 2.6377],
    [3.7418, -5.5913, 2.3037],
    [2.8769, -3.1427, 1.2046],
    [2.8366, -3.0525, 1.2012],
  ],
  polarExpress: [
    [8.237312490495555, -23.157747414558198, 16.680568411445915],
    [4.082441999064835, -2.893047735332586, 0.5252849256975648],
    [3.9263479922546582, -2.8547468034765298, 0.5318022422894988],
    [3.2982187133085143, -2.424541981026706, 0.48632008358844075],
    [2.2970369434552573, -1.63662558125903, 0.4002628455953627],
    [1.8763805351440397, -1.2347896577722228, 0.35891887501668385],
    [1.8564423485617974, -1.2132449880935525, 0.3568003487825883],
    [1.8749994008682747, -1.2499988017229169, 0.3749994008546422],
  ],
}

/** An update by the paper's equations for whole matrices. */
function plainStep(rule: Muon, theta: number[], b: number[], gradient: number[], rows: number): void {
  const [lr, momentum, weightDecay] = [rule.lr, rule.momentum, rule.weightDecay] as number[]
  const columns = theta.length / rows
  const m = gradient.map((x, i) => {
    const g = rule.maximize ? -x : x
    b[i] = momentum * b[i] + (1 - momentum) * g
    return rule.nesterov ? momentum * b[i] + (1 - momentum) * g : b[i]
  })
  const norm = Math.max(Math.hypot(...m), rule.eps)
  let x: Rows = Array.from({ length: rows }, (_, i) =>
    m.slice(i * columns, (i + 1) * columns).map((value) => value / norm),
  )
  const triples = typeof rule.coefficients === 'string' ? known[rule.coefficients] : rule.coefficients
  for (let step = 0; step < rule.nsSteps; step++) {
    const [p, q, r] = triples[Math.min(step, triples.length - 1)]
    const square = product(x, transposed(x))
    x = combined(p, x, 1, product(combined(q, square, r, product(square, square)), x))
  }
  const scales = {
    original: Math.sqrt(Math.max(1, rows / columns)),
    matchRmsAdamW: 0.2 * Math.sqrt(Math.max(rows, columns)),
    spectralUnclamped: Math.sqrt(rows / columns),
  }
  x.flat().forEach((o, i) => {
    theta[i] = (1 - lr * weightDecay) * theta[i] - lr * scales[rule.scale] * o
  })
}

const distance = (a: Float32Array, b: Float32Array) => Math.max(...a.map((x, i) => Math.abs(x - b[i])))

describe('a non-matrix tensor under the rule Muon', () => {
  const values = (length: number, seed = length) => {
    const next = random(seed)
    return Float32Array.from({ length }, () => next() - 0.5)
  }
  const params = () => ({ w: values(12), bias: values(4), scale: values(3) })
  const shapes = { w: [3, 4], bias: [4] }
  const gradients = (t: number) => ({ w: values(12, t), bias: values(4, t), scale: values(3, t) })
  const rest = ['bias', 'scale'] as const

  test('is updated by the fallback rule, AdamW by default', () => {
    for (const [rule, other] of [
      [muon(), adamw()],
      [muon({ fallback: sgd({ lr: 0.1, momentum: 0.9 }) }), sgd({ lr: 0.1, momentum: 0.9 })],
      [muon({ fallback: delayedStart(2, adamw()) }), delayedStart(2, adamw())],
      [delayedStart(2, muon()), delayedStart(2, adamw())],
    ] as const) {
      const [optimizer, alone] = [new Optimizer(params(), rule, { shapes }), new Optimizer(params(), other)]
      for (let t = 1; t < 5; t++) for (const one of [optimizer, alone]) one.step(gradients(t))
      for (const name of rest) expect(optimizer.params[name]).toEqual(alone.params[name])
      expect(optimizer.params.w).not.toEqual(alone.params.w)
    }
  })

  test('uses the options of groups and of `set`', () => {
    const groups = [
      { match: 'scale', weightDecay: 0 },
      { match: 'bias', weightDecay: 0, lrScale: 2 },
    ]
    const optimizer = new Optimizer(params(), muon(), { shapes, groups })
    const alone = new Optimizer(params(), adamw(), {
      shapes,
      groups: [
        { match: 'scale', weightDecay: 0 },
        { match: 'bias', weightDecay: 0, lr: 2e-3 },
      ],
    })
    const matrix = new Optimizer({ w: params().w }, muon(), { shapes: { w: [3, 4] } })
    for (let t = 1; t < 9; t++) {
      if (t === 3) {
        optimizer.set({ lr: 0.5 })
        matrix.set({ lr: 0.5 })
      }
      if (t === 5) {
        optimizer.set(['bias', 'scale'], { lr: 0.25 })
        alone.set(['bias', 'scale'], { lr: 0.25 })
      }
      for (const one of [optimizer, alone]) one.step(gradients(t))
      matrix.step({ w: gradients(t).w })
    }
    for (const name of rest) expect(optimizer.params[name]).toEqual(alone.params[name])
    expect(optimizer.params.w).toEqual(matrix.params.w)
    expect(() => optimizer.set({ fallback: sgd() })).toThrow(OptionError)
    expect(
      () => new Optimizer(params(), muon(), { shapes, groups: [{ match: '*', nsSteps: 3 } as never] }),
    ).toThrow(/bias.*nsSteps/s)
  })

  test('cannot have Muon as the fallback rule or be restored as a matrix', () => {
    for (const fallback of [muon(), delayedStart(1, muon()), {}, 'adamw', null]) {
      expect(() => muon({ fallback: fallback as never })).toThrow(OptionError)
    }
    const saved = structuredClone(new Optimizer(params(), muon(), { shapes }).save())
    for (const shape of [null, [12], [-3, -4]]) {
      const tensors = { ...saved.tensors, w: { ...saved.tensors.w, shape } }
      expect(() => Optimizer.load({ ...saved, tensors })).toThrow(CheckpointError)
    }
  })

  test('is clipped by the norm of all tensors, including matrices', () => {
    const clip = { norm: 0.1 }
    const groups = [{ match: 'w', rule: adamw({ lr: 0.1 }) }]
    const whole = { w: values(12), v: values(20), bias: values(4) }
    const all = { w: [3, 4], v: [5, 4] }
    const optimizer = new Optimizer(whole, muon({ lr: 0.1 }), { shapes: all, groups, clip })
    const gradient = { w: values(12, 1), v: values(20, 2), bias: values(4, 3) }
    const norm = Math.hypot(...gradient.w, ...gradient.v, ...gradient.bias)
    const scaled = Float32Array.from(gradient.w, (x) => Math.fround(Math.fround(0.1 / norm) * x))
    optimizer.step(gradient)
    const alone = new Optimizer({ w: values(12) }, adamw({ lr: 0.1 }))
    alone.step({ w: scaled })
    expect(distance(optimizer.params.w, alone.params.w)).toBeLessThan(1e-6)
    expect(optimizer.lastStep.norm).toBeCloseTo(norm, 5)
    // O does not depend on the norm.
    const other = new Optimizer({ v: values(20) }, muon({ lr: 0.1 }), { shapes: { v: [5, 4] } })
    other.step({ v: gradient.v })
    expect(distance(optimizer.params.v, other.params.v)).toBeLessThan(1e-5)
  })
})

describe.each(variants)('a Muon matrix on $name', ({ name: _, ...engine }) => {
  const filled = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i + 1))

  test('can be extended by rows, and can be unfrozen after an initial freeze', () => {
    const options = { shapes: { w: [2, 3], f: [6, 5] }, groups: [{ match: 'f', frozen: true }], ...engine }
    const optimizer = new Optimizer({ w: filled(6), f: filled(30) }, muon(), options)
    optimizer.appendRows('w', filled(24))
    optimizer.unfreeze('f')
    optimizer.step({ w: filled(30), f: filled(30) })
    const fresh = { shapes: { w: [10, 3], f: [6, 5] }, ...engine }
    const other = new Optimizer(
      { w: Float32Array.of(...filled(6), ...filled(24)), f: filled(30) },
      muon(),
      fresh,
    )
    other.step({ w: filled(30), f: filled(30) })
    expect(optimizer.params).toEqual(other.params)
  })

  test('supports zeroGrads, clipping, a delayed start and averages', () => {
    const options = { shapes: { w: [4, 5] }, zeroGrads: true, clip: { value: 0.5 }, ...engine }
    const optimizer = new Optimizer({ w: filled(20) }, delayedStart(1, muon()), {
      ...options,
      average: swa(),
    })
    const plain = new Optimizer({ w: filled(20) }, muon(), { shapes: { w: [4, 5] }, ...engine })
    const gradient = Float32Array.from(filled(20), (x) => Math.max(-0.5, Math.min(0.5, x)))
    for (let t = 0; t < 3; t++) {
      optimizer.grads.w.set(filled(20))
      optimizer.step()
      expect(optimizer.grads.w).toEqual(new Float32Array(20))
      plain.step({ w: gradient })
      // At first, the parameters stay the same, but the momentum changes.
      if (t === 0) {
        expect(optimizer.params.w).toEqual(filled(20))
        plain.params.w.set(filled(20))
      }
      expect(optimizer.params.w).toEqual(plain.params.w)
    }
    expect(optimizer.average?.w).not.toEqual(optimizer.params.w)
  })
})

test('Muon refuses invalid options', () => {
  const wrong: readonly object[] = [
    ...[0, 1.5, 101, NaN, '5'].map((nsSteps) => ({ nsSteps })),
    ...['x', 'toString', [], [[1, 2]], [[1, 2, NaN]], [1, 2, 3], Array(9).fill([1, 2, 3])].map(
      (coefficients) => ({ coefficients }),
    ),
    { momentum: 1 },
    { precision: 'float16' },
    { scale: 'torch' },
  ]
  for (const options of wrong) expect(() => muon(options), JSON.stringify(options)).toThrow(OptionError)
  const triples = [[1.5, -0.5, 0]] as [number, number, number][]
  const rule = muon({ coefficients: triples })
  triples[0][0] = 7
  expect(rule.coefficients).toEqual([[1.5, -0.5, 0]])
  expect(muon(JSON.parse(JSON.stringify({ ...rule, name: undefined })))).toEqual(rule)
})

test('the presets of Muon equal the default values of other libraries', () => {
  expect(muon.torch()).toEqual(muon({ precision: 'bfloat16' }))
  expect(muon.kellerJordan({ lr: 0.1 })).toMatchObject({ lr: 0.1, weightDecay: 0, scale: 'original' })
  expect(muon.timm()).toMatchObject({ lr: 0.02, coefficients: 'quintic', nesterov: false })
  expect(muon.keras()).toMatchObject({ scale: 'matchRmsAdamW', weightDecay: 0.004, precision: 'parameters' })
})

describe('the rule Muon for tensors without any shape', () => {
  const params = () => ({ w: new Float32Array(6).fill(1), bias: new Float32Array(2).fill(1) })
  const wanted = /shapes.*muon.*matrices/s
  const delayed = delayedStart(1, muon())

  test.each<[string, () => unknown]>([
    ['a vector', () => new Optimizer(new Float32Array(10), muon())],
    ['an object of tensors', () => new Optimizer(params(), muon())],
    ['a delayed rule', () => new Optimizer(params(), delayed)],
    ['a preset', () => new Optimizer(params(), muon.torch())],
    ['shapes of nothing', () => new Optimizer(params(), muon(), { shapes: {} })],
    [
      'frozen ones, which may be unfrozen',
      () => {
        const frozen = [
          { match: 'w', frozen: true },
          { match: 'bias', rule: adamw() },
        ] as const
        return new Optimizer(params(), muon(), { groups: frozen })
      },
    ],
    ['a rule of a group', () => new Optimizer(params(), adamw(), { groups: [{ match: 'w', rule: muon() }] })],
    [
      'shapes of other tensors',
      () => {
        const groups = [{ match: 'w', rule: delayed }]
        return new Optimizer(params(), adamw(), { groups, shapes: { bias: [2, 1] } })
      },
    ],
    ['minimize', () => minimize(rosenbrock(), [-1.5, 2], muon())],
    [
      'tensors that are added',
      () => {
        const optimizer = new Optimizer(params(), muon(), { groups: [{ match: '**', rule: adamw() }] })
        return optimizer.add(
          { head: new Float32Array(4) },
          { groups: [{ match: 'head', rule: muon() }] as never },
        )
      },
    ],
  ])('is refused, because only the fallback rule would be used: %s', (_, make) => {
    expect(make).toThrow(TensorError)
    expect(make).toThrow(wanted)
  })

  test('is refused by the method add, which then adds no tensor', () => {
    const optimizer = new Optimizer({ w: new Float32Array(6) }, adamw())
    const groups = [{ match: 'v', rule: muon() }] as never
    const v = new Float32Array(6)
    expect(() => optimizer.add({ v }, { groups })).toThrow(wanted)
    expect(optimizer.report().tensors.map(({ name }) => name)).toEqual(['w'])
    const more = optimizer.add({ v }, { groups, shapes: { v: [2, 3] } })
    expect(more.report().tensors.map(({ rule }) => rule.name)).toEqual(['adamw', 'muon'])
    // From now on, one tensor has a shape.
    const last = more.add({ b: { v } }, { groups: [{ match: 'b.v', rule: muon() }] as never })
    expect(last.report().tensors.at(-1)?.rule).toEqual(adamw())
  })

  test('uses the fallback rule if another tensor has a shape', () => {
    const all = { ...params(), scalar: new Float32Array(1), cold: new Float32Array(2) }
    const optimizer = new Optimizer(all, muon({ fallback: sgd() }), {
      shapes: { w: [2, 3], scalar: [] },
      groups: [{ match: 'cold', frozen: true }],
    })
    optimizer.unfreeze('cold')
    const rules = optimizer.report().tensors.map(({ name, rule }) => [name, rule.name])
    expect(rules).toEqual([
      ['w', 'muon'],
      ['bias', 'sgd'],
      ['scalar', 'sgd'],
      ['cold', 'sgd'],
    ])
    // A shape with one dimension is explicit, so the user wants the fallback.
    expect(new Optimizer(params(), muon(), { shapes: { bias: [2] } }).report().tensors[0].rule).toEqual(
      adamw(),
    )
    expect(() => new Optimizer(params(), muon(), { groups: [{ match: '**', rule: adamw() }] })).not.toThrow()
    for (const rule of [adafactor(), sm3()])
      expect(() => new Optimizer(new Float32Array(9), rule)).not.toThrow()
  })

  test('is refused in a saved run', () => {
    const fallback = new Optimizer(params(), adamw()).save()
    const mine = (rule: Rule) => structuredClone({ ...fallback, rule })
    for (const rule of [muon(), delayed]) {
      for (const read of [
        () => Optimizer.load(mine(rule)),
        () => new Optimizer(params(), adamw()).restore(mine(rule)),
        () => new Optimizer(params(), adamw()).restore(mine(rule), { partial: true }),
        () => new Optimizer(params(), muon(), { shapes: { w: [2, 3] } }).restore(mine(rule)),
      ]) {
        expect(read).toThrow(CheckpointError)
        expect(read).toThrow(wanted)
      }
    }
    const ofGroup = structuredClone(
      new Optimizer(params(), adamw(), { groups: [{ match: 'w', rule: adamw() }] }).save(),
    )
    expect(() => Optimizer.load({ ...ofGroup, groups: [{ match: 'w', rule: muon() }] })).toThrow(wanted)
    // The intended group is unknown, so no error names Muon's group.
    const unknown = new Optimizer(params(), muon(), { groups: [{ match: () => true, rule: adamw() }] })
    expect(Optimizer.load(unknown.save()).report().tensors[0].rule).toEqual(adamw())
    const known = [{ match: () => true, lrScale: 2 }]
    const loaded = Optimizer.load(
      new Optimizer({ w: params().w }, muon(), { shapes: { w: [2, 3] }, groups: known }).save(),
    )
    expect(() => loaded.add({ bias: params().bias } as never, { groups: [] })).not.toThrow()
    const matrices = new Optimizer(params(), muon(), { shapes: { w: [2, 3] } })
    expect(Optimizer.load(structuredClone(matrices.save())).report()).toEqual(matrices.report())
  })
})
