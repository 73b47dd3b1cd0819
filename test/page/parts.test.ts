/** Parts of the race page that do not need a browser. */

import { readFileSync } from 'node:fs'
import {
  lbfgs as antigradLbfgs,
  cyclic,
  expression,
  gradientDescent,
  Minimization,
  Optimizer,
  objectives,
  step,
  warmup,
} from 'antigrad'
import { afterEach, describe, expect, test } from 'vitest'
import { formatWithError } from '../../dist/plots/estimates.js'
import { readEquations } from '../../page/src/custom-rule.js'
import { digitBelow } from '../../page/src/dom.js'
import { parseObjective } from '../../page/src/expression.js'
import { equalView, makeLandscape } from '../../page/src/functions.js'
import { countLevels, GRID, sampleHeights } from '../../page/src/height-field.js'
import { withoutEffect } from '../../page/src/inactive-options.js'
import { readLiteral } from '../../page/src/literal.js'
import { heightColors } from '../../page/src/map/heights.js'
import { measure, selectSizes } from '../../page/src/measure.js'
import { readMethods } from '../../page/src/methods.js'
import { placeLabels, shortNames } from '../../page/src/names.js'
import { describeOutcome } from '../../page/src/outcome-text.js'
import { dark, dashes, light } from '../../page/src/palette.js'
import { Race } from '../../page/src/race.js'
import {
  build,
  collectSchedules,
  describeEntry,
  fields,
  notOffered,
  ruleNames,
  suggested,
} from '../../page/src/rules.js'
import { scenes, TIGER } from '../../page/src/scenes.js'
import { readSchedules } from '../../page/src/schedules.js'
import { fromHash, initial, type RaceState, toHash } from '../../page/src/state.js'
import { formula, line, symbols } from '../../page/src/substitute.js'

readMethods()

const css = readFileSync('page/src/theme.css', 'utf8')

describe('a function typed on the race page', () => {
  test.each([
    ['(1 - x)^2 + 100 (y - x^2)^2', [-1.2, 1], 24.2],
    ['x y', [3, 4], 12],
    ['-x^2', [3, 0], -9],
    ['sin(pi x) + cos(y) exp(-x^2) + abs(x)', [0.5, 0], 1 + Math.exp(-0.25) + 0.5],
    ['sqrt(x)/(1 + log(y))', [4, Math.E], 1],
    ['e^x', [0, 1], 1],
    ['tan(x) + tanh(y)', [0.5, 0.7], Math.tan(0.5) + Math.tanh(0.7)],
  ])("is translated to the library's syntax: %s", (text, x, value) => {
    const objective = parseObjective(text)
    expect(objective.value(x)).toBeCloseTo(value, 12)
    const out = [NaN, NaN]
    objective.gradient(x, out)
    const h = 1e-5
    for (const i of [0, 1]) {
      if (text.includes('sqrt') && x[i] === 0) continue
      const at = (by: number) => objective.value(x.with(i, x[i] + by))
      expect(out[i]).toBeCloseTo((at(h) - at(-h)) / (2 * h), 5)
    }
  })

  test('has a derivative that does not divide by 0', () => {
    const out = [NaN, NaN]
    parseObjective('(y - x^2)^2 + sin(x pi) + abs(y) y').gradient([0, 2], out)
    expect(out).toEqual([Math.PI, 8])
    parseObjective('(y - x^2)^2 + abs(x) + sin(x) + x y').gradient([1e-300, 2], out)
    expect(out[0]).toBeCloseTo(4, 12)
  })

  test.each([
    ['', 'Enter a function'],
    ['x +', 'The expression is invalid: Unexpected end of expression at character 4.'],
    ['sin(x', 'The expression is invalid: '],
    ['x + z', 'Unknown name “z”: use x, y, pi, e, or functions such as exp(x).'],
    ['sin', '“sin” needs an argument, such as sin(x).'],
    ['foo(x)', 'Unknown function “foo”: use sqrt, exp, '],
    ['log(x, 2)', '“log” takes one argument, got 2.'],
    ['x = 2', 'A “=” is not supported'],
    ['f(x) = 2', 'A “=” is not supported'],
    ['[x, y]', 'A list is not supported'],
    ['x > y', 'The operator “>” is not supported'],
    ['x!', 'The operator “!” is not supported'],
    ['x ? y : 1', 'A “?” is not supported'],
    ['x; y', 'A “;” is not supported'],
    ['"x"', 'A string'],
    ['x.constructor', 'is not supported'],
    ['x["constructor"]', 'is not supported'],
  ])('is reported if the function is invalid: “%s”', (text, message) => {
    expect(() => parseObjective(text)).toThrow(message)
  })

  test.each([
    ['parentheses', `${'('.repeat(9_000)}x${')'.repeat(9_000)}`],
    ['more parentheses than an expression may have', `${'('.repeat(10_000)}x${')'.repeat(10_000)}`],
    ['unclosed parentheses', '('.repeat(20_000)],
    ['signs', `${'-'.repeat(19_000)}x`],
  ])('causes the same message as in a fit if the nesting is too deep: %s', (_, text) => {
    const told = (parse: (text: string) => unknown) => {
      try {
        return parse(text)
      } catch (thrown) {
        return thrown
      }
    }
    const error = told(parseObjective) as Error
    expect(error.message).toMatch(/expected at most (200 nested levels|20000 characters)/)
    expect(error.message).toBe((told(expression) as Error).message)
  })
})

describe('the address of the race page', () => {
  const own: RaceState = {
    ...initial,
    objective: 'own',
    expression: 'x^2 + 50% & y=1#',
    view: [-1, 2.5, -3e-5, 4],
    start: [1e-17, -0.1],
    entries: [
      { rule: 'nesterov', options: { lr: 1e300, form: 'shifted', maximize: true } },
      { rule: 'adam', options: { lr: 0.1 + 0.2, warmup: 5, delay: 3, clipNorm: 1, clipValue: 0.25 } },
      { rule: 'adam', options: {} },
    ],
    tolerance: 0,
    maxIterations: 123,
    distance: 1e-3,
    noise: 0.25,
    equal: 1,
  }

  test.each([
    ['the default state', initial],
    ['a state with all settings', own],
    ['the state of a bowl', { ...initial, objective: 'bowl', condition: 1e6 }],
  ] as const)('stores and restores %s', (_, state) => {
    expect(fromHash(`#${toHash(state)}`)).toEqual({ state, problems: [] })
  })

  test('is readable for humans', () => {
    expect(toHash({ ...initial, entries: [suggested('adam')] })).toBe('f=rosenbrock&from=-1.5,2&adam=lr:0.1')
  })

  test.each([
    'f=nothing',
    'f=constructor',
    'from=1,2,3',
    'from=1,Infinity',
    'from=,',
    'view=1,0,0,1',
    'maxIterations=0.5',
    'maxIterations=1e9',
    'tolerance=',
    'tolerance=-1',
    'distance=0',
    'condition=0',
    'noise=-1',
    'equal=2',
    'adam=lr:NaN',
    'adam=rate:1',
    'adam=__proto__:1',
    'adam=warmup:0.5',
    'adam=clipNorm:-1',
    'nesterov=form:upright',
    'toString=1',
    '%',
  ])('is refused with one sentence: “%s”', (part) => {
    const { state, problems } = fromHash(`#${part}`)
    expect(problems, problems.join()).toHaveLength(1)
    expect(state).toEqual(initial)
  })

  test('contains only as many racers as the page can distinguish', () => {
    const { state, problems } = fromHash(Array(20).fill('adam=lr:0.1').join('&'))
    expect(state.entries).toHaveLength(12)
    expect(problems).toHaveLength(8)
  })
})

describe('schedules in the address of the race page', () => {
  const lr = "warmup(cyclic(0.1, { maxValue: 1, stepSizeUp: 4, mode: 'triangular' }), { steps: 10 })"
  const entry: RaceState['entries'][number] = {
    rule: 'adamw',
    options: { lr, eps: 0.1, weightDecay: '{"schedule":"step","value":1,"stepSize":3}', warmup: 5, delay: 2 },
  }
  const hash = toHash({ ...initial, entries: [entry] })

  test('cause a message if the page cannot load the required code', () => {
    const { state, problems } = fromHash(hash)
    expect(problems).toEqual(['adamw: lr: the part of the page that reads schedules could not be loaded.'])
    expect(state).toEqual(initial)
  })

  test('are restored even if characters of the address are escaped', () => {
    readSchedules()
    const whole = fromHash(hash)
    expect(whole).toEqual({ state: { ...initial, entries: [entry] }, problems: [] })
    expect(fromHash(decodeURIComponent(hash))).toEqual(whole)
    const value = cyclic(0.1, { maxValue: 1, stepSizeUp: 4 })
    expect(collectSchedules(entry)).toEqual([
      ['lr', warmup(warmup(value, { steps: 10 }), { steps: 5 })],
      ['weightDecay', step(1, { stepSize: 3 })],
    ])
    expect(collectSchedules(suggested('adafactor'))).toEqual([])
    expect(describeEntry(entry)).toBe('adamw warmup(…) eps 0.1 weightDecay {…} warmup 5 delay 2')
  })

  test.each([
    ['adam=lr:cosine(1', 'adam: lr: expected “,” at character 9, got "the end".'],
    ['adam=lr:cosine(1,{steps:0})', 'cosine: steps: expected an integer ≥ 1, got 0.'],
    [
      'adam=lr:linear(1,{steps:3,endValue:-1})',
      'adam: lr: linear: endValue: expected a finite number ≥ 0, got -1.',
    ],
    ['adam=beta1:constant(0.5)', 'adam: beta1: expected a number in [0, 1), got "constant(0.5)".'],
  ])('are refused with one sentence: “%s”', (part, problem) => {
    expect(fromHash(part).problems).toEqual([problem])
  })
})

describe("custom rules in the race page's address", () => {
  const entry: RaceState['entries'][number] = {
    ...{ rule: 'own', equations: TIGER },
    options: { lr: 'cosine(0.1,{steps:9})', beta: 0.5, clipNorm: 2 },
  }
  const state: RaceState = {
    ...initial,
    entries: [entry, { rule: 'adam', options: {} }, { ...entry, options: {} }],
  }
  const hash = toHash(state)
  const linked = (text: string) => `equations=${encodeURIComponent(text)}&own=`

  test('cause a message if the page cannot load the required code', () => {
    const { problems } = fromHash(linked(TIGER))
    expect(problems).toEqual(['custom rule: the part of the page that reads equations could not be loaded.'])
  })

  test('are parsed once for several racers, and are restored from escaped characters', () => {
    readEquations()
    readSchedules()
    expect(hash.match(/equations=/g)).toHaveLength(1)
    expect(fromHash(hash)).toEqual({ state, problems: [] })
    expect(fromHash(decodeURIComponent(hash))).toEqual({ state, problems: [] })
    expect(describeEntry(entry)).toBe('tiger cosine(…) beta 0.5 clipNorm 2')
    const found = Object.fromEntries(fields(entry).map(({ name, slides }) => [name, slides]))
    expect(found).toEqual({
      ...{ lr: 'rate', beta: 'carry', maximize: null },
      ...{ warmup: null, delay: null, clipNorm: null, clipValue: null },
    })
  })

  test('have sliders for suitable options, and need no learning rate', () => {
    const equations = `defineRule('few', {
      options: { a: { default: 3, min: 0 }, b: { default: 0.5, below: 1 }, eps: 1e-9, zero: 0, flag: true },
      step: 'theta = theta - a*b*(flag == 1 ? g : zero + eps)',
    })`
    expect(fields({ rule: 'own', equations }).map(({ name, kind, slides }) => [name, kind, slides])).toEqual([
      ...[
        ['a', 'number', 'rate'],
        ['b', 'number', 'carry'],
        ['eps', 'number', null],
        ['zero', 'number', null],
      ],
      ...[
        ['flag', 'flag', null],
        ['maximize', 'flag', null],
        ['delay', 'number', null],
      ],
      ...[
        ['clipNorm', 'number', null],
        ['clipValue', 'number', null],
      ],
    ])
    expect(describeEntry({ rule: 'own', equations, options: { a: 2 } })).toBe('few a 2')
  })

  test.each([
    ['', 'defineRule: line 1, character 1: expected “defineRule”, got the end.'],
    ["defineRule('x', {\n  step: 3 4 })", 'defineRule: line 2, character 11: expected “,”, got “4”.'],
    [
      'defineRule(x',
      'defineRule: line 1, character 12: expected the name of the rule, such as defineRule(‘mine’, …), got “x”.',
    ],
    [
      `defineRule("x", { step: \`$${'{g}'}\` })`,
      `defineRule: line 1, character 25: expected a string without placeholders, got “\`$${'{g}'}\`”.`,
    ],
    [
      "defineRule('x', { step: 'theta = g' }) + 1",
      'defineRule: line 1, character 40: expected the end, got “+”.',
    ],
    [
      "defineRule('x', { step: alert(1) })",
      'defineRule: line 1, character 25: expected a number, true or false, a string or {, got “alert”.',
    ],
    [
      "defineRule('adam', { step: 'theta = g' })",
      'defineRule: name: expected a name that no other rule has, got "adam".',
    ],
    [
      "defineRule('x', { options: { delay: 1 }, step: 'theta = delay*g' })",
      'defineRule: options: expected a name other than delay, which is an option of every rule on this page.',
    ],
    [
      "defineRule('x', {\n  // a comment\n  step: `a = g\n    theta = b`,\n})",
      'equations x: line 4, character 13: expected one of theta, g, t, a, got b: a = g theta = ⟨here⟩.',
    ],
    [' '.repeat(5000), 'The equations: expected at most 4000 characters.'],
  ])('are refused with the position: “%s”', (text, problem) => {
    expect(fromHash(linked(text)).problems).toContain(problem)
  })

  test('may contain string literals, which are read as in a program', () => {
    const text = `export const a = defineRule("a", { // words: 'x'
      'b': { c: -1.5e-3, d: true, e: 1_000 }, /* { */ f: 'it\\'s\\n', step: \`g\`, })`
    const { name, given, stepAt } = readLiteral(text)
    expect(name).toBe('a')
    expect(JSON.parse(JSON.stringify(given))).toEqual({
      b: { c: -0.0015, d: true, e: 1000 },
      f: "it's\n",
      step: 'g',
    })
    expect(text.slice(stepAt, stepAt + 1)).toBe('g')
  })

  test('are displayed with the values of an update in each line', () => {
    expect(line('m = beta1*m + (1 - beta1)*g_2', { beta1: 0.9, m: -2, g_2: 3 })).toBe(
      'm = 0.9*(−2) + (1 - 0.9)*3'.replace('m =', '(−2) ='),
    )
    expect(line('2e5*e', { e: 1 })).toBe('2e5*1')
  })

  test('are demonstrated in a scene of the race page', () => {
    expect(
      scenes.filter(({ hash }) => fromHash(hash).state.entries.some(({ rule }) => rule === 'own')),
    ).toHaveLength(1)
  })
})

test('the race page describes every option in one sentence', () => {
  for (const rule of ruleNames)
    for (const { name, help } of fields({ rule })) expect(help, `${rule}: ${name}`).toMatch(/.{4}/)
})

test('the race page offers no rules for matrices, and explains the reason if a link contains such a rule', () => {
  expect(ruleNames).toEqual(expect.arrayContaining(['adafactor', 'sm3']))
  expect(ruleNames).not.toContain('muon')
  expect(notOffered).toBe(
    'muon is not available: muon needs matrix parameters, but the parameters of a race are a vector.',
  )
  const { state, problems } = fromHash('f=rosenbrock&adam=lr:0.1&muon=lr:0.1')
  expect(problems).toEqual([notOffered])
  expect(state.entries).toEqual([{ rule: 'adam', options: { lr: 0.1 } }])
})

test.each(ruleNames)(
  'the race page has a control for every option of a rule, starting with the learning rate: %s',
  (rule) => {
    const { rule: built } = build(suggested(rule))
    const names = fields({ rule }).map(({ name }) => name)
    expect(names[0]).toBe('lr')
    // Muon's fallback is a rule.
    const isPlain = ([key, value]: [string, unknown]) =>
      key !== 'name' && (typeof value !== 'object' || value === null)
    const plain = Object.entries(built).filter(isPlain)
    expect(names).toEqual(expect.arrayContaining(plain.map(([key]) => key)))
    expect(new Set(names).size).toBe(names.length)
    for (const { name, kind, choices } of fields({ rule })) {
      const value = (built as unknown as Record<string, unknown>)[name] ?? 0
      const type = { flag: 'boolean', choice: 'string', number: 'number' }[kind]
      expect(typeof value, name).toBe(type)
      if (kind === 'choice') expect(choices).toContain(value)
    }
  },
)

test.each([
  [0.0965, 0.09],
  [0.0999999999999, 0.09],
  [0.1, 0.1],
  [0.35, 0.3],
  [1, 1],
  [97.2, 90],
  [1e-7, 1e-7],
])('a slider on the race page for an option with the value %f has the minimum %f', (x, below) => {
  expect(digitBelow(x)).toBe(below)
})

describe('the height field of a function', () => {
  test('maps the lowest value to 0 and the highest to 1, and keeps invalid numbers', async () => {
    for (const objective of ['rosenbrock', 'saddle', 'styblinskiTang', 'own'] as const) {
      const expression = 'log(x) + y'
      const { heights } = sampleHeights(await makeLandscape({ ...initial, objective, expression }))
      expect(heights.length).toBe(GRID * GRID)
      const finite = heights.filter((z) => !Number.isNaN(z))
      expect(finite.length === heights.length).toBe(objective !== 'own')
      expect(Math.max(...finite)).toBe(1)
      expect(Math.min(...finite)).toBeGreaterThanOrEqual(0)
      expect(Math.min(...finite)).toBeLessThan(0.05)
    }
  })

  test.each(['rosenbrock', 'saddle', 'styblinskiTang', 'bowl', 'ackley'] as const)(
    'has an axis F whose ticks are at the correct heights: %s',
    async (objective) => {
      const { marks, heightOf } = sampleHeights(await makeLandscape({ ...initial, objective }))
      expect(marks.length).toBeGreaterThan(2)
      for (const [i, [value, height]] of marks.entries()) {
        expect(height).toBe(heightOf(value))
        // Ticks are not crowded and lie within the range. The endpoints of the range also represent clipped values.
        if (i > 0) {
          expect(value).toBeGreaterThan(marks[i - 1][0])
          expect(height - marks[i - 1][1]).toBeGreaterThan(0.1)
        }
      }
    },
  )

  test('has only as many contours as a viewer can distinguish', async () => {
    const levels = async (objective: RaceState['objective']) =>
      countLevels(sampleHeights(await makeLandscape({ ...initial, objective })))
    expect(await levels('rosenbrock')).toBeGreaterThan(20)
    expect(await levels('rastrigin')).toBeLessThan(12)
    expect(await levels('rastrigin')).toBeGreaterThanOrEqual(6)
  })

  test('is flat for a constant function and for a function without finite values', async () => {
    for (const expression of ['3', '0/0']) {
      const { heights } = sampleHeights(await makeLandscape({ ...initial, objective: 'own', expression }))
      expect(heights.every((z) => z === 0)).toBe(true)
    }
  })
})

describe.each([
  ['light', light],
  ['dark', dark],
])("the race page's %s colors", (_, { isDark, racers, surface, contour, star, text, muted }) => {
  const channels = (hex: string) =>
    [1, 3, 5].map((at) => {
      const c = parseInt(hex.slice(at, at + 2), 16) / 255
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4
    })
  const luminance = (hex: string) => {
    const [r, g, b] = channels(hex)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const contrast = (a: string, b: string) => {
    const [dark, light] = [luminance(a), luminance(b)].sort((x, y) => x - y)
    return (light + 0.05) / (dark + 0.05)
  }

  test('contrast with the background', () => {
    for (const color of racers) {
      // On the map, paths have an edge in the color of the surface.
      expect(contrast(color, surface), color).toBeGreaterThan(3)
    }
    for (const color of heightColors({ isDark })) {
      expect(contrast(text, color), color).toBeGreaterThan(4.5)
      expect(contrast(contour, color), color).toBeGreaterThan(3)
    }
    expect(contrast(star, surface)).toBeGreaterThan(3)
    expect(contrast(text, surface)).toBeGreaterThan(7)
    expect(contrast(muted, surface)).toBeGreaterThan(4.5)
  })

  test('are the colors of the style sheet, whose controls have no more contrast than the paths', () => {
    const [, light, dark] = /:root \{(.*?)\n\}.*?prefers-color-scheme: dark\) \{(.*?)\n\}/s.exec(css) ?? []
    const styles = Object.fromEntries(
      Array.from((isDark ? dark : light).matchAll(/--([\w-]+): (#\w{6});/g), ([, name, color]) => [
        name,
        color,
      ]),
    )
    expect(styles).toMatchObject({ text, muted, surface })
    expect(contrast(styles.accent, styles.page)).toBeGreaterThan(4.5)
    expect(contrast(styles.accent, styles['on-accent'])).toBeGreaterThan(4.5)
    expect(contrast(styles.handle, styles.page)).toBeGreaterThan(4.5)
    if (!isDark) return
    const least = Math.min(...racers.map((color) => contrast(color, styles.page)))
    for (const name of ['accent', 'handle', 'strong', 'line'])
      expect(contrast(styles[name], styles.page), name).toBeLessThanOrEqual(least)
  })

  // Viénot, Brettel and Mollon, 1999: linear RGB without one type of cone.
  const vision: Record<string, number[][]> = {
    usual: [
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ],
    protanopia: [
      [0.11238, 0.88762, 0],
      [0.11238, 0.88762, 0],
      [0.00401, -0.00401, 1],
    ],
    deuteranopia: [
      [0.29275, 0.70725, 0],
      [0.29275, 0.70725, 0],
      [-0.02234, 0.02234, 1],
    ],
  }

  test.each(Object.keys(vision))('differ between racers with the same dash: %s', (kind) => {
    const seen = racers.map((hex) => lab(vision[kind].map((row) => dot(row, channels(hex)))))
    for (let i = 0; i < racers.length; i++) {
      for (let j = 0; j < i; j++) {
        const apart = Math.hypot(...seen[i].map((x, k) => x - seen[j][k]))
        const isSameDash = i % dashes.length === j % dashes.length
        expect(apart, `${racers[i]} ${racers[j]}`).toBeGreaterThan(isSameDash ? 0.15 : 0.02)
      }
    }
  })
})

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, i) => sum + x * b[i], 0)

/** Linear RGB in the color space OKLab (Ottosson, 2020). */
function lab(rgb: readonly number[]): number[] {
  const [l, m, s] = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
  ].map((row) => Math.cbrt(dot(row, rgb)))
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ]
}

describe('measurements of engine speed on the race page', () => {
  const { now } = performance
  const { step } = Optimizer.prototype

  afterEach(() => {
    Object.assign(performance, { now })
    Object.assign(Optimizer.prototype, { step })
  })

  // The test simulates the time, so a busy machine cannot make it fail.
  test.each([0.1, 1, 50 / 3])('are correct even if the clock has a resolution of %f ms', async (tick) => {
    const milliseconds = (size: number) => 1e-3 + 1e-6 * size
    let time = 0
    Object.assign(performance, {
      now() {
        time += 1e-3
        return Math.floor(time / tick) * tick
      },
    })
    Object.assign(Optimizer.prototype, {
      step(this: Optimizer<{ w: Float32Array }>) {
        time += milliseconds(this.params.w.length)
      },
    })
    const page = () => {
      time += 0.37 * tick
    }
    const found = await measure(gradientDescent(), false, ['typescript'], page, new AbortController().signal)
    expect(found.map(({ size }) => size)).toEqual(selectSizes(false))
    for (const { size, nanosecondsPerStep } of found) {
      const ratio = nanosecondsPerStep / (milliseconds(size) * 1e6)
      expect(ratio, `${size} numbers`).toBeGreaterThan(0.9)
      expect(ratio, `${size} numbers`).toBeLessThan(1.2)
    }
  })
})

test.each([
  [2.4866123, 0.0432, '2.487'],
  [0.0432, 0.0432, '0.043'],
  [1234567.8, 1234, '1.2346e6'],
  [123456.7, 123, '1.2346e5'],
  [-0.00012346, 0.00000099, '−1.2346e−4'],
  [3, 0.996, '3.0'],
  [3, 0, '3'],
  [Number.NaN, 1, '–'],
  [0.001, 5, '0.0'],
  [0, 0.2, '0.00'],
])('a measured time of %d ± %d is formatted as %s', (x, error, text) => {
  expect(formatWithError(x, error)).toBe(text)
})

describe('labels near points in a plot', () => {
  const box = { left: 38, top: 8, width: 320, height: 300 }
  const apart = (a: readonly number[], b: readonly number[], width: number, height: number) =>
    Math.abs(a[0] - b[0]) >= width || Math.abs(a[1] - b[1]) >= height

  test.each([
    ['points at one place', () => [200, 150]],
    ['points along a line', (i: number) => [60 + 24 * i, 150]],
    ['points in a corner', (i: number) => [40 + i, 10 + i]],
  ] as const)('do not overlap and stay within the image, even with twelve %s', (_, at) => {
    const names = Array.from({ length: 12 }, (_, i) => {
      const [x, y] = at(i)
      return { x, y, width: 70, height: 16 }
    })
    const corners = placeLabels(names, box)
    for (const [i, corner] of corners.entries()) {
      if (!corner) throw new Error(`${i} has no place`)
      expect(corner[0]).toBeGreaterThanOrEqual(box.left)
      expect(corner[1]).toBeGreaterThanOrEqual(box.top)
      expect(corner[0] + 70).toBeLessThanOrEqual(box.left + box.width)
      expect(corner[1] + 16).toBeLessThanOrEqual(box.top + box.height)
      for (const other of corners.slice(0, i))
        expect(apart(corner, other as [number, number], 70, 16)).toBe(true)
      for (const { x, y } of names)
        expect(apart(corner, [x, y], 70, 16) || corner[0] > x || corner[1] > y).toBe(true)
    }
  })

  test('keep their positions over time, and are omitted without room in the image', () => {
    const [corner] = placeLabels([{ x: 100, y: 100, width: 50, height: 16, before: [-30, 20] }], box)
    expect(corner).toEqual([70, 120])
    expect(
      placeLabels([{ x: 5, y: 5, width: 50, height: 16 }], { left: 0, top: 0, width: 40, height: 10 }),
    ).toEqual([null])
  })

  test('show the name of the rule, and the options if the rule occurs twice', () => {
    expect(shortNames(['adam 0.1', 'sgd 0.1', 'adam 0.2 amsgrad'])).toEqual([
      'adam 0.1',
      'sgd',
      'adam 0.2 amsgrad',
    ])
  })
})

test('plot axes with equal units show at least the previous range', () => {
  for (const aspect of [0.5, 1, 2.5]) {
    const [x0, x1, y0, y1] = equalView([-2, 2, -1, 3], aspect)
    expect((x1 - x0) / (y1 - y0)).toBeCloseTo(aspect, 12)
    expect(x0 <= -2 && x1 >= 2 && y0 <= -1 && y1 >= 3).toBe(true)
  }
})

describe('a precomputed race', () => {
  const state: RaceState = {
    ...initial,
    objective: 'booth',
    maxIterations: 300,
    entries: [suggested('adam'), suggested('lbfgs'), suggested('gradientDescent')],
  }
  const begun = async () => new Race(state, await makeLandscape(state))

  test('can be displayed forward and backward, with the results at each time', async () => {
    const race = await begun()
    race.make(Infinity, Infinity)
    expect([race.isMade, race.isOver, race.time]).toEqual([true, false, 0])
    const [adam, lbfgs] = race.racers
    race.seek(50)
    expect([adam.iterations, adam.reason]).toEqual([50, null])
    race.seek(1e9)
    expect(race.isOver).toBe(true)
    expect(lbfgs.arrivedAt).toBe(lbfgs.timeOf(lbfgs.iterationsAt(lbfgs.arrivedAt as number)))
    expect(adam.reason).not.toBe(null)
    race.seek(0)
    expect([adam.iterations, adam.reason, adam.arrivedAt, lbfgs.iterations]).toEqual([0, null, null, 0])
  })

  test('shows L-BFGS at each point at which the method evaluates a gradient', async () => {
    const race = await begun()
    race.advance(6, Infinity)
    const lbfgs = race.racers[1]
    const { evaluations, iterations } = new Minimization(objectives.booth(), state.start, antigradLbfgs())
    expect([evaluations.gradients, iterations]).toEqual([0, 0])
    expect(lbfgs.timeOf(lbfgs.iterations)).toBeLessThanOrEqual(6)
    if (lbfgs.iterations < lbfgs.made) expect(lbfgs.timeOf(lbfgs.iterations + 1)).toBeGreaterThan(6)
  })

  test("uses the library's gradient noise, with the same noise for all racers", async () => {
    const noisy = new Race(
      { ...state, noise: 0.5, entries: [suggested('sgd'), suggested('sgd')] },
      (await begun()).landscape,
    )
    const quiet = new Race({ ...state, entries: [suggested('sgd')] }, noisy.landscape)
    for (const race of [noisy, quiet]) race.make(20, Infinity)
    expect(noisy.racers[0].points.slice(0, 42)).toEqual(noisy.racers[1].points.slice(0, 42))
    expect(noisy.racers[0].pointAt(1)).not.toEqual(quiet.racers[0].pointAt(1))
  })

  test('reports that no optimizer reached a minimum only if a minimum is known', async () => {
    const over = async (changed: Partial<RaceState>) => {
      const all = { ...state, ...changed }
      const race = new Race(all, await makeLandscape(all))
      race.make(Infinity, Infinity)
      race.seek(race.made)
      return describeOutcome(race)
    }
    expect(await over({ maxIterations: 2, entries: [suggested('gradientDescent')] })).toBe(
      'The race is over: no optimizer came within 0.01 of a minimum.',
    )
    const own = { objective: 'own', expression: '(x - 1)^2 + y^2', start: [2, 1] } as const
    expect(await over({ ...own, entries: [{ rule: 'gradientDescent', options: { lr: 0.3 } }] })).toBe(
      'The race is over: the minimum is unknown; gradient descent reached the lowest value, 1.6e−19 at (1, 0).',
    )
  })
})

describe('options that have no effect on a race', () => {
  test('are detected by a comparison of the bits of the paths', async () => {
    const state: RaceState = { ...initial, entries: [suggested('adam')] }
    const race = new Race(state, await makeLandscape(state))
    const idle = withoutEffect(suggested('adam'), race)
    expect([...idle.keys()]).toContain('amsgradMoment')
    for (const name of [
      'lr',
      'beta1',
      'beta2',
      'eps',
      'weightDecay',
      'maximize',
      'warmup',
      'delay',
      'clipNorm',
    ])
      expect(idle.has(name), name).toBe(false)
    const amsgrad = { rule: 'adam', options: { lr: 0.1, amsgrad: true } } as const
    expect(withoutEffect(amsgrad, race).has('amsgradMoment')).toBe(false)
    expect(idle.get('amsgradMoment')).toMatch(/^other values do not change the first 60 updates$/)
  })
})

test('the race page shows the equations of an update with their current values', () => {
  const numbers = { ...symbols((name) => ({ lr: 0.1, momentum: 0.9 })[name]), g: -2, v: 0.5, 'v’': 0.65 }
  expect(formula("v' = α·v − η·g", numbers)).toBe('0.65 = 0.9·0.5 − 0.1·(−2)')
  expect(formula("b' = μ·b + undampened·g", numbers)).toBe("b' = 0.9·b + undampened·(−2)")
})
