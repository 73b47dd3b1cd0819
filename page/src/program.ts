/** A program in TypeScript that makes a race. */

import { build, CUSTOM, describeEntry, METHOD, type RuleEntry, readCustomRule } from './rules.js'
import type { RaceState } from './state.js'
import { stateObjectiveText } from './texts.js'

/** The same runs by the library alone: `node race.ts` prints where each has ended. */
export async function writeProgram(state: RaceState): Promise<string> {
  const { objective, condition, start, tolerance, maxIterations, noise } = state
  const made = state.entries.map((entry) => ({ name: describeEntry(entry), ...written(entry, noise) }))
  const isOwn = objective === 'own'
  const names = [
    ...['minimize', isOwn ? 'expression' : objective],
    ...made.flatMap(({ uses }) => uses),
    ...(noise > 0 ? ['noise'] : []),
  ]
  const imports = [...new Set(names)].sort().join(', ')
  const subject = isOwn
    ? `expression(${JSON.stringify(await stateObjectiveText(state))})`
    : `${objective}(${objective === 'bowl' ? `{ condition: ${condition} }` : ''})`
  const lines = made.map(({ name, rule, clip }) => `  [${JSON.stringify(name)}, ${rule}, ${clip}],`)
  return `import { ${imports} } from 'antigrad'

const objective = ${subject}
const start = ${isOwn ? `{ x: ${start[0]}, y: ${start[1]} }` : JSON.stringify(start)}
const options = { tolerance: ${tolerance}, maxIterations: ${maxIterations} }

for (const [name, rule, clip] of [
${lines.join('\n')}
] as const) {
  const { x, value, iterations, reason } = minimize(objective, ${isOwn ? 'Object.values(start)' : 'start'}, rule, { ...options, ...clip })
  console.log(name, [...x], value, iterations, reason)
}
`
}

/** An entry as a program has it. */
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
  if (name === METHOD) return { rule: `${name}(${literal(own)})`, clip: '{}', uses: [name] }
  const simple = 'rule' in rule ? (rule.rule as { lr: unknown }) : (rule as { lr: unknown })
  // A schedule is plain data, so that what is built says all of it.
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
