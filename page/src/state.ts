/** The state of a race, and its encoding in the page's address, so that a link can share it. */

import { type ObjectiveName, objectives, type Point, type View } from 'antigrad'
import { getMessage } from '../../dist/page.js'
import { decodePart } from './address.js'
import {
  build,
  CUSTOM,
  isSchedule,
  type OptionField,
  type OptionValue,
  type RacerName,
  type RuleEntry,
  racerNames,
  suggested,
  whyNot,
} from './rules.js'

export interface RaceState {
  /** Name of a test objective of the library, or `own` for a custom function. */
  readonly objective: ObjectiveName | 'own'
  readonly expression: string
  readonly condition: number
  /** View of a custom function. */
  readonly view: View
  readonly start: Point
  readonly entries: readonly RuleEntry[]
  readonly tolerance: number
  readonly maxIterations: number
  /** Success radius: the distance to a minimum within which a racer has arrived. */
  readonly distance: number
  /** Standard deviation of the noise in each gradient component. */
  readonly noise: number
  /** 1 if x and y have the same scale on the map, otherwise 0. */
  readonly equal: number
  /** The bounds of x and of y; null without bounds. */
  readonly bounds: View | null
}

/** Maximum number of optimizers. More paths and colors could not be distinguished. */
export const MAX_ENTRIES = 12
export const MAX_ITERATIONS = 200_000
/** Maximum length of equations in characters, because links contain them. */
export const MAX_EQUATIONS_LENGTH = 4000

export const initial: RaceState = {
  objective: 'rosenbrock',
  expression: '(1 - x)^2 + 100 (y - x^2)^2',
  condition: 100,
  view: [-3, 3, -3, 3],
  start: objectives.rosenbrock().start,
  entries: (['gradientDescent', 'momentum', 'adam'] as const).map(suggested),
  tolerance: 1e-9,
  maxIterations: 20_000,
  distance: 0.01,
  noise: 0,
  equal: 0,
  bounds: null,
}

/** The valid range of a number, and its description. */
interface Numeric {
  readonly accepts: (x: number) => boolean
  readonly expected: string
}

const positive = (x: number) => x > 0 && x < Infinity

/** The single numbers of a state, their ranges, and their names in the address. */
export const numerics = {
  condition: { accepts: (x) => x >= 1 && x < Infinity, expected: 'a finite number ≥ 1' },
  tolerance: { accepts: (x) => x >= 0 && x < Infinity, expected: 'a finite number ≥ 0' },
  maxIterations: {
    accepts: (x) => Number.isInteger(x) && x >= 1 && x <= MAX_ITERATIONS,
    expected: `an integer from 1 to ${MAX_ITERATIONS}`,
  },
  distance: { accepts: positive, expected: 'a finite number > 0' },
  noise: { accepts: (x) => x >= 0 && x < 1e100, expected: 'a number ≥ 0' },
  equal: { accepts: (x) => x === 0 || x === 1, expected: '0 or 1' },
} satisfies Record<string, Numeric>

/** `f=rosenbrock&from=-1.5,2&adam=lr:0.1&momentum=lr:0.001,momentum:0.95`; equations precede their rule. */
export function toHash(state: RaceState): string {
  const parts = [`f=${state.objective}`]
  if (state.objective === 'own') {
    parts.push(`expression=${encodeURIComponent(state.expression)}`, `view=${state.view.join()}`)
  }
  parts.push(`from=${state.start.join()}`)
  for (const name of Object.keys(numerics) as (keyof typeof numerics)[]) {
    if (state[name] !== initial[name]) parts.push(`${name}=${state[name]}`)
  }
  if (state.bounds) parts.push(`bounds=${state.bounds.join()}`)
  let written = ''
  for (const { rule, options, equations = '' } of state.entries) {
    if (rule === CUSTOM && equations !== written) parts.push(`equations=${encodeURIComponent(equations)}`)
    if (rule === CUSTOM) written = equations
    parts.push(
      `${rule}=${Object.entries(options)
        .map(([name, value]) => `${name}:${encodeURIComponent(String(value))}`)
        .join()}`,
    )
  }
  return parts.join('&')
}

/** Reads the state from an address. Invalid parts are ignored and reported in `problems`. */
export function fromHash(hash: string): { state: RaceState; problems: string[] } {
  const problems: string[] = []
  const state: { -readonly [K in keyof RaceState]: RaceState[K] } = { ...initial }
  const entries: RuleEntry[] = []
  let isStartGiven = false
  // The equations of all custom rules that follow.
  let equations = ''
  const refuse = (what: string, expected: string) => void problems.push(`${what}: expected ${expected}.`)

  for (const part of hash.replace(/^#/, '').split('&').filter(Boolean)) {
    const [key, ...rest] = part.split('=')
    const text = decodePart(rest.join('='))
    // The page reads this part before the race (share.ts).
    if (key === 'embed') continue
    if (key === 'f') {
      if (text === 'own' || Object.hasOwn(objectives, text)) state.objective = text as RaceState['objective']
      else refuse(`The function “${text}”`, `own, ${Object.keys(objectives).join(', ')}`)
    } else if (key === 'expression') {
      state.expression = text
    } else if (key === 'from') {
      const numbers = parseNumbers(text, 2)
      if (numbers) state.start = numbers as unknown as Point
      else refuse(`The start “${text}”`, 'two finite numbers, such as -1.5,2')
      isStartGiven = numbers !== null
    } else if (key === 'view') {
      const view = parseNumbers(text, 4) as View | null
      if (view && isView(view)) state.view = view
      else refuse(`The view “${text}”`, 'x from, x to, y from, y to, such as -3,3,-3,3')
    } else if (key === 'bounds') {
      const bounds = parseNumbers(text, 4) as View | null
      if (bounds && areBounds(bounds)) state.bounds = bounds
      else refuse(`The bounds “${text}”`, 'min of x, max of x, min of y, max of y, such as -1,1,0,2')
    } else if (Object.hasOwn(numerics, key)) {
      const name = key as keyof typeof numerics
      if (text !== '' && numerics[name].accepts(Number(text))) state[name] = Number(text)
      else refuse(`${key} “${text}”`, numerics[name].expected)
    } else if (key === 'equations') {
      if (text.length <= MAX_EQUATIONS_LENGTH) equations = text
      else refuse('The equations', `at most ${MAX_EQUATIONS_LENGTH} characters`)
    } else if (racerNames.includes(key as RacerName)) {
      const rule = key as RacerName
      const entry: RuleEntry = { rule, options: parseOptions(text), ...(rule === CUSTOM && { equations }) }
      try {
        build(entry)
        if (entries.length < MAX_ENTRIES) entries.push(entry)
        else refuse(`${key} “${text}”`, `at most ${MAX_ENTRIES} optimizers`)
      } catch (thrown) {
        problems.push(`${getMessage(thrown)}.`)
      }
    } else {
      const reason = whyNot(key)
      if (reason !== undefined) problems.push(reason)
      else
        refuse(
          `“${key}”`,
          `f, from, expression, view, bounds, equations, ${Object.keys(numerics).join(', ')} or a rule`,
        )
    }
  }
  if (entries.length > 0) state.entries = entries
  if (!isStartGiven && state.objective !== 'own') state.start = objectives[state.objective]().start
  return { state, problems }
}

export const isView = ([x0, x1, y0, y1]: View) =>
  x0 < x1 && y0 < y1 && [x0, x1, y0, y1].every((x) => Math.abs(x) <= 1e9) && x1 - x0 > 1e-9 && y1 - y0 > 1e-9

/** Whether numbers are bounds of x and y: finite, each minimum below its maximum. */
export const areBounds = (bounds: View) => {
  const [x0, x1, y0, y1] = bounds
  return x0 < x1 && y0 < y1 && bounds.every(Number.isFinite)
}

function parseNumbers(text: string, count: number): number[] | null {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? NaN : Number(part)))
  return numbers.length === count && numbers.every(Number.isFinite) ? numbers : null
}

function parseOptions(text: string): Record<string, OptionValue> {
  return Object.fromEntries(
    splitAtCommas(text).map((part) => {
      const [name, value = ''] = part.split(/:(.*)/s)
      if (value === 'true' || value === 'false') return [name, value === 'true']
      if (value === 'null') return [name, null]
      return [name, value === '' || Number.isNaN(Number(value)) ? value : Number(value)]
    }),
  )
}

/** Splits at commas outside of parentheses, brackets and braces, because schedules contain commas. */
function splitAtCommas(text: string): string[] {
  const parts = ['']
  let depth = 0
  for (const letter of text) {
    depth += Number('([{'.includes(letter)) - Number(')]}'.includes(letter))
    if (letter === ',' && depth === 0) parts.push('')
    else parts[parts.length - 1] += letter
  }
  return parts.filter(Boolean)
}

/** Converts the text of a form field to the option's value. */
export function parsed(text: string, { kind, schedulable }: OptionField): OptionValue {
  if (kind !== 'number' || (schedulable && isSchedule(text))) return text.trim()
  return text.trim() === 'null' ? null : text.trim() === '' ? NaN : Number(text)
}
