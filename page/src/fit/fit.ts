/** The curve-fitting page: a table and a model, which are fitted after every change. */

import { expression } from 'antigrad'
import { getMessage } from '../../../dist/page.js'
import { onOtherAddress, remember, showProblems } from '../address.js'
import { onThemeChange } from '../theme.js'
import { bandKind, hasOwnErrors } from './curves.js'
import { Display } from './display.js'
import type { DisplayedState } from './displayed-state.js'
import type { ExampleName } from './example-list.js'
import { exampleSettings, exampleTable } from './example-settings.js'
import type { FitOutcome } from './fit-input.js'
import { groupRows } from './groups.js'
import { loadLibrary } from './load-library.js'
import { modelGroups } from './model-list.js'
import { type PageActions, PageView } from './page-view.js'
import { PATIENCE } from './progress.js'
import { runFits } from './run.js'
import { type FitPageState, initial } from './state.js'
import type { DataTable } from './table.js'
import { type ChosenColumns, choose, type FitTask, makeTask, missing, selectRows } from './task.js'

/** Milliseconds without a keystroke after which typing counts as finished. */
const TYPING = 200
/** Ratio of the largest dose to the smallest from which the axis of doses becomes logarithmic. */
const MIN_LOG_RATIO = 100
/** Number of rows from which the points are drawn before the fit. */
const MANY_ROWS = 2000

const actions: PageActions = {
  change,
  changeParameter: (name, entry) => change({ parameters: { ...state.parameters, [name]: entry } }),
  changeTable,
  chooseExample: (name) => void showExample(name, { ...initial, ...exampleSettings[name], example: name }),
  chooseGroup,
  stop: () => {
    stop.abort()
    view.progress.end()
    data.showText()
    view.verdict.textContent = 'Stopped. Change a setting to fit again.'
  },
  leaveOut: (keys, isOut) => {
    const others = state.leftOut.filter((key) => !keys.includes(key))
    change({ leftOut: isOut ? [...others, ...keys] : others })
  },
  openDrawer: () => display.showParts(),
  getState: () => state,
}
const view = new PageView(actions)
const { data, controls } = view
const display = new Display(view, actions)

let state: FitPageState = initial
/** Whether the state comes from a link whose table the user has not provided yet. */
let isAwaited = true
/** Name of the previous x column, which a custom model may still contain. */
let formerX = ''
/** Name of the selected group. If no group has this name, the first group is selected. */
let shownGroup = ''
/** The last outcome, and a description of everything that it depends on. */
let last: { readonly key: string; readonly table: DataTable; readonly outcome: FitOutcome } | null = null
let stop = new AbortController()
let typing: ReturnType<typeof setTimeout> | undefined
let frame = 0
/** Counts the shown addresses, so that a former address does not follow a later one. */
let shows = 0

const loadAddress = () => import('./state-address.js')

const rememberState = () => remember(async () => (await loadAddress()).toHash(state))

function change(changed: Partial<FitPageState>): void {
  state = { ...state, ...changed, ...(suitsLogarithm(changed) && { logX: true }) }
  view.copied.textContent = ''
  rememberState()
  plan(document.activeElement instanceof HTMLInputElement && document.activeElement.type === 'text')
}

/** Whether a new model describes responses to doses that are so different that they need a logarithmic axis. */
function suitsLogarithm({ model }: Partial<FitPageState>): boolean {
  if (model === undefined || model === 'own' || !(model in modelGroups['Dose and response'])) return false
  const table = data.table(state.layout)
  if (table === null) return false
  const { numbers } = choose(table, { ...state, model, group: state.group || table.curves }).x
  const known = numbers.filter(Number.isFinite)
  const [least, most] = [Math.min, Math.max].map((end) => known.reduce((a, b) => end(a, b), known[0]))
  return least > 0 && most >= MIN_LOG_RATIO * least
}

function changeTable(isTyped: boolean): void {
  if (!isAwaited) state = { ...state, example: '', leftOut: [] }
  rememberState()
  plan(isTyped)
}

function chooseGroup(name: string): void {
  shownGroup = name
  plan(false)
}

/** Shows the table of an example with the given settings. */
async function showExample(name: ExampleName, settings: FitPageState, isFirst = false): Promise<void> {
  const text = await exampleTable(name)
  state = settings
  isAwaited = false
  formerX = ''
  shownGroup = ''
  data.setText(text)
  // The address of the first example is the page's own.
  if (!isFirst) rememberState()
  plan(false)
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

/** A table without rows, with the columns that the address names. */
const emptyTable = (): DataTable => {
  const usual = state.model === 'own' && /\bt\b/.test(state.expression) ? 't' : 'x'
  const names = [...new Set([state.x || usual, state.y || 'y', state.sigma].filter(Boolean))]
  const columns = names.map((name) => ({ name, title: name, numbers: new Float64Array(), texts: [] }))
  return { columns, all: columns, lines: [], keys: [], shape: 'points', curves: '', isTooLong: [] }
}

/** Aborts a running fit, fits again and shows the result. A long text appears afterwards. */
async function update(): Promise<void> {
  stop.abort()
  stop = new AbortController()
  const { signal } = stop
  await fitTable(signal)
  await new Promise(requestAnimationFrame)
  setTimeout(() => !signal.aborted && data.showText())
}

async function fitTable(signal: AbortSignal): Promise<void> {
  controls.fail('')
  data.showExample(state.example)
  const library = await loadLibrary(state)
  if (signal.aborted) return
  const found = data.table(state.layout)
  if (found === null && !isAwaited) return display.clear()
  const table = found ?? emptyTable()
  const names = found ? missing(table, state) : []
  if (names.length > 0 && !isAwaited) state = { ...state, ...withoutColumns(names) }
  isAwaited &&= found === null || names.length > 0
  // The curves of a wide table are groups.
  const group = state.group || table.curves
  const chosen = choose(table, { ...state, group })
  if (!isAwaited) follow(table, chosen)
  let task: FitTask | null = null
  try {
    task = makeTask(table, chosen, state, library)
    dropForeignQuantity(task)
  } catch (thrown) {
    controls.fail(getMessage(thrown))
  }
  const effective = { ...state, group }
  controls.show(table, chosen, effective, isAwaited ? names : [])
  display.showControls({ table, chosen, state: effective })
  showSettings(chosen, task)
  const own = task?.parameters.filter((name) => !names.includes(name)) ?? []
  const hasGroups = effective.group !== ''
  if (task) display.showSettings({ task: { ...task, parameters: own }, state, hasGroups })
  data.ask(isAwaited ? request(found === null ? namedColumns() : names) : '')
  if (isAwaited) {
    controls.describe(found === null ? task : null)
    display.clear()
    return view.estimates.show(null, own, null)
  }
  const rows = selectRows(table, chosen, task, state.leftOut)
  data.show(rows)
  controls.describe(task)
  const texts = table.all.find(({ name }) => name === effective.group)?.texts
  const groups = groupRows(rows, texts)
  const at = Math.max(
    0,
    groups.findIndex(({ name }) => name === shownGroup),
  )
  const shown: DisplayedState = { table, chosen, task, library, groups, at, outcome: null, state: effective }
  if (rows.x.length > MANY_ROWS && last?.table !== table) {
    display.showPoints(shown)
    await new Promise(requestAnimationFrame)
    if (signal.aborted) return
  }
  // The former fit does not stand next to new data.
  const wait = setTimeout(() => {
    if (signal.aborted) return
    if (last?.table !== table) display.showPoints(shown)
    data.showText()
  }, PATIENCE)
  const labels = texts ? rows.kept.map((row) => texts[row]) : null
  const outcome = task && (await fitAll({ ...shown, task }, rows, labels, signal))
  clearTimeout(wait)
  if (signal.aborted) return
  if (outcome) display.showSettings({ task: outcome.task, state, hasGroups })
  if (outcome) controls.describe(outcome.task)
  display.show({ ...shown, outcome, task: outcome?.task ?? task })
}

/** Fits all groups; null if that fails, after showing the reason. A fit is not repeated if only its display changes. */
async function fitAll(
  input: DisplayedState & { readonly task: FitTask },
  rows: Parameters<typeof runFits>[0]['rows'],
  labels: readonly string[] | null,
  signal: AbortSignal,
): Promise<FitOutcome | null> {
  const { table, chosen, task, library, groups, at, state: effective } = input
  const { logX, logY, band, compare, unknowns, example, ...settings } = effective
  const key = JSON.stringify([settings, task.text, settings.profile && groups.length > 100 ? at : 0])
  if (last?.key === key && last.table === table) return last.outcome
  const taskWith = (count: number) => makeTask(table, chosen, { ...effective, count }, library)
  const { progress } = view
  try {
    const outcome = await runFits({
      task,
      taskWith,
      state: effective,
      rows,
      groups,
      at,
      labels,
      signal,
      progress,
    })
    // If the fit was aborted, the shown and saved values already belong to another fit.
    if (signal.aborted) return null
    last = { key, table, outcome }
    return outcome
  } catch (thrown) {
    if (!signal.aborted) controls.fail(getMessage(thrown))
    return null
  } finally {
    if (!signal.aborted) progress.end()
  }
}

function showSettings(chosen: ChosenColumns, task: FitTask | null): void {
  // If the rows have individual errors, the error of a new observation is unknown, so there is no prediction band.
  view.prediction.disabled = hasOwnErrors(task ?? chosen) || task?.hasNoiseColumns === true
  view.logX.checked = state.logX
  view.logY.checked = state.logY
  view.profile.checked = state.profile
  view.prediction.checked = bandKind(task ?? chosen, state) === 'prediction'
}

/** Resets the column choices that the new table does not contain. */
const withoutColumns = (names: readonly string[]) =>
  Object.fromEntries(
    (['x', 'y', 'extra', 'sigma', 'weights', 'group'] as const)
      .filter((name) => names.includes(state[name]))
      .map((name) => [name, '']),
  )

const namedColumns = () => [state.x, state.y, state.sigma, state.group].filter(Boolean)

const request = (names: readonly string[]) =>
  `The link contains no data: paste, drop or open a table${names.length > 0 ? ` with ${quoted(names)}` : ''}.`

const quoted = (names: readonly string[]) =>
  `the ${names.length === 1 ? 'column' : 'columns'} ${names.map((name) => `“${name}”`).join(', ')}`

/** Drops the derived quantity of an example if the user has typed a model without its parameters. */
function dropForeignQuantity({ parameters }: FitTask): void {
  const { derive } = exampleSettings.decay
  if (state.derive !== derive || parameters.includes('b')) return
  state = { ...state, derive: '' }
  rememberState()
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
  rememberState()
}

for (const name of ['logX', 'logY', 'profile'] as const)
  view[name].addEventListener('change', () => change({ [name]: view[name].checked }))
view.prediction.addEventListener('change', () =>
  change({ band: view.prediction.checked ? 'prediction' : 'confidence' }),
)
onOtherAddress((hash) => void show(hash))
onThemeChange(() => view.plot.redraw())

/** Shows what an address describes: its table, its example, or a request for data. */
async function show(hash: string): Promise<void> {
  const count = ++shows
  if (hash.replace(/^#/, '') === '') {
    showProblems([])
    return showExample('decay', { ...initial, ...exampleSettings.decay, example: 'decay' }, true)
  }
  const found = (await loadAddress()).fromHash(hash)
  if (count !== shows) return
  showProblems(found.problems)
  if (found.packed !== '') {
    try {
      const text = await (await import('./packed-table.js')).unpack(found.packed)
      state = { ...found.state, example: '' }
      isAwaited = false
      data.setText(text)
      return plan(false)
    } catch (thrown) {
      showProblems([...found.problems, getMessage(thrown)])
    }
  }
  const { example } = found.state
  if (example !== '') return showExample(example, found.state)
  state = found.state
  isAwaited = true
  // A table that has the columns of the link is kept.
  plan(false)
}

/** Shows the fit that the address describes. */
export const start = (): Promise<void> => show(location.hash)
