/** The page of fits: a table, a model, and at once what comes of them. */

import { expression, type Fit, fitMany, models } from 'antigrad'
import { messageOf } from '../../../dist/errors.js'
import { copyLink, remember, showProblems } from '../address.js'
import { download, h, labelled, select, uniqueId } from '../dom.js'
import { onThemeChange } from '../theme.js'
import { example } from './example.js'
import { Parameters } from './parameters.js'
import { type Curve, Plot } from './plot.js'
import { fromHash, type State, toHash } from './state.js'
import { Summary, toJson, why } from './summary.js'
import { readTable, type Table } from './table.js'
import { type Chosen, choose, optionsOf, type Rows, rowsOf, type Task, taskOf } from './task.js'

/** More than a text field should have to hold. */
const LARGEST = 2_000_000
/** Milliseconds after which a fit that is under way is said to be so. */
const PATIENCE = 300
/** Places of the curve. */
const SAMPLES = 301
/** So many of the lines that are left out are said. */
const MOST_LINES = 8

const text = h('textarea', { spellcheck: false, autocomplete: 'off', value: example(), id: uniqueId('data') })
const file = h('input', { type: 'file', accept: '.csv,.tsv,.txt,.dat,text/*' })
const counts = h('p', { className: 'hint' })
const leftOut = h('ul')
const wrong = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
const x = select({}, '')
const y = select({}, '')
const sigma = select({}, '')
const absolute = h('input', { type: 'checkbox' })
const model = select(
  { ...Object.fromEntries(Object.keys(models).map((name) => [name, name])), own: 'my own' },
  'own',
)
const typed = h('input', { type: 'text', size: 34, spellcheck: false, autocomplete: 'off' })
const formula = h('p', { className: 'formula' })
const message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
const prediction = h('input', { type: 'checkbox' })
const caption = h('span')
const status = h('p', { className: 'status', role: 'status' })
const plot = new Plot()
const summary = new Summary()
const parameters = new Parameters((name, entry) =>
  change({ parameters: { ...state.parameters, [name]: entry } }),
)
const share = h('button', { type: 'button', textContent: 'Copy the link' })
const save = h('button', { type: 'button', textContent: 'Save the result' })
const picture = h('button', { type: 'button', textContent: 'Save the picture' })
const usual = h('button', { type: 'button', textContent: 'The example' })

text.setAttribute('aria-describedby', wrong.id)
typed.setAttribute('aria-describedby', message.id)

let { state, problems } = fromHash(location.hash)
let table: Table | null = null
/** The column that x was, by which a visitor's model may go. */
let formerX = ''
let fit: Fit | null = null
/** What is saved with it. */
let about: Readonly<Record<string, unknown>> = {}
let milliseconds = 0
let stop = new AbortController()

function change(changed: Partial<State>): void {
  state = { ...state, ...changed }
  remember(() => toHash(state))
  void update()
}

/** Takes the table over from the text. */
function read(): void {
  try {
    table = readTable(text.value)
    complain('')
  } catch (thrown) {
    table = null
    complain(messageOf(thrown))
  }
  void update()
}

function complain(sentence: string): void {
  wrong.textContent = sentence
  if (sentence === '') text.removeAttribute('aria-invalid')
  else text.setAttribute('aria-invalid', 'true')
}

/** Why there is no fit, or '' if there is one. */
function fail(sentence: string): void {
  message.textContent = sentence
  if (sentence !== '' && state.model === 'own') typed.setAttribute('aria-invalid', 'true')
  else typed.removeAttribute('aria-invalid')
}

/** Fits anew, and shows what comes of it; a fit that is under way ends. */
async function update(): Promise<void> {
  stop.abort()
  stop = new AbortController()
  const { signal } = stop
  fail('')
  if (table === null) {
    counts.textContent = ''
    leftOut.replaceChildren()
    plot.show(null)
    conclude(null)
    return
  }
  const chosen = choose(table, state)
  follow(table, chosen)
  showControls(table, chosen)
  let task: Task | null = null
  try {
    task = taskOf(table, chosen, state)
  } catch (thrown) {
    fail(messageOf(thrown))
  }
  const rows = rowsOf(table, chosen, task)
  showRows(rows)
  formula.textContent = task ? describe(task) : ''
  if (task) parameters.show(task, state)
  const found = task && (await fitted(task, rows, signal))
  if (signal.aborted) return
  draw(task ?? chosen, rows, found)
  conclude(found)
}

/** The fit; null, and why, if there is none. */
async function fitted(task: Task, rows: Rows, signal: AbortSignal): Promise<Fit | null> {
  const wait = setTimeout(() => {
    status.textContent = 'Fitting…'
  }, PATIENCE)
  try {
    if (rows.x.length === 0) throw new Error('No row has a number in every column that is used.')
    const options = optionsOf(task, state, rows)
    const begin = performance.now()
    const found = (await fitMany(task.model, rows.data, { ...options, signal })).at(0)
    milliseconds = performance.now() - begin
    const [x, y, sigma] = [task.x, task.y, task.sigma].map((column) => column?.title)
    about = { model: task.text, x, y, sigma, start: options.start }
    return found
  } catch (thrown) {
    if (!signal.aborted) fail(messageOf(thrown))
    return null
  } finally {
    clearTimeout(wait)
  }
}

/** Another table may have another name for x: the visitor's model goes with it. */
function follow({ columns }: Table, { x: { name } }: Chosen): void {
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

function showControls({ columns }: Table, chosen: Chosen): void {
  const texts = columns.map(
    ({ name, title }) => [name, name === title ? name : `${title} (${name})`] as const,
  )
  const fill = (
    control: HTMLSelectElement,
    options: readonly (readonly [string, string])[],
    value: string,
  ) => {
    const key = JSON.stringify(options)
    if (control.dataset.options !== key) {
      control.replaceChildren(...options.map(([value, textContent]) => h('option', { value, textContent })))
      control.dataset.options = key
    }
    control.value = value
  }
  fill(x, texts, chosen.x.name)
  fill(y, texts, chosen.y.name)
  fill(sigma, [['', 'none'], ...texts], chosen.sigma?.name ?? '')
  const hasSigma = chosen.sigma !== null
  absolute.disabled = !hasSigma
  absolute.checked = hasSigma && state.absoluteSigma
  // Where errors differ from row to row nobody knows them in between.
  prediction.disabled = hasSigma
  prediction.checked = !hasSigma && state.band === 'prediction'
  model.value = state.model
  typed.disabled = state.model !== 'own'
  if (typed !== document.activeElement) typed.value = state.expression
}

function showRows({ x: { length }, leftOut: lines }: Rows): void {
  const count = (of: number) => `${of.toLocaleString('en')} ${of === 1 ? 'row' : 'rows'}`
  const left = lines.length === 0 ? '' : `, ${count(lines.length)} left out`
  counts.textContent = `${count(length)}${left}`
  const more = lines.length - MOST_LINES
  leftOut.replaceChildren(
    ...lines.slice(0, MOST_LINES).map((line) => h('li', {}, line)),
    ...(more > 0 ? [h('li', {}, `And ${more.toLocaleString('en')} more.`)] : []),
  )
}

function describe({ text, names: { y }, columns, parameters }: Task): string {
  const list = (words: readonly string[], one: string, many: string) =>
    `${words.length === 1 ? one : many} ${words.join(', ')}`
  const ofColumns = columns.length === 0 ? 'no column in it' : list(columns, 'the column', 'the columns')
  return `${y} = ${text}, with ${ofColumns} and ${list(parameters, 'the parameter', 'the parameters')}`
}

function draw(task: Task | Chosen, { x, y, sigma }: Rows, found: Fit | null): void {
  const titles = { x: task.x.title, y: task.y.title }
  const isKnown = found?.free.every((name) => Number.isFinite(found.values[name])) ?? false
  const curve =
    found !== null && isKnown && 'isCurve' in task && task.isCurve ? curveOf(task, x, found) : null
  const fitted = found && isKnown ? { curve, residuals: found.residuals, values: found.predict() } : null
  plot.show({ titles, x, y, sigma, fitted })
  caption.textContent =
    curve === null
      ? fitted === null
        ? 'Data'
        : 'Data, what the model says of them, and residuals'
      : `Data, curve, 95 % ${bandOf(task)} band, and residuals`
}

const bandOf = ({ sigma }: Chosen) => (sigma === null ? state.band : 'confidence')

function curveOf(task: Task, of: Float64Array, found: Fit): Curve {
  const [from, to] = [of.reduce((a, b) => Math.min(a, b)), of.reduce((a, b) => Math.max(a, b))]
  const at = Float64Array.from({ length: SAMPLES }, (_, i) => from + ((to - from) * i) / (SAMPLES - 1))
  const columns = { [task.names.x]: at }
  return { x: at, y: found.predict(columns), ...found.band(columns, { kind: bandOf(task) }) }
}

function conclude(found: Fit | null): void {
  fit = found
  parameters.result(found)
  summary.show(found, milliseconds)
  status.textContent = found ? why(found) : ''
  save.disabled = picture.disabled = found === null
}

async function take(given: File): Promise<void> {
  if (given.size > LARGEST) {
    complain(`${given.name} has ${Math.ceil(given.size / 1e6)} MB: expected at most ${LARGEST / 1e6}.`)
    return
  }
  text.value = await given.text()
  read()
}

text.addEventListener('input', read)
file.addEventListener('change', () => {
  const [given] = file.files ?? []
  if (given) void take(given)
})
usual.addEventListener('click', () => {
  text.value = example()
  read()
})
document.addEventListener('dragover', (event) => {
  if (event.dataTransfer?.types.includes('Files')) event.preventDefault()
})
document.addEventListener('drop', (event) => {
  const [given] = event.dataTransfer?.files ?? []
  if (!given) return
  event.preventDefault()
  void take(given)
})
x.addEventListener('change', () => change({ x: x.value }))
y.addEventListener('change', () => change({ y: y.value }))
sigma.addEventListener('change', () => change({ sigma: sigma.value }))
absolute.addEventListener('change', () => change({ absoluteSigma: absolute.checked }))
prediction.addEventListener('change', () =>
  change({ band: prediction.checked ? 'prediction' : 'confidence' }),
)
// What was said of a model's parameters is not meant for another's.
model.addEventListener('change', () => change({ model: model.value as State['model'], parameters: {} }))
typed.addEventListener('input', () => change({ expression: typed.value }))
share.addEventListener('click', async () => {
  status.textContent = await copyLink(toHash(state), 'fit')
})
save.addEventListener('click', () => {
  if (fit) download('fit.json', 'application/json', toJson(fit, about))
})
picture.addEventListener('click', () => download('fit.svg', 'image/svg+xml', plot.toSvg()))
addEventListener('hashchange', () => {
  const found = fromHash(location.hash)
  state = found.state
  showProblems(found.problems)
  void update()
})
onThemeChange(() => plot.redraw())

const element = document.getElementById('fit') as HTMLElement
element.className = 'fit'
element.append(
  h(
    'section',
    { className: 'data', 'aria-label': 'Data' },
    h('label', { for: text.id }, 'Data: type, paste, or drop a file anywhere'),
    text,
    wrong,
    h('div', { className: 'row' }, labelled('or open', file), usual),
    counts,
    leftOut,
  ),
  h(
    'div',
    { className: 'results' },
    h(
      'section',
      { className: 'settings', 'aria-label': 'Model' },
      h('div', { className: 'row' }, labelled('model', model), labelled('f =', typed)),
      h(
        'div',
        { className: 'row choice' },
        labelled('x', x),
        labelled('y', y),
        labelled('σ', sigma),
        labelled('σ is known', absolute),
      ),
      formula,
      message,
    ),
    h(
      'figure',
      {},
      h(
        'figcaption',
        {},
        h('span', { className: 'spread' }, caption, labelled('prediction band', prediction)),
      ),
      plot.element,
    ),
    status,
    parameters.element,
    h('div', { className: 'row' }, share, save, picture),
  ),
  summary.element,
)

/** The fit of the address. */
export async function start(): Promise<void> {
  showProblems(problems)
  read()
}
