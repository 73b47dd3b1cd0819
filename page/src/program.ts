/** Writes a TypeScript program that reproduces a race. */

import { build, CUSTOM, describeEntry, METHOD, type RuleEntry, readCustomRule } from './rules.js'
import type { RaceState } from './state.js'
import { stateObjectiveText } from './texts.js'

/** Writes a program with the same runs that uses only the library. `node race.ts` prints the end of each run. */
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
  if (name === METHOD) return { rule: `${name}(${literal(own)})`, clip: '{}', uses: [name] }
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
