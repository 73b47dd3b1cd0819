/** The fit of the page as a TypeScript program. */

import type { DisplayedState } from './displayed-state.js'
import { optionsOf } from './model-list.js'
import { noiseOptions } from './noise.js'
import type { FitPageState } from './state.js'
import {
  columnsByName,
  errorColumns,
  type FitTask,
  fitOptions,
  sharedParameters,
  type TaskRows,
  testsOutliers,
} from './task.js'

/** Writes a value as a literal. Typed arrays become arrays. */
function literal(value: unknown): string {
  if (value instanceof Float64Array) return `[${Array.from(value).join(', ')}]`
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value !== 'object' || value === null) return String(value)
  const parts = Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one)}`)
  return parts.length === 0 ? '{}' : `{ ${parts.join(', ')} }`
}

function modelCall({ task }: { readonly task: FitTask }, state: FitPageState): string {
  if (task.system) return `ode(${literal(task.system)})`
  if (state.model === 'own') return `expression(${JSON.stringify(task.text)})`
  const { model } = state
  const peaks = task.parameters.filter((name) => /^center\d+$/.test(name)).length
  const values = { ...state, count: peaks, logEC50: state.logEC50 === 'yes' }
  const options = Object.fromEntries((optionsOf[model] ?? []).map((name) => [name, values[name]]))
  const extra = task.extra ? { inhibitor: task.columns[1] } : {}
  return `models.${model}(${literal({ x: task.names.x, ...extra, ...options })})`
}

/** The rows of all groups as one. */
function stack(groups: DisplayedState['groups']): TaskRows {
  const all = groups.map(({ rows }) => rows)
  const join = (pick: (rows: TaskRows) => Float64Array) =>
    Float64Array.from(all.flatMap((rows) => Array.from(pick(rows))))
  const [first] = all
  return {
    ...first,
    data: Object.fromEntries(Object.keys(first.data).map((name) => [name, join(({ data }) => data[name])])),
    sigma: first.sigma && join(({ sigma }) => sigma as Float64Array),
    weights: first.weights && join(({ weights }) => weights as Float64Array),
  }
}

function unusedName(name: string, taken: readonly string[]): string {
  return taken.includes(name) ? unusedName(`${name}_`, taken) : name
}

/** A program that repeats the fit of the page and prints the estimates. */
export function writeProgram(
  {
    groups,
    task,
    table,
    outcome,
  }: Pick<DisplayedState, 'groups' | 'table' | 'outcome'> & { readonly task: FitTask },
  state: FitPageState,
): string {
  const names = groups.map(({ name }) => name)
  const isSeveral = groups.length > 1
  const group = state.group || table.curves
  const shared = isSeveral && state.distribution === '' ? sharedParameters(task, { ...state, group }) : []
  // Fits with shared parameters have one table with a column of labels.
  const parts = shared.length > 0 ? [{ rows: stack(groups) }] : groups
  const errors = errorColumns(parts)
  const columns: Record<string, unknown> = columnsByName(parts, ({ data }) => data)
  const options = { ...fitOptions(task, state, errors), ...(outcome?.start && { start: outcome.start }) }
  const fields = Object.entries(options).map(([name, value]) => `${name}: ${literal(value)}`)
  if (testsOutliers(state) && shared.length === 0)
    fields.push(`outliers: rout({ refit: ${state.outliers === 'drop'} })`)
  if (state.profile && shared.length === 0 && state.distribution === '')
    fields.push('intervals: profileIntervals()')
  const { distribution } = state
  if (distribution !== '')
    fields.push(
      `distribution: ${distribution}(${distribution === 'poisson' ? '' : literal(noiseOptions(state))})`,
    )
  if (shared.length > 0) {
    const label = unusedName('group', [...Object.keys(columns), ...task.parameters])
    columns[label] = groups.flatMap(({ name, rows }) => rows.kept.map(() => name))
    fields.push(`group: ${literal(label)}`, `shared: ${literal(shared)}`)
  }
  const call = shared.length > 0 ? 'fitSharedSync' : isSeveral ? 'fitManySync' : 'fit'
  const imports = [call, ...(task.system ? ['ode'] : state.model === 'own' ? [] : ['models'])]
  if (fields.some((field) => field.startsWith('outliers'))) imports.push('rout')
  if (fields.some((field) => field.startsWith('intervals'))) imports.push('profileIntervals')
  if (distribution !== '') imports.push(distribution)
  const data = Object.entries(columns).map(
    ([name, values]) => `  ${JSON.stringify(name)}: ${literal(values)},`,
  )
  const one = isSeveral ? 'found.at(k)' : 'found'
  const print = `${isSeveral ? '  ' : ''}console.log(${isSeveral ? 'name, ' : ''}${one}.reason, ${one}.values, ${one}.errors, ${one}.intervals())`
  return [
    ...(state.model === 'own' && !task.system ? ["import { expression } from 'antigrad'"] : []),
    `import { ${imports.sort().join(', ')} } from 'antigrad/fit'`,
    '',
    'const data = {',
    ...data,
    '}',
    `const found = ${call}(${modelCall({ task }, state)}, data, {`,
    ...fields.map((field) => `  ${field},`),
    '})',
    ...(isSeveral
      ? [`const names = ${literal(names)}`, 'for (const [k, name] of names.entries()) {', print, '}']
      : [print]),
    '',
  ].join('\n')
}
