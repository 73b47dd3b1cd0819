/** Custom rules, which the user types as equations. This module is loaded on demand. */

import { defineRule, EquationError, type EquationRule } from 'antigrad'
import { definitionNamed, getMessage, parseStatements, withoutComments } from '../../dist/page.js'
import { readLiteral } from './literal.js'
import { CUSTOM, type CustomRuleEntry, extraNames, type RuleEntry, setCustomRuleReader } from './rules.js'
import { TIGER } from './scenes.js'
import { MAX_EQUATIONS_LENGTH } from './state.js'
import { textPosition } from './text-position.js'

/** The first custom rule that the page offers. */
export const initialEntry: RuleEntry = { rule: CUSTOM, options: {}, equations: TIGER }

/** Cache of rules by their text, because every race reads its rules again. */
const known = new Map<string, CustomRuleEntry>()
const MAX_CACHED_RULES = 64

/** Enables custom rules on the page. */
export const readEquations = () => setCustomRuleReader(makeCustomRule)

/** @throws Error with the position of the syntax error and what was expected there */
function makeCustomRule(text: string): CustomRuleEntry {
  const found = known.get(text) ?? read(text)
  known.delete(text)
  known.set(text, found)
  if (known.size > MAX_CACHED_RULES) known.delete(known.keys().next().value as string)
  return found
}

function read(text: string): CustomRuleEntry {
  if (text.length > MAX_EQUATIONS_LENGTH)
    throw new Error(`defineRule: expected at most ${MAX_EQUATIONS_LENGTH} characters, got ${text.length}`)
  const { name, given, stepAt } = readLiteral(text)
  const taken = extraNames.find((name) => Object.hasOwn(Object(given.options), name))
  if (taken !== undefined)
    throw new Error(
      `defineRule: options: expected a name other than ${taken}, which is an option of every rule on this page`,
    )
  try {
    const make = defineRule(name, given as never) as (options?: object) => EquationRule
    const definition = definitionNamed(name, make())
    if (!definition) throw new Error('defineRule: the rule does not exist')
    const { equations: declared } = make()
    const program = `defineRule(${JSON.stringify(name)}, ${JSON.stringify(declared)})`
    const first = Object.entries(declared.state).filter(([, { start }]) => start === 'gradient')
    return {
      definition,
      make: make as never,
      program,
      lines: splitStepLines(declared.step),
      first: first.map(([name]) => name),
    }
  } catch (thrown) {
    const position = thrown instanceof EquationError ? thrown.position : undefined
    if (position === undefined) throw thrown
    // The position counts from the start of the step. The message counts from the start of the whole text.
    const place = textPosition(text, stepAt + position)
    throw new Error(getMessage(thrown).replace(/line \d+, character \d+/, place))
  }
}

/** The statements of the step, one line each. */
function splitStepLines(step: string): CustomRuleEntry['lines'] {
  const clean = withoutComments(step)
  // The step has already been validated, so this error cannot occur.
  const statements = parseStatements(clean, () => new Error('defineRule: no line') as never)
  return statements.map(({ target, from, to }) => {
    const right = clean.slice(from, to).replace(/\s+/g, ' ').trim()
    return { target, line: `${target} = ${right}` }
  })
}
