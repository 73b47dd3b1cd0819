/** The curve-fitting page: a table and a model, which are fitted after every change. */

import { expression } from 'antigrad'
import { type FitManyOptions, fitMany } from 'antigrad/fit'
import { getMessage } from '../../../dist/page.js'
import { copyLink, onOtherAddress, remember, showProblems } from '../address.js'
import { download, h, labeled } from '../dom.js'
import { onThemeChange } from '../theme.js'
import { Controls } from './controls.js'
import { DataInput } from './data.js'
import { type ShownFit, wholeFit } from './displayed-fit.js'
import { GroupTable, groupRows, type RowGroup } from './groups.js'
import { ParameterTable } from './parameters.js'
import { FitPlot, type FittedCurve, type FittedData, getScale } from './plot.js'
import type { SharedGroups } from './shared.js'
import { type FitPageState, fromHash, toHash } from './state.js'
import { Correlations, describeEndpoints, describeReason, FitSummary, toJson } from './summary.js'
import type { DataTable } from './table.js'
import {
  type ChosenColumns,
  choose,
  columnsByName,
  type FitTask,
  fitOptions,
  makeTask,
  missing,
  selectRows,
  sharedParameters,
  type TaskRows,
} from './task.js'

/** Milliseconds after which the page shows that a fit is running. */
const PATIENCE = 300
/** Milliseconds without a keystroke after which typing counts as finished. */
const TYPING = 200
/** Number of points of the curve. */
const SAMPLES = 301
/** Maximum number of groups that are drawn in addition to the selected group. */
const MAX_OTHER_GROUPS = 23

const data = new DataInput(plan)
const controls = new Controls(change)
const parameters = new ParameterTable((name, entry) =>
  change({ parameters: { ...state.parameters, [name]: entry } }),
)
const plot = new FitPlot()
const summary = new FitSummary()
const prediction = h('input', { type: 'checkbox' })
const [logX, logY, profile] = [0, 1, 2].map(() => h('input', { type: 'checkbox' }))
const correlations = new Correlations()
const groups = new GroupTable((name) => {
  shownGroup = name
  plan(false)
})
/** Name of the selected group. If no group has this name, the first group is selected. */
let shownGroup = ''
const caption = h('span')
const status = h('p', { className: 'status', role: 'status' })
/** Outcome of copying the link. It is separate from the status, which a finished fit overwrites. */
const copied = h('span', { role: 'status' })
const share = h('button', { type: 'button', textContent: 'Copy the link' })
const save = h('button', { type: 'button', textContent: 'Save the result' })
const picture = h('button', { type: 'button', textContent: 'Save the plot' })

let { state, problems } = fromHash(location.hash)
/** Whether the state comes from a link whose table the user has not provided yet. */
let isAwaited = true
/** Name of the previous x column, which a custom model may still contain. */
let formerX = ''
let fit: ShownFit | null = null
let fits: readonly ShownFit[] = []
/** The description of the fit, which is saved with it. */
let about: Readonly<Record<string, unknown>> = {}
let milliseconds = 0
let stop = new AbortController()
let typing: ReturnType<typeof setTimeout> | undefined
let frame = 0

function change(changed: Partial<FitPageState>): void {
  state = { ...state, ...changed }
  copied.textContent = ''
  remember(() => toHash(state))
  plan(document.activeElement instanceof HTMLInputElement && document.activeElement.type === 'text')
}

/** Schedules a fit for the next animation frame, or, while the user is typing, for the next pause. */
function plan(isTyped: boolean): void {
  stop.abort()
  clearTimeout(typing)
  cancelAnimationFrame(frame)
  const next = () => {
    frame = requestAnimationFrame(() => void update())
  }
  if (isTyped) typing = setTimeout(next, TYPING)
  else next()
}

/** Aborts a running fit, fits again and shows the result. */
async function update(): Promise<void> {
  stop.abort()
  stop = new AbortController()
  const { signal } = stop
  controls.fail('')
  const { table } = data
  if (table === null) {
    nothing()
    return
  }
  const names = missing(table, state)
  if (names.length > 0 && !isAwaited) state = { ...state, ...withoutColumns(names) }
  isAwaited &&= names.length > 0
  const chosen = choose(table, state)
  if (!isAwaited) follow(table, chosen)
  controls.show(table, chosen, state, isAwaited ? names : [])
  // If the rows have individual errors, the error of a new observation is unknown, so there is no prediction band.
  prediction.disabled = hasOwnErrors(chosen)
  ;[logX.checked, logY.checked, profile.checked] = [state.logX, state.logY, state.profile]
  prediction.checked = computeBand(chosen) === 'prediction'
  let task: FitTask | null = null
  try {
    task = makeTask(table, chosen, state)
  } catch (thrown) {
    controls.fail(getMessage(thrown))
  }
  if (task) {
    const own = task.parameters.filter((name) => !names.includes(name))
    parameters.show(isAwaited ? { ...task, parameters: own } : task, state)
  }
  data.ask(isAwaited ? `The link contains no data: paste, drop or open a table with ${quoted(names)}.` : '')
  if (isAwaited) {
    controls.describe(null)
    nothing()
    return
  }
  const rows = selectRows(table, chosen, task)
  data.show(rows)
  controls.describe(task)
  const texts = table.all.find(({ name }) => name === state.group)?.texts
  const all = groupRows(rows, texts)
  const at = Math.max(
    0,
    all.findIndex(({ name }) => name === shownGroup),
  )
  const together = texts && { labels: rows.kept.map((row) => texts[row]), at }
  const found = task && (await fitGroups(task, rows, all, together, signal))
  if (signal.aborted) return
  fits = found ?? []
  groups.show(all, fits, all[at]?.name ?? '')
  draw(task ?? chosen, all, at)
  const group = all.length > 1 ? all[at].name : null
  if (group !== null) about = { ...about, shown: group }
  conclude(fits[at] ?? null, group, describeHiddenRows(all[at]?.rows))
}

function nothing(): void {
  data.show(null)
  plot.show(null)
  groups.show([], [], '')
  conclude(null, null, '')
}

/** Resets the column choices that the new table does not contain. */
const withoutColumns = (names: readonly string[]) =>
  Object.fromEntries(
    (['x', 'y', 'sigma', 'weights', 'group'] as const)
      .filter((name) => names.includes(state[name]))
      .map((name) => [name, '']),
  )

const quoted = (names: readonly string[]) =>
  `the ${names.length === 1 ? 'column' : 'columns'} ${names.map((name) => `“${name}”`).join(', ')}`

/** Fits all groups; null if that fails, after showing the reason. */
async function fitGroups(
  task: FitTask,
  rows: TaskRows,
  all: readonly RowGroup[],
  together: Omit<SharedGroups, 'shared'> | undefined,
  signal: AbortSignal,
): Promise<ShownFit[] | null> {
  const wait = setTimeout(() => {
    status.textContent = 'Fitting…'
  }, PATIENCE)
  try {
    if (all.every(({ rows }) => rows.x.length === 0))
      throw new Error('No row has numbers in all used columns.')
    const errors = columnsByName(all, ({ sigma, weights }) => ({
      ...(sigma && { sigma }),
      ...(weights && { weights }),
    }))
    const options = fitOptions(task, state, errors)
    const shared = sharedParameters(task, state)
    const joint = together && shared.length > 0 ? await import('./shared.js') : null
    const begin = performance.now()
    const found =
      joint && together
        ? await joint.fitTogether(task, rows, { ...together, shared }, options, signal)
        : await fitSeparately(task, all, { ...options, signal })
    // If the fit was aborted, the shown and saved values already belong to another fit.
    if (signal.aborted) return null
    milliseconds = performance.now() - begin
    const [x, y, sigma] = [task.x, task.y, task.sigma].map((column) => column?.title)
    const weights = task.weights?.title ?? options.weights
    const { start, loss, derive } = options
    about = { model: task.text, x, y, sigma, weights, loss, derive, start }
    if (joint) about = { ...about, shared }
    if (state.group !== '') about = { ...about, group: state.group, groups: all.map(({ name }) => name) }
    return found
  } catch (thrown) {
    if (!signal.aborted) controls.fail(getMessage(thrown))
    return null
  } finally {
    clearTimeout(wait)
  }
}

async function fitSeparately(
  task: FitTask,
  all: readonly RowGroup[],
  options: FitManyOptions,
): Promise<ShownFit[]> {
  const result = await fitMany(
    task.model,
    columnsByName(all, ({ data }) => data),
    options,
  )
  return all.map((_, k) => result.at(k))
}

/** Renames x in a custom model if the x column of a new table has another name. */
function follow({ columns }: DataTable, { x: { name } }: ChosenColumns): void {
  const former = formerX
  formerX = name
  if (former === '' || state.model !== 'own' || columns.some((column) => column.name === former)) return
  try {
    const { names } = expression(state.expression)
    if (!names.includes(former) || names.includes(name)) return
  } catch {
    return
  }
  const renamed = state.expression.replace(/[\p{L}_][\p{L}\p{N}_]*/gu, (word) =>
    word === former ? name : word,
  )
  state = { ...state, expression: renamed }
  remember(() => toHash(state))
}

function draw(task: FitTask | ChosenColumns, all: readonly RowGroup[], at: number): void {
  const titles = { x: task.x.title, y: task.y.title }
  const log = { x: state.logX, y: state.logY }
  const pictures = all.map(({ rows: { x, y, sigma } }, k) => ({
    x,
    y,
    sigma,
    fitted: computeFitted(task, x, fits[k]),
  }))
  const { x, y, sigma, fitted } = pictures[at] ?? { x: [], y: [], sigma: undefined, fitted: null }
  const others = pictures.filter((_, k) => k !== at).slice(0, MAX_OTHER_GROUPS)
  const what = fitted?.curve ? `curve, 95% ${computeBand(task)} band` : 'model values'
  caption.textContent = fitted === null ? 'Data' : `Data, ${what}, and residuals`
  plot.show({ titles, log, x, y, sigma, others, fitted })
}

function computeFitted(
  task: FitTask | ChosenColumns,
  x: Float64Array,
  found: ShownFit | undefined,
): FittedData | null {
  // A fit that did not start has no parameter values.
  if (!found?.free.every((name) => Number.isFinite(found.values[name]))) return null
  const curve = 'isCurve' in task && task.isCurve ? computeCurve(task, x, found) : null
  return { curve, residuals: found.residuals, values: found.predict() }
}

/** Whether a column gives individual errors or weights of the rows. */
const hasOwnErrors = ({ sigma, weights }: ChosenColumns) => sigma !== null || weights !== null

const computeBand = (chosen: ChosenColumns) => (hasOwnErrors(chosen) ? 'confidence' : state.band)

function computeCurve(task: FitTask, values: Float64Array, found: ShownFit): FittedCurve {
  const { position: place, invert } = getScale(state.logX)
  const known = values.filter((x) => Number.isFinite(place(x)))
  const [from, to] = [Math.min, Math.max].map((end) => place(known.reduce((a, b) => end(a, b), known[0])))
  const at = Float64Array.from({ length: SAMPLES }, (_, i) =>
    invert(from + ((to - from) * i) / (SAMPLES - 1)),
  )
  const columns = { [task.names.x]: at }
  return { x: at, y: found.predict(columns), ...found.band(columns, { kind: computeBand(task) }) }
}

/** Counts the points that a logarithmic axis cannot show. */
function describeHiddenRows(rows: TaskRows | undefined): string {
  const isOff = (values: Float64Array | undefined, isLog: boolean, row: number) =>
    isLog && !((values?.[row] ?? NaN) > 0)
  const count = rows?.x.filter(
    (_, row) => isOff(rows.x, state.logX, row) || isOff(rows.y, state.logY, row),
  ).length
  return count
    ? `${count} of the points ${count === 1 ? 'is' : 'are'} not positive and cannot be drawn on a logarithmic axis.`
    : ''
}

/**
 * @param group name of the fitted group, if there are several
 * @param besides remark on the plot
 */
function conclude(found: ShownFit | null, group: string | null, besides: string): void {
  fit = found
  parameters.result(found, group)
  summary.show(found && wholeFit(found), milliseconds, state.sigma !== '' || state.weights !== '')
  correlations.show(found)
  const said = found
    ? [describeReason(wholeFit(found)), ...(state.profile ? describeEndpoints(found) : []), besides]
    : []
  status.textContent = said.filter((text) => text !== '').join(' ')
  save.disabled = picture.disabled = found === null
}

logX.addEventListener('change', () => change({ logX: logX.checked }))
logY.addEventListener('change', () => change({ logY: logY.checked }))
profile.addEventListener('change', () => change({ profile: profile.checked }))
prediction.addEventListener('change', () =>
  change({ band: prediction.checked ? 'prediction' : 'confidence' }),
)
share.addEventListener('click', async () => {
  copied.textContent = await copyLink(toHash(state), 'fit (without the data)')
})
save.addEventListener('click', () => {
  if (fit) download('fit.json', 'application/json', toJson(fit, about, fits))
})
picture.addEventListener('click', () => download('fit.svg', 'image/svg+xml', plot.toSvg()))
onOtherAddress((hash) => {
  const found = fromHash(hash)
  state = found.state
  isAwaited = true
  showProblems(found.problems)
  plan(false)
})
onThemeChange(() => plot.redraw())

const element = document.getElementById('fit') as HTMLElement
element.className = 'fit'
element.append(
  data.element,
  h(
    'div',
    { className: 'results' },
    controls.element,
    h(
      'figure',
      {},
      h(
        'figcaption',
        {},
        h(
          'span',
          { className: 'spread' },
          caption,
          h(
            'span',
            { className: 'row' },
            labeled('log x', logX),
            labeled('log y', logY),
            labeled('prediction band', prediction),
          ),
        ),
      ),
      plot.element,
    ),
    groups.element,
    status,
    parameters.element,
    h('div', { className: 'row' }, labeled('profile-likelihood intervals', profile)),
    correlations.element,
    h('div', { className: 'row' }, share, save, picture, copied),
  ),
  summary.element,
)

/** Shows the fit that the address describes. */
export async function start(): Promise<void> {
  showProblems(problems)
  data.begin()
}
