/** Writes a TypeScript program that reproduces a race. */

import type { View } from 'antigrad'
import { needsHessian } from './functions.js'
import { pairs } from './race.js'
import { build, CUSTOM, describeEntry, isMethod, type RuleEntry, readCustomRule } from './rules.js'
import type { RaceState } from './state.js'
import { stateObjectiveText } from './texts.js'

/** Writes a program with the same runs that uses only the library. `node race.ts` prints the end of each run. */
export async function writeProgram(state: RaceState): Promise<string> {
  const { start, tolerance, maxIterations, noise, bounds } = state
  const made = state.entries.map((entry) => ({ name: describeEntry(entry), ...written(entry, noise) }))
  const { subject, uses, isExpression } = await writeObjective(state)
  const names = [...['minimize', uses], ...made.flatMap(({ uses }) => uses), ...(noise > 0 ? ['noise'] : [])]
  const imports = [...new Set(names)].sort().join(', ')
  const lines = made.map(({ name, rule, clip }) => `  [${JSON.stringify(name)}, ${rule}, ${clip}],`)
  return `import { ${imports} } from 'antigrad'

const objective = ${subject}
const start = ${isExpression ? `{ x: ${start[0]}, y: ${start[1]} }` : JSON.stringify(start)}
const options = { tolerance: ${tolerance}, maxIterations: ${maxIterations}${bounds ? `, bounds: ${writeBounds(bounds, isExpression)}` : ''} }

for (const [name, rule, clip] of [
${lines.join('\n')}
] as const) {
  const { x, value, iterations, reason } = minimize(objective, start, rule, { ...options, ...clip })
  console.log(name, [...x], value, iterations, reason)
}
`
}

/** The code of the objective and its import. With Newton, the objective is an expression. */
async function writeObjective(state: RaceState) {
  const { objective, condition } = state
  if (objective === 'own' || needsHessian(state)) {
    const subject = `expression(${JSON.stringify(await stateObjectiveText(state))
      .replaceAll("'", "\\'")
      .replace(/^"|"$/g, "'")})`
    return { subject, uses: 'expression', isExpression: true }
  }
  const subject = `${objective}(${objective === 'bowl' ? `{ condition: ${condition} }` : ''})`
  return { subject, uses: objective, isExpression: false }
}

/** The code of bounds, by name if the parameters have names. */
function writeBounds(bounds: View, isNamed: boolean): string {
  const [x, y] = pairs(bounds).map((pair) => `[${pair.join(', ')}]`)
  return isNamed ? `{ x: ${x}, y: ${y} }` : `[${x}, ${y}]`
}

/** The code of an entry: its rule, its clipping and its imports. */
function written(entry: RuleEntry, noise: number): { rule: string; clip: string; uses: string[] } {
  const { rule } = build(entry)
  const name = entry.rule === CUSTOM ? 'defineRule' : entry.rule
  const maker = entry.rule === CUSTOM ? readCustomRule(entry).program : name
  const {
    warmup = 0,
    delay = 0,
    clipNorm = 0,
    clipValue = 0,
    ...own
  } = entry.options as Record<string, never>
  if (isMethod(name)) return { rule: `${name}(${literal(own)})`, clip: '{}', uses: [name] }
  const simple = 'rule' in rule ? (rule.rule as { lr: unknown }) : (rule as { lr: unknown })
  // Schedules are plain data, so the options of the built rule can be written as JSON.
  const options = Object.fromEntries(
    Object.keys({ ...own, ...(warmup > 0 && { lr: 0 }) }).map((key) => [key, (simple as never)[key]]),
  )
  const plain = `${maker}(${literal(options)})`
  const limits = [
    ...(clipNorm > 0 ? [`norm: ${clipNorm}`] : []),
    ...(clipValue > 0 ? [`value: ${clipValue}`] : []),
    ...(noise > 0 ? [`noise: noise({ eta: ${noise * noise}, gamma: 0 })`] : []),
  ]
  return {
    rule: delay > 0 ? `delayedStart(${delay}, ${plain})` : plain,
    clip: limits.length > 0 ? `{ clip: { ${limits.join(', ')} } }` : '{}',
    uses: delay > 0 ? [name, 'delayedStart'] : [name],
  }
}

const literal = (value: object) => (Object.keys(value).length === 0 ? '' : JSON.stringify(value))

/** Writes a short program for a race without clipping, noise and custom rules; other races need the full program. */
export async function writeShortProgram(state: RaceState): Promise<string> {
  const { start, tolerance, maxIterations, noise, entries, bounds } = state
  const made = entries.map((entry) => written(entry, noise))
  if (entries.some(({ rule }) => rule === CUSTOM) || made.some(({ clip }) => clip !== '{}')) {
    return writeProgram(state)
  }
  const { subject, uses, isExpression } = await writeObjective(state)
  const names = ['minimize', uses, ...made.flatMap(({ uses }) => uses)]
  const options = [
    ...(tolerance !== DEFAULTS.tolerance ? [`tolerance: ${tolerance}`] : []),
    ...(maxIterations !== DEFAULTS.maxIterations ? [`maxIterations: ${maxIterations}`] : []),
    ...(bounds ? [`bounds: ${writeBounds(bounds, isExpression)}`] : []),
  ].join(', ')
  const lines = [
    `import { ${[...new Set(names)].sort().join(', ')} } from 'antigrad'`,
    '',
    `const f = ${subject}`,
    isExpression ? `const start = { x: ${start[0]}, y: ${start[1]} }` : `const start = [${start.join(', ')}]`,
    ...(options === '' ? [] : [`const options = { ${options} }`]),
    'for (const rule of [',
    ...made.map(({ rule }) => `  ${plainLiteral(rule)},`),
    ']) {',
    `  const run = minimize(f, start, rule${options === '' ? '' : ', options'})`,
    '  console.log(run.iterations, run.x)',
    '}',
  ]
  return lines.flatMap((line, i) => breakLine(line, i === 0 ? FIRST_WIDTH : WIDTH)).join('\n')
}

/** The library's defaults, which a short program omits. */
const DEFAULTS = { tolerance: 1e-9, maxIterations: 10_000 }
/** Largest length of a line, which the page can show without scrolling. */
const WIDTH = 48
/** The same for the first line, next to which the button “Copy” stands. */
const FIRST_WIDTH = 41

/** Breaks a line at commas. */
function breakLine(line: string, width: number, indent = line.startsWith('  ') ? '    ' : '  '): string[] {
  const at = line.lastIndexOf(', ', width - 1)
  if (line.length <= width) return [line]
  const [, call, text] = /^(const f = expression\()('.*)$/.exec(line) ?? []
  if (call) return [call, `  ${text.slice(0, -1)},`, ')']
  if (at < 0) return [line]
  return [line.slice(0, at + 1), ...breakLine(indent + line.slice(at + 2).trimStart(), WIDTH, indent)]
}

/** Writes keys of plain objects without quotes, as people do. */
const plainLiteral = (text: string) =>
  text.replace(/\{"[^{}]*\}/g, (object) =>
    object
      .replace(/"(\w+)":/g, '$1: ')
      .replace(/,(?=\w)/g, ', ')
      .replace(/^\{(.*)\}$/, '{ $1 }'),
  )
