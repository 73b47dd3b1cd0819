/** Misspelled names, names of other libraries, calls of the wrong kind, and non-numeric values in place of numbers. */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  AntigradError,
  adafactor,
  adam,
  adamw,
  adan,
  asgd,
  checkGradient,
  cosine,
  defineRule,
  expression,
  lbfgs,
  minimize,
  minimizeMany,
  minimizeManySync,
  muon,
  Optimizer,
  OptionError,
  rmsprop,
  rprop,
  sgd,
  yogi,
} from 'antigrad'
import { fitMany, fitManySync, fit as fitOne, models } from 'antigrad/fit'
import { build } from 'esbuild'
import { describe, expect, test } from 'vitest'
import { parseSchedule } from '../dist/schedules/text.js'
import { home } from './children.js'

/** Arguments of any type. */
// biome-ignore lint/suspicious/noExplicitAny: what the types forbid is what is tested
type Anything = any
const any = (given: unknown) => given as Anything

function messageOf(call: () => unknown): string {
  try {
    call()
  } catch (error) {
    expect(error).toBeInstanceOf(AntigradError)
    return (error as Error).message
  }
  throw new Error('nothing was thrown')
}

const params = () => ({ w: Float32Array.of(1) })
const optimizer = new Optimizer(params(), adamw())
const data = { x: [1, 2, 3], y: [1, 2, 4] }

describe('a suggestion in an error message', () => {
  test.each<[string, () => unknown, string]>([
    ['weight_decay', () => adamw(any({ weight_decay: 1 })), 'weightDecay'],
    ['weigthDecay', () => adamw(any({ weigthDecay: 1 })), 'weightDecay'],
    ['betas', () => adam(any({ betas: [0.9, 0.99] })), 'beta1, beta2'],
    ['learning_rate', () => sgd(any({ learning_rate: 1 })), 'lr'],
    ['learningRate', () => sgd(any({ learningRate: 1 })), 'lr'],
    ['b1', () => adam(any({ b1: 0.9 })), 'beta1'],
    ['b3', () => adan(any({ b3: 0.9 })), 'beta3'],
    ['epsilon', () => adam(any({ epsilon: 1 })), 'eps'],
    ['rho', () => rmsprop(any({ rho: 0.9 })), 'alpha'],
    ['decay', () => rmsprop(any({ decay: 0.9 })), 'alpha'],
    ['lambd', () => asgd(any({ lambd: 1 })), 'lambda'],
    ['step_sizes', () => rprop(any({ step_sizes: [1, 2] })), 'minStep, maxStep'],
    ['initial_accumulator_value', () => yogi(any({ initial_accumulator_value: 1 })), 'initialAccumulator'],
    ['min_dim_size_to_factor', () => adafactor(any({ min_dim_size_to_factor: 1 })), 'minFactored'],
    ['ns_coefficients', () => muon(any({ ns_coefficients: 1 })), 'coefficients'],
    ['T_max', () => cosine(1, any({ T_max: 1 })), 'steps'],
    ['eta_min', () => cosine(1, any({ steps: 1, eta_min: 0 })), 'endValue'],
    [
      'momentun',
      () => new Optimizer(params(), sgd(), any({ groups: [{ match: 'w', momentun: 1 }] })),
      'momentum',
    ],
    ['zero_grads', () => new Optimizer(params(), sgd(), any({ zero_grads: true })), 'zeroGrads'],
    ['amsgrd', () => optimizer.set(any({ amsgrd: true })), 'amsgrad'],
    ['weight_decay', () => optimizer.set('w', any({ weight_decay: 1 })), 'weightDecay'],
    ['ec5', () => fitOne(models.fourPL(), data, { start: any({ ec5: 1 }) }), 'ec50'],
    ['ema', () => new Optimizer(params(), adam(), any({ ema: 0.99 })), 'average'],
    ['p0', () => fitOne(models.line(), data, any({ p0: [1, 2] })), 'start'],
    ['bounds', () => fitOne(models.line(), data, any({ bounds: {} })), 'start'],
    ['maxfev', () => fitOne(models.line(), data, any({ maxfev: 9 })), 'maxIterations'],
    ['ftol', () => fitOne(models.line(), data, any({ ftol: 1e-9 })), 'tolerance'],
    ['timeout', () => fitManySync(models.line(), data, any({ timeout: 9 })), 'signal'],
    ['tolerence', () => fitOne(models.line(), data, any({ tolerence: 1 })), 'tolerance'],
    ['cosin', () => adam({ lr: any({ schedule: 'cosin', value: 1, steps: 9 }) }), 'cosine'],
    [
      'cosin',
      () =>
        adam({ lr: any({ schedule: 'warmup', value: { schedule: 'cosin', value: 1, steps: 9 }, steps: 3 }) }),
      'cosine',
    ],
  ])('appears for %s', (name, call, meant) => {
    expect(messageOf(call)).toMatch(new RegExp(`, got "${name}" \\(did you mean ${meant}\\?\\)$`))
  })

  test('is omitted for a schedule object with an unknown name', () => {
    for (const schedule of [1, Symbol('cosin'), { toString: () => 'cosin' }, null])
      expect(messageOf(() => adam({ lr: any({ schedule }) }))).not.toContain('did you mean')
  })

  test.each(['fused', 'foreach', 'zzz', '', 'constructor', '__proto__ ', 'a'.repeat(1e6), '\u{1f600}'])(
    'is omitted if no valid name is similar, case %#',
    (name) => {
      expect(messageOf(() => adam(any({ [name]: true })))).not.toContain('(')
    },
  )

  test('explains that set and load do not accept options of the constructor', () => {
    const [, list] =
      /one of (.*), got/.exec(messageOf(() => new Optimizer(params(), adam(), any({ zzz: 1 })))) ?? []
    const options = (list ?? '').split(', ')
    expect(options).toContain('clip')
    for (const name of options) {
      const said = ` (${name} is for new Optimizer(params, rule, { ${name} }), whose restore(saved) continues a saved run)`
      expect(messageOf(() => optimizer.set(any({ [name]: {} })))).toContain(said)
      if (['engine', 'instructionSet', 'threads'].includes(name)) continue
      expect(messageOf(() => Optimizer.load(optimizer.save(), any({ [name]: {} })))).toContain(said)
    }
    expect(messageOf(() => optimizer.set(any({ frozen: true })))).toContain('(frozen is for freeze(match))')
    const other = new Optimizer(params(), adamw(), { clip: { norm: 1 } })
    other.restore(optimizer.save())
  })

  test('is part of development bundles, but not of production bundles', async () => {
    const bundle = async (...conditions: string[]) => {
      const { outputFiles } = await build({
        stdin: { contents: "export { Optimizer, sgd } from 'antigrad'", resolveDir: home },
        ...{ bundle: true, minify: true, format: 'esm', write: false, conditions },
      })
      return outputFiles[0].text
    }
    expect(await bundle('development')).toContain('did you mean')
    expect(await bundle()).not.toContain('did you mean')
  })

  test.each([
    ['cosin(1, { steps: 9 })', 1],
    ['warmup(cosin(1, { steps: 9 }), { steps: 3 })', 8],
  ])('appears for a misspelled schedule name in a string: %s', (text, at) => {
    const message = messageOf(() => parseSchedule(text, 'lr'))
    expect(message).toMatch(new RegExp(` at character ${at}, got "cosin" \\(did you mean cosine\\?\\)$`))
  })

  test.each([
    ['sqrtt(x)', 'got sqrtt (did you mean sqrt?): '],
    ['x + sqr(x)', 'expected x^2 for a square, or sqrt(x) for a root at character 5, got sqr'],
    ['ln(x)', 'expected log, the natural logarithm at character 1, got ln'],
  ])('appears for an unknown function in an expression: %s', (text, message) => {
    expect(messageOf(() => expression(text))).toContain(message)
  })

  test('appears if the user passes a model function without calling the function', () => {
    expect(messageOf(() => fitOne(any(models.fourPL), data))).toMatch(
      /\(called, as in models\.line\(\)\), or a function with a start, got a function$/,
    )
  })
})

describe('a command-line suggestion', () => {
  const folder = join(home, 'target/hints')
  mkdirSync(folder, { recursive: true })
  const doses = [0.5, 1, 2, 4, 8, 16, 32]
  writeFileSync(
    join(folder, 'doses.csv'),
    ['x,y', ...doses.map((x) => `${x},${4 / (1 + (3 / x) ** 2)}`)].join('\n'),
  )
  const run = (args: string) => {
    const cli = join(home, 'dist/command-line/cli.js')
    const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args.split(' ')], {
      ...{ cwd: folder, encoding: 'utf8' },
    })
    return { status, stdout, stderr }
  }

  test.each([
    ['fit doses.csv --modle line', "unknown option '--modle' (Did you mean --model?)"],
    ['plot --outptu a.svg', "unknown option '--outptu' (Did you mean --output?)"],
    ['fit doses.csv', "required option '--model <model>' not specified"],
    ['plot', "required option '-o, --output <file>' not specified"],
    ['fit doses.csv --model fourpl', 'did you mean fourPL?'],
    ['fit doses.csv --model pseudo-voight', 'did you mean pseudoVoigt?'],
    ['plot --schedule warmup(cosin(1,{steps:9}),{steps:3}) -o a.svg', 'got "cosin" (did you mean cosine?)'],
  ])('is printed for antigrad %s', (args, message) => {
    const { status, stderr } = run(args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toMatch(/^[^\n]*\n$/)
  })

  test('uses the singular if the model has one parameter', () => {
    const { status, stdout } = run('fit doses.csv --model a*x/x --start a=1')
    expect(status).toBe(0)
    expect(stdout).toContain('\n7 rows, 1 parameter; converged after ')
  })

  test('is not printed for a model with the API name or the former name', () => {
    const [api, before] = ['fourPL', 'four-p-l'].map((name) => run(`fit doses.csv --json --model ${name}`))
    expect(api).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(api.stdout).values.ec50).toBeCloseTo(3, 6)
    expect(before).toEqual(api)
  })
})

describe('an error in the equations of a custom rule', () => {
  const rule = (step: string, more: object = {}) =>
    messageOf(() => defineRule('own', any({ options: { lr: 0.1 }, step, ...more })))

  test.each<[string, string, object?]>([
    ['theta = θ - lr*g', 'got θ (did you mean theta?): theta = '],
    ['θ = theta - lr*g', 'expected a line theta = …, got θ = …'],
    ['theta -= lr*g', 'line 1, character 1: expected theta = theta - …, got theta -=: '],
    ['theta = theta - lr*g\n  m += g', 'line 2, character 3: expected m = m + …, got m +=: '],
    ['theta = theta - lr*sqr(g)', 'expected x^2 for a square, or sqrt(x) for a root, got sqr'],
    ['theta = theta - lr*sqrtt(g)', 'got sqrtt (did you mean sqrt?): '],
  ])('is reported with an explanation: %s', (step, message, more) => {
    expect(rule(step, more)).toContain(message)
  })

  test.each([
    ['options: beta', { options: { lr: 0.1, beta: 0.9 } }],
    ['state: m', { state: { m: 0 } }],
    ['scalars: p', { scalars: { p: 1 } }],
  ])('is reported with a list of unused names: %s', (place, more) => {
    expect(rule('theta = theta - lr*g', more)).toBe(
      `equations own: ${place}: expected a line that uses this name, got none`,
    )
  })

  test('is not reported for a state that is never read', () => {
    const step = 'm = g; theta = theta - lr*g'
    expect(defineRule('own', { options: { lr: 0.1 }, state: { m: 0 }, step })().name).toBe('own')
  })

  test('is reported with an explanation of options that accept schedules', () => {
    const own = defineRule('own', {
      options: { lr: { default: 0.1, min: 0 } },
      step: 'theta = theta - lr*g',
    })
    for (const lr of [cosine(1, { steps: 9 }), (t: number) => t]) {
      expect(messageOf(() => own(any({ lr })))).toContain(
        'own: lr: expected a finite number ≥ 0 (only options declared with scheduled: true accept schedules), got ',
      )
    }
    expect(messageOf(() => own({ lr: -1 }))).toBe('own: lr: expected a finite number ≥ 0, got -1')
  })
})

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')

test.each([
  ['L-BFGS-B', 'lbfgs()'],
  ['trust-exact', 'newton()'],
  ['Nelder-Mead', 'nelderMead()'],
  ['SLSQP', 'sqp()'],
  ['COBYLA', 'sqp()'],
  ['adam', 'adam()'],
])("the name of another library's method suggests the one of antigrad: %s", (name, own) => {
  const message = `rule: expected a rule such as adam(), got "${name}" (did you mean ${own}?)`
  expect(messageOf(() => minimize(valley, [0, 0], any(name)))).toBe(message)
  expect(messageOf(() => minimizeManySync(valley, [0, 0], any(name)))).toBe(message)
})

describe('an invalid objective', () => {
  const quick = { maxIterations: 2 }
  const gradient = (_: unknown, out: Anything) => out.fill(1)
  const methods = [adam(), lbfgs()] as const

  test('causes an error that mentions `expression` for a string, and for a function in a batch', async () => {
    const message = (kind: string) => `objective: expected ${kind}, got `
    const one = message('a function, { value, gradient } or expression(…)')
    for (const rule of methods) {
      expect(messageOf(() => minimize(any('x^2'), [1], any(rule), quick))).toBe(`${one}"x^2"`)
    }
    const many = message(
      'an expression, made by expression(…); functions and { value, gradient } are for minimize',
    )
    const call = (objective: unknown) => minimizeMany(any(objective), { x: [1] }, adam())
    await expect(call((x: Anything) => x[0])).rejects.toThrow(`${many}a function`)
    await expect(call('x^2')).rejects.toThrow(`${many}"x^2"`)
  })

  test.each(methods)('is refused before any call if the function is async: $name', (rule) => {
    let calls = 0
    const value = async () => ++calls
    expect(() => minimize(any(value), [1], any(rule), quick)).toThrow('got an async function')
    expect(() => minimize(any({ value, gradient }), [1], any(rule), quick)).toThrow('got an async function')
    const later = async (x: unknown, out: Anything) => gradient(x, out)
    expect(() => minimize(any({ value: () => 1, gradient: later }), [1], any(rule), quick)).toThrow(
      OptionError,
    )
    expect(calls).toBe(0)
  })

  test.each(methods)('is refused if the value or gradient is a promise: $name', (rule) => {
    const objective = any({ value: () => Promise.resolve(1), gradient })
    for (const call of [
      () => minimize(objective, [1], any(rule), quick),
      () => checkGradient(objective, [1]),
    ]) {
      expect(call).toThrow(/^objective: value: expected a number, got a Promise$/)
    }
    const later = (x: unknown, out: Anything) => Promise.resolve(gradient(x, out))
    expect(() => minimize(any({ value: () => 1, gradient: later }), [1], any(rule), quick)).toThrow(
      'objective: gradient: expected all of out to be filled synchronously, got a Promise',
    )
  })
})

/** Values that are not numbers. Each value is new, because some values are writable. */
const strangers = {
  bigint: () => 1n,
  symbol: () => Symbol('s'),
  string: () => '1',
  null: () => null,
  boolean: () => true,
  record: () => ({}),
  function: () => (x: number) => x,
}
/** Arrays that contain non-numeric values. In a column, null is a missing value. */
const lists = {
  bigints: () => [1n, 2n],
  symbols: () => [Symbol('s'), Symbol('s')],
  strings: () => ['1', '2'],
  lists: () => [[1], [2]],
  holes: () => new Array(2),
  words: () => BigInt64Array.of(1n, 2n),
}

describe('a non-numeric value in fit data', () => {
  const line = expression('a*x + b')
  const found = fitOne(line, data, { start: { a: 1, b: 0 } })
  const bound = expression('(a*t + b)^2').with({ t: [1, 2] })
  const many = (starts: unknown, options: object = {}) =>
    minimizeMany(valley, any(starts), adam(), { maxIterations: 1, ...options })
  const places: Record<string, (given: Anything) => unknown> = {
    'value of an expression': (given) => valley.value(given),
    'gradient of an expression': (given) => valley.gradient(given, new Float64Array(2)),
    'value with data': (given) => bound.value(given),
    'predict: a column': (given) => found.predict({ x: given }),
    'band: a column': (given) => found.band({ x: given }),
    'starts of runs': (given) => many(given),
    'starts of runs: a column': (given) => many({ x: given, y: [1, 2] }),
    'start of a minimization': (given) => minimize(valley, given, adam()),
    'start of a fit': (given) => fitOne(line, data, { start: { a: given, b: 0 } }),
    'start of a fit, in a record': (given) => fitOne(line, data, { start: { a: { start: given }, b: 0 } }),
    'data of a fit': (given) => fitOne(line, { x: given, y: [1, 2] }, { start: { a: 1, b: 0 } }),
  }
  const singles: Record<string, (given: Anything) => unknown> = {
    ...places,
    predict: (given) => found.predict(given),
    band: (given) => found.band(given),
    start: (given) => fitOne(line, data, { start: given }),
    'level of a band': (given) => found.band(undefined, { level: given }),
    'a gradient that has nowhere to go': (given) => valley.gradient([1, 2], given),
    'signal of runs': (given) => many([1, 2], { signal: given }),
    'signal of fits': (given) => fitMany(line, data, { start: { a: 1, b: 0 }, signal: given }),
  }
  const awaited = async (call: (given: Anything) => unknown, given: unknown) => call(given)

  test.each(Object.entries(singles))('causes an error of the library: %s', async (place, call) => {
    for (const [name, make] of Object.entries(strangers)) {
      // An object as the output, and an object without columns. The errors for both report missing names.
      if (name === 'record' && place.startsWith('a gradient')) continue
      await expect(awaited(call, make()), name).rejects.toBeInstanceOf(AntigradError)
    }
  })

  test.each(Object.entries(places))(
    'causes an error of the library even within an array: %s',
    async (place, call) => {
      for (const [name, make] of Object.entries(lists)) {
        // A hole in an array is a missing value, like NaN.
        if (name === 'holes' && place.startsWith('data')) continue
        await expect(awaited(call, make()), name).rejects.toBeInstanceOf(AntigradError)
      }
    },
  )

  test('gives the prediction NaN if the value is null or NaN', () => {
    expect([...found.predict({ x: any([null, Number.NaN]) })]).toEqual([Number.NaN, Number.NaN])
    expect([...found.predict({ x: Int32Array.of(1) })]).toEqual([...found.predict({ x: [1] })])
    expect(valley.value(Int32Array.of(1, 1))).toBe(0)
  })
})
