/**
 * The Schedule-Free rules match the authors' package schedulefree. During training, the package's parameters are y, and
 * antigrad's parameters are x. Only Schedule-Free rules require gradients at `gradientPoint()`.
 */

import { readFileSync } from 'node:fs'
import {
  adam,
  booth,
  delayedStart,
  minimize,
  Optimizer,
  OptionError,
  type Rule,
  scheduleFreeAdamW,
  scheduleFreeRAdam,
  scheduleFreeSgd,
} from 'antigrad'
import { describe, expect, test } from 'vitest'
import type { Dtype } from './helpers.js'
import { array, variants } from './support.js'

interface Entry {
  readonly name: string
  readonly options: Readonly<Record<string, unknown>>
  readonly dtype: Dtype
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  /** y after each update, and x after the last one. */
  readonly parameters: readonly (readonly number[])[]
  readonly evaluation: readonly number[]
}

const golden: Entry[] = JSON.parse(readFileSync(new URL('data/schedule-free.json', import.meta.url), 'utf8'))

const rules: Readonly<Record<string, (options: never) => Rule>> = {
  scheduleFreeSgd,
  scheduleFreeAdamW,
  scheduleFreeRAdam,
}

function translated({ name, options }: Entry): Rule {
  const { betas, weight_decay, warmup_steps, weight_lr_power, ...rest } = options
  const [beta1, beta2] = (betas as number[] | undefined) ?? []
  const ours = { ...rest, beta1, beta2, weightDecay: weight_decay, warmupSteps: warmup_steps }
  const given = Object.entries({ ...ours, weightLrPower: weight_lr_power }).filter(([, x]) => x !== undefined)
  return rules[name](Object.fromEntries(given) as never)
}

describe.each(variants)('Schedule-Free rules on $name', ({ name: _, ...engine }) => {
  test.each(golden)('reproduce the results of the Python package schedulefree: $name $dtype', (entry) => {
    const { dtype, initial, gradients, parameters, evaluation } = entry
    const optimizer = new Optimizer(array(dtype, initial), translated(entry), engine)
    const largest = initial.map(Math.abs)
    const compare = (actual: ArrayLike<number>, expected: readonly number[], place: string) => {
      expected.forEach((x, i) => {
        largest[i] = Math.max(largest[i], Math.abs(x))
        const unit = 2 ** (Math.floor(Math.log2(largest[i])) - 23)
        const tolerance = dtype === 'float32' ? 4 * unit : 1e-12 * largest[i]
        expect(Math.abs(actual[i] - x), `${place}, index ${i}`).toBeLessThanOrEqual(tolerance)
      })
    }
    expect(optimizer.gradientPoint()).toEqual(array(dtype, initial))
    gradients.forEach((gradient, step) => {
      optimizer.step(array(dtype, gradient))
      compare(optimizer.gradientPoint(), parameters[step], `step ${step}`)
    })
    compare(optimizer.params, evaluation, 'x')
  })
})

const free = scheduleFreeSgd({ lr: 0.1 })
const ones = () => new Float64Array(3).fill(1)
const expectBlind = (step: () => unknown) => {
  expect(step).toThrow(OptionError)
  expect(step).toThrow(
    'step: expected gradients at gradientPoint(), called since the last update, for scheduleFreeSgd, ' +
      'got a gradient at other points',
  )
}

describe('a Schedule-Free step without gradientPoint()', () => {
  test('causes an error before any change', async () => {
    const optimizer = new Optimizer(ones(), free)
    expectBlind(() => optimizer.step(ones()))
    expectBlind(() => optimizer.step())
    await expect(optimizer.stepAsync(ones())).rejects.toThrow(
      'stepAsync: expected gradients at gradientPoint()',
    )
    expect([...optimizer.params, ...optimizer.state.z, optimizer.updates]).toEqual([1, 1, 1, 1, 1, 1, 0])
    optimizer.gradientPoint()
    expect(await optimizer.stepAsync(ones())).toBe(true)
    expectBlind(() => optimizer.step(ones()))
    optimizer.gradientPoint()
    expect(optimizer.step(ones())).toBe(true)
    expectBlind(() => optimizer.step(ones()))
    expect(optimizer.updates).toBe(2)
  })

  test('is accepted if no update followed the last gradientPoint()', () => {
    const optimizer = new Optimizer(ones(), free, { onNonFinite: 'skip' })
    optimizer.gradientPoint()
    expect(optimizer.step(ones().fill(NaN))).toBe(false)
    expect(optimizer.step(ones())).toBe(true)
    expectBlind(() => optimizer.step(ones()))
  })

  test('is accepted for later batches of the same update', () => {
    const optimizer = new Optimizer(ones(), free, { accumulate: { batches: 2 } })
    optimizer.gradientPoint()
    expect([optimizer.step(ones()), optimizer.step(ones())]).toEqual([false, true])
    expectBlind(() => optimizer.step(ones()))
  })

  test('causes an error if any unfrozen tensor has a Schedule-Free rule', () => {
    const groups = [{ match: 'free', rule: free }]
    const optimizer = new Optimizer({ free: ones(), other: ones() }, adam(), { groups })
    expectBlind(() => optimizer.step({ other: ones() }))
    const point = optimizer.gradientPoint()
    const { params } = optimizer
    expect(point.other.byteOffset).toBe(params.other.byteOffset)
    expect(point.free.byteOffset).not.toBe(params.free.byteOffset)
    expect(optimizer.step({ other: ones() })).toBe(true)
    optimizer.freeze('free')
    expect(optimizer.step({ other: ones() })).toBe(true)
    optimizer.unfreeze('free')
    expectBlind(() => optimizer.step({ other: ones() }))
    optimizer.freeze('**')
    expect(optimizer.step()).toBe(false)
  })

  test('causes an error if the parameters have changed since the last gradientPoint()', () => {
    const optimizer = new Optimizer(ones(), free)
    const saved = optimizer.save()
    optimizer.gradientPoint()
    optimizer.restore(saved)
    expectBlind(() => optimizer.step(ones()))
    expectBlind(() => Optimizer.load(saved).step(ones()))
  })
})

/** Runs steps with the gradients 2·(y − target). */
function go(optimizer: Optimizer<{ a: Float64Array; b: Float64Array }>, steps: number): void {
  for (let t = 0; t < steps; t++) {
    const { a, b } = optimizer.gradientPoint()
    const gradients = { a: a.map((x, i) => 2 * (x - i)), b: b.map((x) => 2 * x) }
    optimizer.step(optimizer.updates % 3 === 1 ? { a: gradients.a } : gradients)
  }
}

test.each([
  scheduleFreeSgd({ warmupSteps: 8, r: 1 }),
  scheduleFreeAdamW({ lr: 0.1 }),
  scheduleFreeRAdam({ lr: 0.1 }),
])('the Schedule-Free rule $name continues a saved run with the same bits', (rule) => {
  const make = () => new Optimizer({ a: ones(), b: ones() }, rule) as never as Parameters<typeof go>[0]
  const whole = make()
  go(whole, 20)
  const half = make()
  go(half, 10)
  const again = Optimizer.load(structuredClone(half.save())) as never as typeof half
  go(again, 10)
  expect(again.params).toEqual(whole.params)
  expect(again.save().tensors).toEqual(whole.save().tensors)
})

test('Schedule-Free rules with weights tʳ·γₘₐₓᵖ and a warm-up match the equivalent form that stores y', () => {
  const [lr, beta, lambda, warmupSteps, r, p] = [0.3, 0.8, 0.05, 6, 1.5, 3]
  const options = { lr, momentum: beta, weightDecay: lambda, warmupSteps, r, weightLrPower: p }
  const optimizer = new Optimizer(Float64Array.of(2), scheduleFreeSgd(options))
  let [y, z, largest, sum] = [2, 2, 0, 0]
  for (let t = 1; t <= 30; t++) {
    const g = Math.sin(t) + optimizer.gradientPoint()[0]
    optimizer.step(Float64Array.of(g))
    const gamma = lr * Math.min(t / warmupSteps, 1)
    largest = Math.max(largest, gamma)
    const w = t ** r * largest ** p
    sum += w
    const c = w / sum
    const decayed = g + lambda * y
    y = y + c * (z - y) + gamma * (beta * (1 - c) - 1) * decayed
    z -= gamma * decayed
    expect(Math.abs(optimizer.gradientPoint()[0] - y)).toBeLessThan(1e-13)
    expect(Math.abs(optimizer.params[0] - (y + (1 - 1 / beta) * (z - y)))).toBeLessThan(1e-13)
  }
})

test('the first updates of Schedule-Free RAdam either leave the parameters unchanged or equal updates of SGD', () => {
  const after = (silentSgdPhase: boolean) => {
    const optimizer = new Optimizer(ones(), scheduleFreeRAdam({ lr: 0.5, silentSgdPhase }))
    optimizer.gradientPoint()
    optimizer.step(Float64Array.of(1, 2, 0.5))
    return [optimizer.params, optimizer.state.z]
  }
  expect(after(true)).toEqual([ones(), ones()])
  expect(after(false)).toEqual(Array(2).fill(Float64Array.of(0.5, 0, 0.75)))
})

test('the Schedule-Free average stays the same if the learning rate is 0', () => {
  const optimizer = new Optimizer(ones(), scheduleFreeAdamW({ lr: 0 }))
  optimizer.gradientPoint()
  optimizer.step(ones())
  expect([optimizer.params, optimizer.state.z]).toEqual([ones(), ones()])
})

test('the Schedule-Free state z of new, extended, unfrozen and partly restored tensors starts at the parameters', () => {
  const optimizer = new Optimizer({ a: ones() }, free, { shapes: { a: [3, 1] } })
  optimizer.gradientPoint()
  optimizer.step({ a: ones() })
  const more = optimizer.add({ b: Float64Array.of(7) })
  optimizer.appendRows('a', Float64Array.of(5))
  expect(more.gradientPoint()).toMatchObject({ a: { 3: 5 }, b: Float64Array.of(7) })
  expect([more.state.a.z[3], more.state.b.z[0]]).toEqual([5, 7])
  more.freeze('b')
  more.params.b[0] = 8
  more.unfreeze('b')
  expect([more.state.b.z[0], more.state.b.updates]).toEqual([8, 0])
  const other = new Optimizer({ a: Float64Array.of(1, 2, 3, 4), b: Float64Array.of(9) }, adam())
  const shapes = { a: [4, 1] }
  const saved = new Optimizer(other.params, adam(), { shapes }).save()
  more.restore(saved, { partial: true })
  expect(more.state.a.z).toEqual(Float64Array.of(1, 2, 3, 4))
  expect([more.params.b[0], more.state.b.z[0], more.state.a.updates]).toEqual([9, 9, 0])
})

test('Schedule-Free rules cannot be combined with optimizer options that would change only the average', () => {
  expect(() => delayedStart(3, free)).toThrow('delayedStart: rule: expected a rule that is not schedule-free')
  const delayed = { name: 'delayedStart', updates: 3, rule: free } as never
  expect(() => new Optimizer(ones(), delayed)).toThrow(OptionError)
  const lookahead = { steps: 2, alpha: 0.5 }
  expect(() => new Optimizer(ones(), free, { lookahead })).toThrow(
    'lookahead: expected a rule without averaging',
  )
  const optimizer = new Optimizer({ a: ones() }, adam(), { lookahead })
  const groups = [{ match: 'b', rule: free }]
  expect(() => optimizer.add({ b: ones() }, { groups } as never)).toThrow('got "scheduleFreeSgd"')
  expect(optimizer.step({ a: ones() })).toBe(true)
})

test('minimize evaluates Schedule-Free gradients at gradientPoint, and converges when the average stops changing', () => {
  const { x, reason } = minimize(booth(), [3, 3], scheduleFreeAdamW({ lr: 0.2 }))
  expect(Math.hypot(x[0] - 1, x[1] - 3)).toBeLessThan(1e-6)
  expect(reason).toBe('converged')
})

test('minimize with a Schedule-Free rule does not report convergence if only the gradient at gradientPoint is 0', () => {
  const lr = 2 ** -40
  // After two updates, z is −2·lr, x is −1.5·lr and y is −1.55·lr.
  const gradient = (x: ArrayLike<number>, out: { [i: number]: number }) => {
    out[0] = Math.abs(x[0] / lr + 1.55) < 0.01 ? 0 : 1
  }
  const objective = { value: (x: ArrayLike<number>) => x[0], gradient }
  const { reason, gradientNorm } = minimize(objective, [0], scheduleFreeSgd({ lr }), { maxIterations: 3 })
  expect([reason, gradientNorm]).toEqual(['max-iterations', 0])
})
