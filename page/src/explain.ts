/** The equations of an update with the values of gradient, state and step. */

import { equations } from 'virtual:equations'
import { definitions } from '../../dist/page.js'
import type { ReplayedUpdate, RuleState } from './replay.js'
import { build, CUSTOM, collectSchedules, getOption, type RuleEntry, readCustomRule } from './rules.js'
import { formula, line as lineOf, symbols } from './substitute.js'

/** An equation, and the same equation with the values of x and of y. */
export type EquationLine = readonly [equation: string, x: string, y: string]

/** The lines of an update, the t-th one of the run. */
export const explainLines = (entry: RuleEntry, update: ReplayedUpdate, t: number): EquationLine[] =>
  entry.rule === CUSTOM ? ownLines(entry, update, t) : libraryLines(entry, update)

/** The definition of the coefficients in the lines, if there is one. */
export const explainCoefficients = (entry: RuleEntry): string =>
  entry.rule === CUSTOM ? '' : chosen(entry).note

/** Names of the states with one value per parameter. */
const parameterStateNames = (state: RuleState) =>
  Object.keys(state).filter((name) => state[name].length === 2)

function libraryLines(
  entry: RuleEntry,
  { before, after, gradient, theta, next }: ReplayedUpdate,
): EquationLine[] {
  const options = { ...symbols((name) => getOption(entry, name)), ...decayFactor(entry) }
  const numbers = (i: number) => {
    const own: Record<string, number> = { g: gradient[i], θ: theta[i], 'θ’': next[i] }
    for (const name of parameterStateNames(before)) {
      own[name] = before[name][i]
      own[`${name}’`] = after[name][i]
    }
    return { ...options, ...own }
  }
  const parts = chosen(entry).lines.flatMap((line) => line.split('; '))
  return parts.map((part) => [part, formula(part, numbers(0)), formula(part, numbers(1))])
}

/**
 * The lines of a custom rule with values. A name stands for the value last assigned to it: first its value before the
 * update, after its last assignment its value after the update. Intermediate values are unknown and stay names.
 */
function ownLines(
  entry: RuleEntry,
  { before, after, gradient, theta, next, scalars }: ReplayedUpdate,
  t: number,
): EquationLine[] {
  const { lines, definition, first } = readCustomRule(entry)
  const options: Record<string, number> = { t }
  for (const name of Object.keys(definition.options)) {
    const value = getOption(entry, name)
    if (typeof value === 'number') options[name] = value
  }
  const known = (i: number) => {
    const now: Record<string, number> = { ...scalars.before, ...options, g: gradient[i], theta: theta[i] }
    const then: Record<string, number> = { ...scalars.after, theta: next[i] }
    for (const name of parameterStateNames(before)) {
      now[name] = before[name][i]
      then[name] = after[name][i]
    }
    for (const name of t === 1 ? first : []) now[name] = gradient[i]
    return { now, then }
  }
  const both = [known(0), known(1)]
  return lines.map(({ target, line }, k) => {
    const isLast = lines.slice(k + 1).every((other) => other.target !== target)
    const texts = both.map(({ now, then }) => {
      const right = lineOf(line.slice(target.length), now)
      if (isLast && Object.hasOwn(then, target)) now[target] = then[target]
      else delete now[target]
      return lineOf(target, now) + right
    })
    return [line, texts[0], texts[1]]
  })
}

/** The factor d of decoupled weight decay, unless it depends on a schedule. */
function decayFactor(entry: RuleEntry): { d?: number } {
  const { rule } = build(entry)
  const plain = 'rule' in rule ? rule.rule : rule
  if ('method' in plain || collectSchedules(entry).length > 0) return {}
  return { d: definitions[plain.name as keyof typeof definitions].decay(plain as never) }
}

/** The equations of a rule for an entry's options, one per pass, and the definition of its coefficients. */
function chosen(entry: RuleEntry): { lines: string[]; note: string } {
  const { equations: all, coefficients = '' } = equations[entry.rule]
  const holds = (text: string) => {
    const [, condition] = /^With (.*?): /.exec(text) ?? []
    if (condition === undefined) return null
    return [...condition.matchAll(/`(\w+)(?:: '?([^`']*)'?)?`/g)].every(([, name, value]) => {
      const now = getOption(entry, name)
      return value === undefined ? Boolean(now) : String(now) === value
    })
  }
  const withSome = all.filter((text) => holds(text) === true)
  const plain = all.filter((text) => holds(text) === null)
  const lines = withSome.length > 0 ? [withSome[withSome.length - 1]] : plain
  return { lines: lines.map((text) => text.replace(/^[^=]*?: /, '')), note: coefficients.replaceAll('`', '') }
}
