/** Rules as values: the options are read once, validated and frozen, including their schedules. */

import { readFileSync } from 'node:fs'
import * as antigrad from 'antigrad'
import { describe, expect, test } from 'vitest'
import { getLoop } from '../dist/arena/kernel.js'
import { OptionError } from '../dist/core/errors.js'
import { adagrad } from '../dist/rules/adagrad.js'
import { adam } from '../dist/rules/adam.js'
import { definitions, type Rule } from '../dist/rules/definitions.js'
import { delayedStart } from '../dist/rules/delayed-start.js'
import { documentation } from '../dist/rules/documentation.js'
import { nesterov } from '../dist/rules/nesterov.js'
import { radam } from '../dist/rules/radam.js'
import { resolve } from '../dist/rules/resolve.js'
import { changeRule } from '../dist/rules/rule.js'
import { sgd } from '../dist/rules/sgd.js'
import { makeRuleSchedule } from '../dist/rules/values.js'
import { findConstantStart, type Scheduled } from '../dist/schedules/schedule.js'
import { type Warmup, warmup } from '../dist/schedules/warmup.js'

import { examplesOf } from '../scripts/lib/option-examples.mjs'
import { aboutRules, rulesPages, sizesIn } from '../scripts/lib/rules-page.mjs'

const about = aboutRules()

const scheduleFor = (rule: Rule) => {
  const { definition, rule: checked } = resolve(rule)
  const schedule = makeRuleSchedule(definition, checked)
  if (schedule === null) throw new Error('nothing is scheduled')
  return schedule
}

/** An object with a property that is 1 at the first read and NaN at later reads. */
function fickle(name: string): object {
  let reads = 0
  return Object.defineProperty({}, name, { enumerable: true, get: () => (reads++ === 0 ? 0.5 : NaN) })
}

describe('a rule object', () => {
  test('has its options in the order of its declaration, and is frozen', () => {
    const rule = adam({ maximize: true, lr: 1 })
    expect(JSON.stringify(rule)).toBe(
      '{"name":"adam","lr":1,"beta1":0.9,"beta2":0.999,"eps":1e-8,"weightDecay":0,"amsgrad":false,"amsgradMoment":"raw","epsMoment":"corrected","perRow":false,"maximize":true,"cautious":false,"grams":false}',
    )
    expect(Object.isFrozen(rule)).toBe(true)
  })

  test("reads each option of the user's object once", () => {
    expect(adam(fickle('lr')).lr).toBe(0.5)
    expect(resolve({ name: 'adam', ...{}, __proto__: null, lr: 0.5 }).rule.lr).toBe(0.5)
    const { definition, rule } = resolve(adam())
    expect(changeRule(definition, rule, fickle('lr')).lr).toBe(0.5)
  })

  test('has a name that the optimizer reads once', () => {
    const names = ['adam', 'nothing']
    const rule = Object.defineProperty({}, 'name', { enumerable: true, get: () => names.shift() })
    expect(resolve(rule).rule).toEqual(adam())
    expect(names).toEqual(['nothing'])
  })

  test('can be an object with inherited properties', () => {
    Object.defineProperty(Object.prototype, 'intruder', {
      value: () => 0,
      enumerable: true,
      configurable: true,
      writable: true,
    })
    try {
      expect(adam({ lr: 1 }).lr).toBe(1)
      expect(makeRuleSchedule(definitions.adam, resolve(adam()).rule)).toBe(null)
    } finally {
      delete (Object.prototype as { intruder?: unknown }).intruder
    }
  })

  test('has ε = 0 by default in the forms that follow the essay', () => {
    expect(adagrad({ form: 'essay' }).eps).toBe(0)
    expect(adagrad({ form: 'essay', eps: 1e-3 }).eps).toBe(1e-3)
    expect(resolve({ name: 'rmsprop', form: 'essay' }).rule.eps).toBe(0)
    const { definition, rule } = resolve(adagrad())
    expect(changeRule(definition, rule, { form: 'essay' }).eps).toBe(1e-10)
  })

  test('is copied with changed options, and the copy keeps all other options', () => {
    const { definition, rule } = resolve(adam({ lr: 1 }))
    const other = changeRule(definition, rule, { beta1: 0.5, lr: undefined })
    expect(other).toEqual({ ...rule, beta1: 0.5 })
    expect(other).not.toBe(rule)
    expect(() => changeRule(definition, rule, { beta1: 1 })).toThrow(
      'adam: beta1: expected a number in [0, 1), got 1',
    )
    expect(() => changeRule(definition, rule, { beta3: 1 })).toThrow(/one of lr, beta1, .*, got "beta3"/)
  })
})

describe('the validation of a rule object', () => {
  test.each([
    ['null', null, /^rule: expected a rule such as adam\(\), got null$/],
    ['a name that is no string', { name: 3 }, /^rule: expected a rule such as adam\(\)/],
    [
      'an unknown name',
      { name: 'nobody' },
      /^rule: expected one of .*adam.*, or another imported rule, got "nobody"$/,
    ],
    ['a name of Object.prototype', { name: 'toString' }, /^rule: expected one of /],
    [
      'a nested delay',
      { name: 'delayedStart', updates: 1, rule: delayedStart(1, adam()) },
      /^delayedStart: rule: .*without a delay/,
    ],
    ['an invalid delay', { name: 'delayedStart', updates: -1, rule: adam() }, /^delayedStart: updates: /],
    [
      'an unknown option of a delay',
      { name: 'delayedStart', updates: 1, rule: adam(), lr: 1 },
      /^delayedStart: options: /,
    ],
    [
      'a misspelled form',
      { name: 'radam', form: 'tourch' },
      /^radam: form: expected 'torch' or 'optax', got "tourch"$/,
    ],
    ['an impossible combination', { name: 'sgd', nesterov: true }, /^sgd: nesterov: /],
  ])('rejects %s', (_, given, message) => {
    expect(() => resolve(given)).toThrow(OptionError)
    expect(() => resolve(given)).toThrow(message)
  })

  test('returns the definition and the delayed start of the rule', () => {
    const { rule, definition, delay } = resolve(JSON.parse(JSON.stringify(delayedStart(7, sgd({ lr: 1 })))))
    expect(rule).toEqual(sgd({ lr: 1 }))
    expect(definition).toBe(definitions.sgd)
    expect(delay).toBe(7)
  })
})

describe.each(Object.values(definitions))(
  'the definition of the rule $name',
  ({ name, options, kernels }) => {
    test('describes each option of the rule', () => {
      for (const [option, { schedulable }] of Object.entries(options)) {
        expect(documentation[name][option]).toMatch(schedulable ? /\S.*schedule/ : /\S/)
      }
    })

    test('names the source of the rule, and describes each state array', () => {
      const { paragraphs, state } = about[name]
      expect(paragraphs[0]).toMatch(/\([^()]*\b(18|19|20)\d\d\b[^()]*\)/)
      const words = state?.split(/[^\w]+/)
      for (const { state, lines = [] } of kernels)
        expect(words).toEqual(expect.arrayContaining([...state, ...lines]))
    })

    // errors.test.ts tests the refused values.
    test.each(Object.entries(options))(
      'accepts values in the range of the option %s',
      (option, definition) => {
        const make = { ...antigrad }[name] as (options: object) => Rule
        for (const value of examplesOf(definition, antigrad).accepted) {
          const rule = make({ ...beside[`${name}: ${option}`], [option]: value })
          expect(Object.entries(rule)).toContainEqual([option, value])
          expect(resolve(rule).rule).toEqual(rule)
        }
      },
    )
  },
)

/**
 * Options that require another option, because their default values are not valid for all values of the other option.
 */
const beside: Readonly<Record<string, object>> = {
  'sgd: nesterov': { momentum: 0.9 },
  'rprop: minStep': { maxStep: Number.MAX_VALUE },
  'rprop: maxStep': { minStep: Number.MIN_VALUE },
}

const readPage = (file: string) => readFileSync(new URL(`../docs/${file}`, import.meta.url), 'utf8')
const pages = rulesPages(antigrad, definitions, documentation, sizesIn(readPage('rules.md')))

test.each(Object.entries(pages))('the page docs/%s matches the declarations of the rules', (file, text) => {
  expect(readPage(file)).toBe(text)
  expect(text.split('\n').length).toBeLessThan(400)
})

test('the README states the correct number of rules', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
  expect(readme).toContain(`[${Object.keys(definitions).length} rules](docs/rules.md)`)
})

test.each(Object.values(definitions))(
  'the rule $name has a TypeScript loop for each kernel of the rule',
  ({ kernels }) => {
    for (const { number } of kernels) {
      expect(getLoop(number, 'float32')).toBeTypeOf('function')
      expect(getLoop(number, 'float32')).not.toBe(getLoop(number, 'float64'))
    }
  },
)

test("the shifted form of Nesterov's momentum requests a separate point for gradients", () => {
  const { definition, rule } = resolve(nesterov({ form: 'shifted' }))
  expect(definition.stages(rule).map(({ name }) => name)).toEqual(['Momentum'])
  expect(definition.point(rule)?.name).toBe('Point')
})

describe('a schedule', () => {
  test("reads the user's options once", () => {
    const given = Object.assign(fickle('from'), { steps: 2 }) as { steps: number }
    expect(warmup(1, given)).toEqual({ schedule: 'warmup', value: 1, steps: 2, from: 0.5 })
  })

  test('is copied and frozen, and each property is read once', () => {
    const inner = { schedule: 'warmup', value: 1, steps: 2, from: null }
    const given = { schedule: 'warmup', value: inner, steps: 4, from: null } as Warmup
    const rule = adam({ lr: given })
    inner.value = NaN
    expect(rule.lr).toEqual({ ...given, value: { ...inner, value: 1 } })
    expect(Object.isFrozen(rule.lr) && Object.isFrozen((rule.lr as Warmup).value)).toBe(true)
    const twice = Object.assign(fickle('value'), { schedule: 'warmup', steps: 1, from: null })
    expect(adam({ lr: twice as Warmup }).lr).toEqual({ schedule: 'warmup', value: 0.5, steps: 1, from: null })
  })

  test('is refused if the nesting is too deep or the schedule contains itself', () => {
    const nested = (depth: number) => {
      let value: Scheduled = 1
      for (let i = 0; i < depth; i++) value = { schedule: 'warmup', value, steps: 1, from: null }
      return value
    }
    expect(() => adam({ lr: nested(100) })).not.toThrow()
    expect(() => adam({ lr: nested(1e5) })).toThrow(OptionError)
    expect(() => warmup(nested(1e5), { steps: 1 })).toThrow('at most 100 nested schedules')
    const circle = { schedule: 'warmup', value: 1, steps: 1, from: null } as { value: Scheduled }
    circle.value = circle as Warmup
    expect(() => adam({ lr: circle as Warmup })).toThrow(OptionError)
  })

  test("is refused if the schedule contains a number outside the option's range", () => {
    expect(() => adam({ lr: warmup(1, { steps: 2, from: -1 }) })).toThrow(
      'adam: lr: warmup: from: expected a finite number ≥ 0, got -1',
    )
    expect(() => adam({ beta1: warmup(0.9, { steps: 2 }) as never })).toThrow(
      'adam: beta1: expected a number in',
    )
  })

  test('returns the values of the documented formula, and reports when the values become constant', () => {
    const schedule = scheduleFor(
      adam({ lr: warmup(0.3, { steps: 7 }), weightDecay: warmup(2, { steps: 3, from: 1 }) }),
    )
    expect(schedule.constantFrom).toBe(6)
    for (let t = 0; t < 9; t++) {
      const { lr, weightDecay, beta1 } = schedule.at(t)
      expect(lr).toBe(t < 6 ? 0.3 * ((t + 1) / 7) : 0.3)
      expect(weightDecay).toBe(t < 3 ? 1 + t / 3 : 2)
      expect(beta1).toBe(0.9)
    }
    expect(findConstantStart(warmup((t) => t, { steps: 3 }))).toBe(Infinity)
    expect(scheduleFor(sgd({ lr: (t) => t })).constantFrom).toBe(Infinity)
    expect(makeRuleSchedule(definitions.adam, resolve(adam()).rule)).toBe(null)
  })

  test('causes an error before any change of the parameters if the value is out of range', () => {
    const schedule = scheduleFor(
      adam({ lr: (t) => t + 1, weightDecay: warmup((t) => (t === 3 ? ('2' as never) : 2), { steps: 1 }) }),
    )
    const values = schedule.at(2)
    expect(() => schedule.at(3)).toThrow('adam: weightDecay at t = 3: expected a finite number ≥ 0, got NaN')
    expect([values.lr, values.weightDecay]).toEqual([3, 2])
    expect(() => scheduleFor(radam({ lr: () => -1 })).at(3)).toThrow(
      'radam: lr at t = 3: expected a finite number ≥ 0, got -1',
    )
  })

  test('returns the values of the requested update, even if a schedule function evaluates another update', () => {
    let inside = false
    const schedule = scheduleFor(
      adam({
        lr: (t) => t,
        weightDecay: (t) => {
          if (!inside) {
            inside = true
            schedule.at(100)
            inside = false
          }
          return t
        },
      }),
    )
    const { lr, weightDecay } = schedule.at(5)
    expect([lr, weightDecay]).toEqual([5, 5])
  })
})

/** A rule's function with its presets. */
interface PresetFunction extends Readonly<Record<string, () => Readonly<Record<string, unknown>>>> {
  (): Readonly<Record<string, unknown>>
}

describe('the presets of rules', () => {
  test('are listed with the changed options in a column of the rule in docs', () => {
    const page = Object.values(pages).join('\n')
    const functions = antigrad as unknown as Readonly<Record<string, PresetFunction>>
    for (const name of Object.keys(definitions)) {
      const own = functions[name]()
      const section = page.split(`\n## ${name}\n`)[1].split('\n## ')[0]
      const [titles, , ...rows] = [...section.matchAll(/^\|(.*)\|$/gm)].map(([, line]) =>
        line.split(/(?<!\\)\|/).map((cell) => cell.trim()),
      )
      for (const [system, preset] of Object.entries(functions[name])) {
        const column = titles.indexOf(`\`${name}.${system}\``)
        const shown = rows.flatMap((row) => (row[column] ? [[row[0], row[column]]] : []))
        const changed = Object.entries(preset()).filter(
          ([option, value]) => JSON.stringify(value) !== JSON.stringify(own[option]),
        )
        expect(shown, `${name}.${system}`).toEqual(
          changed.map(([option, value]) => [`\`${option}\``, JSON.stringify(value).replaceAll('"', "'")]),
        )
      }
    }
  })

  test("equal the default values of other libraries, and the user's options take precedence", () => {
    expect(antigrad.adagrad.optax({ lr: 0.5 })).toEqual(
      adagrad({ lr: 0.5, initialAccumulator: 0.1 + 1e-7, eps: 0 }),
    )
    expect(antigrad.adam.tfjs({ beta1: 0.5 })).toEqual(adam({ eps: 1e-7, beta1: 0.5 }))
    expect(antigrad.adamw.optax({ weightDecay: 0 })).toEqual(antigrad.adamw({ weightDecay: 0 }))
    expect(antigrad.adamw.optax().weightDecay).toBe(1e-4)
    expect(radam.optax()).toEqual(radam({ form: 'optax' }))
  })
})
