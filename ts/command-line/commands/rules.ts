import { Argument, type Command, InvalidArgumentError } from 'commander'
import { closestMatch } from 'leven'
import { definitions } from '../../rules/definitions.js'
import { documentation } from '../../rules/documentation.js'
import { columns } from '../report.js'
import { MISUSE, print } from '../terminal.js'

const names = Object.keys(definitions)

export function configureRules(command: Command): void {
  command
    .description(
      'Lists all update rules with their options and defaults, or describes the options of the given rules.',
    )
    .addArgument(new Argument('[rule...]', 'rules to describe, such as adamw').argParser(parseRule))
    .option('--json', 'print only JSON')
    .addHelpText(
      'after',
      `
  antigrad rules
  antigrad rules adamw lion
  antigrad rules --json | jq .adam.lr

Exit status: ${MISUSE} if a rule does not exist.`,
    )
    .action(async (given: readonly string[], { json }: { readonly json?: boolean }) => {
      const chosen = given.length === 0 ? names : given
      const inFull = () => (given.length === 0 ? table() : chosen.map(details).join('\n\n'))
      const inJson = () =>
        JSON.stringify(Object.fromEntries(chosen.map((name) => [name, described(name)])), null, 2)
      await print(`${json ? inJson() : inFull()}\n`)
    })
}

function parseRule(name: string, previous: readonly string[] = []): readonly string[] {
  if (names.includes(name)) return [...previous, name]
  const closest = closestMatch(name, names, { maxDistance: 3 })
  throw new InvalidArgumentError(
    closest === undefined ? `Rules are ${names.join(', ')}.` : `Did you mean ${closest}?`,
  )
}

const listOptions = (name: string) => Object.entries(definitions[name as keyof typeof definitions].options)

/** The JSON description of a rule's options; `expected` holds the valid values. */
const described = (name: string) =>
  Object.fromEntries(
    listOptions(name).map(([option, { default: value, expected, schedulable }]) => [
      option,
      { default: value ?? null, expected, schedulable, documentation: wordsOn(name, option) },
    ]),
  )

const wordsOn = (name: string, option: string) => (documentation[name]?.[option] ?? '').replaceAll('`', '')

/** A default value as text. If the default is a rule, only its name appears, because each rule has its own table. */
function shown(value: unknown): string {
  if (value === undefined) return ''
  const { name } = Object(value) as { name?: unknown }
  return typeof name === 'string' ? `${name}()` : JSON.stringify(value)
}

const table = () =>
  columns(
    names.map((name) => [
      name,
      listOptions(name)
        .map(([option, { default: value }]) => (value === undefined ? option : `${option}=${shown(value)}`))
        .join(' '),
    ]),
  )

const details = (name: string) =>
  `${name}\n${columns(listOptions(name).map(([option, { default: value }]) => [`  ${option}`, shown(value), wordsOn(name, option)]))}`
