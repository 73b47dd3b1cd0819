/** Malicious or mistaken equations quickly cause a typed error with a position, and change nothing. */

import { ArgumentError, adam, defineRule, describeRule, EquationError, Optimizer } from 'antigrad'
import { afterEach, describe, expect, test } from 'vitest'

type Given = Parameters<typeof defineRule>[1]

const engine = 'typescript'
const make = (step: string, rest: object = {}) => defineRule('attacked', { step, ...rest } as Given)
const F = Float64Array.of.bind(Float64Array) as (...numbers: number[]) => Float64Array

/** The exception, and the time in milliseconds until the exception was thrown. */
function refusal(call: () => unknown): { error: EquationError; took: number } {
  const begin = performance.now()
  try {
    call()
  } catch (error) {
    return { error: error as EquationError, took: performance.now() - begin }
  }
  throw new Error('nothing was thrown')
}

describe('an invalid line of a custom rule', () => {
  const options = { lr: 1 }
  test.each([
    ['theta = theta - eta*g', 16, 'one of theta, g, t, lr', 'eta'],
    ['m = g\ntheta = theta - *m', 22, 'a number, a name or (', '*'],
    ['theta = theta - lr*g)', 20, 'an operator or the end', ')'],
    ['theta = theta − lr*g', 14, '-', '−'],
    ['theta = toString', 8, 'one of', 'toString'],
    ['theta = valueOf(g)', 8, 'a function', 'valueOf'],
    ['theta = theta - lr*g; t = 1', 22, 'a name that can be assigned', 't'],
    ['lr = 2; theta = theta - lr*g', 0, 'a name that can be assigned', 'lr'],
    ['sqrt = g; theta = theta - sqrt', 0, 'a name that is not reserved', 'sqrt'],
    ['x = 1', 5, 'a line theta = …', 'none'],
    ['# theta = g', 11, 'a line theta = …', 'none'],
    ['', 0, 'a line theta = …', 'none'],
    ['theta == g', 0, 'a line such as', 'theta == g'],
    ['theta = max(g)', 8, 'max(a, b), or max(abs(a)) over all elements', 'max(a)'],
    ['a = g > 1; theta = a', 4, 'a number', 'a condition'],
    ['theta = theta; - g', 15, 'a line such as', '- g'],
    ['pi = g; theta = theta - pi', 0, 'a name that is not reserved', 'pi'],
    ['over = g; theta = theta - over', 0, 'a name that is not reserved', 'over'],
    ['norm = g; theta = theta - norm', 0, 'a name that is not reserved', 'norm'],
    ['theta = all_sum(g)*g', 8, 'a function', 'all_sum'],
    ['theta = xall.sum(g)', 12, 'a number, a name or an operator', '.'],
    ['a = sum(g); b = sum(g*a); c = sum(g*b); theta = c*g', undefined, 'at most 2 stages of sums', 'more'],
    ['a = sum(g); b = all.sum(g*a); theta = b*g', undefined, 'a sum over all tensors', 'a sum of sums'],
    ['theta = g*sum(2)', 10, 'a sum over a value with one number per element', 'a sum over one number'],
    [
      'theta = all.mean(t) - theta',
      8,
      'a sum over a value with one number per element',
      'a sum over one number',
    ],
    ['theta = allǃmean(g)', 11, 'a different letter', 'ǃ'],
    ['theta = lr*g*(sum(g) + sum(theta) + norm(g*theta))', undefined, 'at most 2 sums in a stage', '3'],
  ])('is refused with the position of the error: %j', (step, position, expected, received) => {
    const { error } = refusal(() => make(step, { options }))
    expect(error).toBeInstanceOf(EquationError)
    expect(error.message).toContain(expected)
    expect(error.message).toContain(`got ${received}`)
    if (position !== undefined) {
      expect(error.position).toBe(position)
      const line = step.slice(0, position).split('\n').length
      expect(error.message).toContain(`line ${line}`)
    }
  })

  test('is refused for an elementwise value in place of a value per tensor', () => {
    const { error } = refusal(() => make('theta = theta - g\np = g', { scalars: { p: 1 } }))
    expect(error.position).toBe(18)
    expect(error.message).toContain('p: one number per tensor, got one number per element')
  })
})

describe('an invalid declaration of a custom rule', () => {
  const step = 'theta = theta - g'
  test.each<[string, unknown]>([
    ['null', null],
    ['an array', [step]],
    ['a long string', { step: `${step}${' '.repeat(100_000)}` }],
    ['a state with the name of a function', { step, state: { over: 0 } }],
    ['an option with the name of a constant', { step, options: { pi: 3 } }],
    ['an invalid learning rate', { step, options: { lr: true } }],
    ['no lines', {}],
    ['lines as an array', { step: [step] }],
    ['an unknown key', { step, states: {} }],
    ['seven states', { step, state: { a: 0, b: 0, c: 0, d: 0, e: 0, f: 0, h: 0 } }],
    [
      'many options',
      { step, options: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`o${i}`, 1])) },
    ],
    ['a duplicate name', { step, state: { a: 0 }, scalars: { a: 0 } }],
    ['theta', { step, state: { theta: 0 } }],
    ['a scalar with the name of a function', { step, scalars: { sqrt: 0 } }],
    ["a group's key", { step, options: { match: 1 } }],
    ['__proto__', { step, options: JSON.parse('{"__proto__": 1}') }],
    ['a name with a space', { step, options: { 'a b': 1 } }],
    ['NaN', { step, options: { a: Number.NaN } }],
    ['an infinite limit', { step, options: { a: { default: 1, max: Infinity } } }],
    ['a default out of its range', { step, options: { a: { default: 1, below: 1 } } }],
    ['limits of a boolean option', { step, options: { a: { default: true, min: 0 } } }],
    ['a string as an option', { step, options: { a: '1' } }],
    ['a string as a start', { step, state: { a: 'zero' } }],
    ['an infinite start', { step, state: { a: Infinity } }],
    ['a scalar that is not finite', { step, scalars: { a: Number.NaN } }],
  ])('is refused: %s', (_, given) => {
    const { error } = refusal(() => defineRule('attacked', given as Given))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error.message).toMatch(/^defineRule/)
  })

  test.each([
    ['adam'],
    ['delayedStart'],
    ['__proto__'],
    ['constructor'],
    ['a b'],
    [''],
    ['1a'],
    ['a'.repeat(101)],
    [Symbol('a')],
    [null],
  ])('is refused for the name %s', (name) => {
    const { error } = refusal(() => defineRule(name as string, { step: 'theta = theta - g' }))
    expect(error).toBeInstanceOf(ArgumentError)
    expect(error.message).toContain('defineRule: name')
  })

  test("is read with one call per getter, and a getter's exception is propagated", () => {
    let count = 0
    const given = {
      get step() {
        return count++ === 0 ? 'theta = theta - g' : 'theta = theta + g'
      },
    }
    const optimizer = new Optimizer(F(1), defineRule('attacked', given)(), { engine })
    optimizer.step(F(1))
    expect([count, optimizer.params[0]]).toEqual([1, 0])
    const thrown = new RangeError('mine')
    const throwing = {
      get step(): string {
        throw thrown
      },
    }
    expect(refusal(() => defineRule('attacked', throwing)).error).toBe(thrown)
  })

  test("cannot result from later changes of the declaration's objects", () => {
    const given = { options: { lr: 1 }, state: { m: 0 }, step: 'm = g; theta = theta - lr*m' }
    const rule = defineRule('attacked', given)()
    given.options.lr = 7
    given.state.m = Number.NaN
    const optimizer = new Optimizer(F(3), rule, { engine })
    optimizer.step(F(1))
    expect(optimizer.params[0]).toBe(2)
    expect(Object.isFrozen(rule.equations)).toBe(true)
  })
})

describe('properties that a program adds to Object.prototype', () => {
  const polluted = Object.prototype as unknown as Record<string, unknown>
  afterEach(() => {
    for (const key of ['equations', 'options', 'state', 'scalars', 'lr', 'step']) delete polluted[key]
  })

  test('add nothing to the declaration of a custom rule', () => {
    const plain = make('theta = theta - g')()
    Object.assign(polluted, { options: { x: 1 }, state: { q: 1 }, scalars: { z: 1 } })
    expect(make('theta = theta - g')()).toEqual(plain)
  })

  test('do not define names for the lines of a custom rule', () => {
    polluted.lr = 1
    expect(refusal(() => make('theta = theta - lr*g')).error).toBeInstanceOf(EquationError)
  })

  test('do not turn a built-in rule into a custom rule', () => {
    const step = () => {
      const optimizer = new Optimizer(F(1), adam({ lr: 0.1 }), { engine })
      optimizer.step(F(1))
      return optimizer.params[0]
    }
    const right = step()
    polluted.equations = { step: 'theta = g' }
    expect(step()).toBe(right)
  })
})

describe('a large definition of a custom rule', () => {
  const many = (count: number, line: (i: number) => string) =>
    Array.from({ length: count }, (_, i) => line(i)).join('\n')
  test.each([
    ['parentheses', `theta = ${'('.repeat(5000)}g${')'.repeat(5000)}`, '200 nested levels'],
    ['signs', `theta = ${'-'.repeat(15_000)}g`, '200 nested levels'],
    ['conditions', `theta = ${'g > 0 ? 1 : '.repeat(1000)}g`, '200 nested levels'],
    ['a long line', `theta = g${' + g'.repeat(10_000)}`, '2000 operations'],
    ['lines', `theta = g\n${many(1000, () => 'theta = g')}`, '200 lines'],
    [
      'operations',
      `a = g\n${many(198, () => `a = ${'sqrt(a) + exp(a)*'.repeat(8)}a`)}\ntheta = a`,
      'operations',
    ],
    [
      'simultaneous numbers',
      `${many(70, (i) => `a${i} = sqrt(g + ${i})`)}\ntheta = ${many(70, (i) => `a${i}*a${69 - i} +`).replaceAll('\n', ' ')} g`,
      'at most',
    ],
    ['constants', `theta = g${many(100, (i) => ` + ${i + 1}*g`).replaceAll('\n', '')}`, 'at most'],
  ])('compiles quickly: %s', (_, step, expected) => {
    const { error, took } = refusal(() => make(step))
    expect(error).toBeInstanceOf(EquationError)
    expect(error.message).toContain(expected)
    expect(took).toBeLessThan(10_000)
  })

  test('compiles quickly if the definition consists of comments and spaces', () => {
    for (const text of [';', '\n', ' ', '# x', 'a'].map((piece) => piece.repeat(5_000_000))) {
      const { error, took } = refusal(() => make(`${text}\ntheta = g`))
      expect(error).toBeInstanceOf(ArgumentError)
      expect(took).toBeLessThan(10_000)
    }
  })

  test('compiles quickly if the definition repeats the same text', () => {
    const rule = make(`a = lr\n${many(60, () => 'a = a*a + a')}\ntheta = theta - a*g`, {
      options: { lr: 1e-9 },
    })
    const begin = performance.now()
    expect(describeRule(rule()).length).toBeLessThan(100_000)
    expect(performance.now() - begin).toBeLessThan(10_000)
  })

  test('compiles to few operations if the definition contains nested powers', () => {
    const begin = performance.now()
    make(`a = g\n${many(30, () => 'a = a^64')}\ntheta = a`)
    expect(performance.now() - begin).toBeLessThan(10_000)
  })
})

describe('the scalar states of a custom rule', () => {
  test('cause an error before any change if a scalar is not finite', () => {
    const rule = defineRule('attacked', {
      scalars: { q: 0 },
      state: { m: 0 },
      step: 'q = 1/(3 - t); m = m + g; theta = theta - q*g',
    })
    const optimizer = new Optimizer({ a: F(1), b: F(5) }, rule(), { engine })
    const gradients = { a: F(1), b: F(1) }
    optimizer.step(gradients)
    optimizer.step(gradients)
    const saved = JSON.stringify(optimizer.save())
    const bits = () => [...optimizer.params.a, ...optimizer.params.b, optimizer.updates]
    const before = bits()
    for (let i = 0; i < 2; i++) {
      expect(() => optimizer.step(gradients)).toThrow(
        /attacked: q at t = 3: expected a finite number, got Infinity/,
      )
      expect(bits()).toEqual(before)
      expect(JSON.stringify(optimizer.save())).toBe(saved)
    }
  })

  test("cause an error before any tensor changes if one tensor's scalar is not finite", () => {
    const rule = defineRule('attacked', { scalars: { q: 0 }, step: 'q = 1/(3 - t); theta = theta - q*g' })
    const optimizer = new Optimizer({ a: F(1), b: F(5) }, rule(), { engine })
    optimizer.step({ a: F(1) })
    optimizer.step({ a: F(1), b: F(1) })
    const before = [optimizer.params.a[0], optimizer.params.b[0], optimizer.updates]
    expect(() => optimizer.step({ a: F(1), b: F(1) })).toThrow(EquationError)
    expect([optimizer.params.a[0], optimizer.params.b[0], optimizer.updates]).toEqual(before)
    optimizer.step({ b: F(1) })
    expect(optimizer.updates).toBe(3)
  })

  test('are replaced with 0 if and only if smaller than 1e-300 in magnitude', () => {
    const rule = defineRule('attacked', {
      scalars: { q: 1e-299, s: -1e-299, kept: 1e-299 },
      step: `q = q*0.05; s = s*0.05; kept = kept*0.11
        theta = theta - (q == 0 ? 1 : 0)*g - (s == 0 ? 4 : 0)*g - (kept == 0 ? 2 : 0)*g`,
    })
    const optimizer = new Optimizer(F(10), rule(), { engine })
    optimizer.step(F(1))
    expect(optimizer.params[0]).toBe(10)
    optimizer.step(F(1))
    expect(optimizer.params[0]).toBe(5)
  })

  // A scalar that begins at 1 need not be a decreasing product.
  test.each([0, 1])('are saved and restored even if negative, NaN or infinite, case %d', (p) => {
    for (const [g, step] of [
      [1, 'q = q - norm(g); p = p - 2; theta = theta - (p + q)*g'],
      [Number.NaN, 'q = q - norm(g); p = p - 2; theta = theta - p*g'],
      [1e300, 'q = q*1e300 + norm(g); p = p - 2; theta = theta - p/q*g'],
    ] as const) {
      const rule = defineRule('attacked', { scalars: { q: 1, p }, step })
      const optimizer = new Optimizer(F(10), rule(), { engine })
      for (let t = 0; t < 3; t++) optimizer.step(F(g))
      const again = Optimizer.load<Float64Array>(structuredClone(optimizer.save()), { engine })
      for (const one of [optimizer, again]) one.step(F(1))
      expect(again.params[0]).toBe(optimizer.params[0])
    }
  })
})

describe('a name in a custom rule', () => {
  test.each(['value0', 'value1', 'first0', 'rate', 'gradients', 'direction', 'length', 'all', 'clock'])(
    'may equal a name that the library uses internally: %s',
    (name) => {
      const rule = defineRule('attacked', {
        scalars: { [name]: 1 },
        step: `${name} = ${name} + sum(g); theta = theta - ${name}*g`,
      })
      const optimizer = new Optimizer(F(1, 2), rule(), { engine })
      for (let t = 0; t < 2; t++) optimizer.step(F(1, 2))
      expect([...optimizer.params]).toEqual([-10, -20])
    },
  )

  test('must be `lr` for the learning rate if the option lrScale is used', () => {
    const rule = make('theta = theta - k*g', { options: { k: 2 } })
    const given = { engine, groups: [{ match: 'b', lrScale: 0.5 }] } as const
    expect(() => new Optimizer({ a: F(1), b: F(1) }, rule(), given)).toThrow(/lrScale/)
  })
})

// biome-ignore lint/suspicious/noExplicitAny: what is spoiled
type Spoil = (saved: any) => void

describe('a saved run of a custom rule', () => {
  const rule = defineRule('attacked', {
    options: { lr: { default: 0.1, min: 0, scheduled: true }, beta: 0.9 },
    state: { m: 0 },
    scalars: { p: 1 },
    step: 'p = p*beta; m = beta*m + (1 - beta)*g; theta = theta - lr/(1 - p)*m',
  })
  const spoiled = (spoil: Spoil) => {
    const optimizer = new Optimizer({ a: F(1, 2) }, rule(), { engine })
    optimizer.step({ a: F(1, 1) })
    const saved = structuredClone(optimizer.save())
    spoil(saved)
    return () => Optimizer.load(saved, { engine })
  }

  test.each<[string, Spoil]>([
    ['a string as a scalar', ({ tensors }) => Object.assign(tensors.a.clock, { p: '1' })],
    ['a missing scalar', ({ tensors }) => delete tensors.a.clock.p],
    ['t beyond 2^53', ({ tensors }) => Object.assign(tensors.a.clock, { t: 2 ** 60 })],
    ['a negative t', ({ tensors }) => Object.assign(tensors.a.clock, { t: -1 })],
    ['an invalid line', ({ rule }) => Object.assign(rule.equations, { step: 'theta = theta - *' })],
    ['no lines', ({ rule }) => Object.assign(rule.equations, { step: null })],
    ['no equations', ({ rule }) => Object.assign(rule, { equations: null })],
    [
      'an additional state',
      ({ rule }) => Object.assign(rule.equations.state, { q: { start: 0, flush: true } }),
    ],
    ['an option out of its range', ({ rule }) => Object.assign(rule, { lr: -1 })],
    ['the name of another rule', ({ rule }) => Object.assign(rule, { name: 'adam' })],
  ])('is refused: %s', (_, spoil) => {
    const { error } = refusal(spoiled(spoil))
    expect(error.name).toMatch(/^(CheckpointError|EquationError|ArgumentError|OptionError)$/)
  })

  test('continues after a call of load', () => {
    const optimizer = spoiled(() => {})()
    expect(optimizer.updates).toBe(1)
  })

  test('contains the same rule after conversion to JSON and back', () => {
    const optimizer = new Optimizer({ a: F(1, 2) }, rule(), { engine })
    const other = new Optimizer({ a: F(1, 2) }, JSON.parse(JSON.stringify(rule())), { engine })
    for (const one of [optimizer, other]) one.step({ a: F(1, 1) })
    expect(other.params.a).toEqual(optimizer.params.a)
  })

  test('is refused by restore if the equations differ, even for equal array sizes', () => {
    const steps = [
      'm = m + norm(g); theta = theta - m*g',
      'm = m + g; theta = theta - m',
      'm = g; theta = theta - m',
    ]
    for (const [i, j] of [
      [0, 1],
      [1, 0],
      [1, 2],
    ]) {
      const [one, other] = [i, j].map((k) => {
        const optimizer = new Optimizer(
          F(1, 2),
          defineRule('attacked', { state: { m: 0 }, step: steps[k] })(),
          { engine },
        )
        optimizer.step(F(0.5, 0.25))
        return optimizer
      })
      const before = [...other.params, ...other.state.m]
      const expected =
        /the rule attacked \(equations [0-9a-f]+\) with m state, got the rule attacked \(equations/
      expect(() => other.restore(one.save())).toThrow(expected)
      expect([...other.params, ...other.state.m]).toEqual(before)
      one.restore(one.save())
    }
  })

  test('contains 0 in place of −0, because JSON.stringify writes −0 as 0', () => {
    const rule = defineRule('attacked', {
      ...{ options: { lr: -0 }, state: { m: -0 }, scalars: { p: -0 } },
      step: 'm = lr*g; theta = p*theta',
    })
    const { options, state, scalars } = rule().equations
    expect([options.lr.default, state.m.start, scalars.p, rule().lr]).toEqual([0, 0, 0, 0])
  })

  test('may contain two custom rules of the same name', () => {
    const up = defineRule('attacked', { options: { lr: 1 }, step: 'theta = theta + lr*g' })
    const down = defineRule('attacked', { options: { lr: 1 }, step: 'theta = theta - lr*g' })
    const optimizer = new Optimizer({ a: F(1), b: F(1) }, down(), {
      engine,
      groups: [{ match: 'b', rule: up() }],
    })
    optimizer.step({ a: F(1), b: F(1) })
    const again = Optimizer.load<{ a: Float64Array; b: Float64Array }>(structuredClone(optimizer.save()), {
      engine,
    })
    again.step({ a: F(1), b: F(1) })
    expect([again.params.a[0], again.params.b[0]]).toEqual([-1, 3])
  })
})

describe('the function describeRule', () => {
  test('returns the source text of a program that defines the same rule', () => {
    const given = { options: { lr: 1 }, state: { m: 0 }, step: 'm = 0.5*m + norm(g)*g; theta = theta - lr*m' }
    const text = describeRule(defineRule('attacked', given)())
    const again = defineRule('attacked', { ...given, step: text })
    const run = (rule: ReturnType<typeof again>) => {
      const optimizer = new Optimizer(F(1, -2, 3), rule, { engine })
      for (let t = 0; t < 3; t++) optimizer.step(F(0.5, t, -1))
      return optimizer.params
    }
    expect(text).toContain('stage 2 of 2')
    expect(run(again())).toEqual(run(defineRule('attacked', given)()))
  })

  test.each([[null], [undefined], [7], [{}], [adam()]])('refuses the argument %j', (rule) => {
    expect(() => describeRule(rule as never)).toThrow(ArgumentError)
  })
})
