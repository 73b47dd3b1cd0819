/** The race page: one state, one race at a time, and everything that displays it. */

import type { Point } from 'antigrad'
import { formatCount, getMessage } from '../../dist/page.js'
import { copyLink, decodePart, onOtherAddress, remember, showProblems } from './address.js'
import type { Basins } from './basins.js'
import type { Bench } from './bench.js'
import { ContourPlot, type StartMove } from './contour.js'
import { download, h, labeled, select } from './dom.js'
import { equalView, makeLandscape, type ObjectiveView, titles } from './functions.js'
import { Gallery } from './gallery.js'
import { sampleHeights } from './height-field.js'
import type { Inspector } from './inspect.js'
import { loadCustomRules, loadSchedules } from './lazy.js'
import type { LossPlot } from './loss.js'
import { Optimizers } from './optimizers.js'
import { describeOutcome } from './outcome-text.js'
import { Race } from './race.js'
import { Ranking } from './ranking.js'
import { Settings } from './settings.js'
import { fromHash, initial, type RaceState, toHash } from './state.js'
import type { SurfacePlot } from './surface.js'
import { isStill, onThemeChange } from './theme.js'

/** Milliseconds per frame for updates; the rest of the frame is for drawing. */
const BUDGET = 6
/** Milliseconds between refreshes of the table and the chart. Values that change faster cannot be read. */
const CALM = 200
/** Milliseconds without motion after which the displayed update is explained. */
const STILL = 140

/** The race whose basins are shown if the user has not changed the initial race. */
const BASINS =
  'f=himmelblau&from=-1,-0.5&adam=lr:0.3&gradientDescent=lr:0.01&momentum=lr:0.01&rmsprop=lr:0.05'

const speeds = Object.fromEntries([6, 30, 120, 600, 3000].map((n) => [n, `${n} per second`]))

const element = (id: string) => document.getElementById(id) as HTMLElement

const contour = new ContourPlot(move)
const canvas = h('canvas', { tabIndex: 0, role: 'img' })
const surfaceFrame = h('div', { className: 'plot surface' }, canvas)
const lossFrame = h('div', { className: 'plot loss' })
const ranking = new Ranking()
const settings = new Settings((changed, isSliding) => void load(changed, isSliding))
const enter = (entries: RaceState['entries'], isWhole = false) => void load({ ...state, entries }, isWhole)
const optimizers = new Optimizers(enter, () => race)
const gallery = new Gallery()

const play = h('button', { type: 'button', className: 'primary', textContent: 'Play' })
const step = h('button', { type: 'button', textContent: 'Step' })
const reset = h('button', { type: 'button', textContent: 'Reset' })
const speed = select(speeds, '120')
const timeline = h('input', {
  type: 'range',
  className: 'timeline',
  min: '0',
  max: '0',
  step: '1',
  value: '0',
})
timeline.setAttribute('aria-label', 'Displayed update')
const turning = h('input', { type: 'checkbox', checked: !isStill.matches })
const arrows = h('input', { type: 'checkbox', checked: true })
const share = h('button', { type: 'button', textContent: 'Copy the link' })
const save = h('button', { type: 'button', textContent: 'Save the points' })
const saveSvg = h('button', { type: 'button', textContent: 'Save as SVG' })
const savePng = h('button', { type: 'button', textContent: 'Save as PNG' })
const program = h('button', { type: 'button', textContent: 'Save the program' })
const count = h('output', { className: 'count' })
const status = h('p', { className: 'status', role: 'status' })
const lossCaption = h('span')
const basinsFrame = h('div', { className: 'basins' })
const inspectFrame = h('section', {
  className: 'inspect',
  'aria-label': 'Explanation of the displayed update',
})
const makeDrawer = (summary: string, ...content: Node[]) =>
  h('details', { className: 'drawer' }, h('summary', {}, summary), ...content)
const surfaceDrawer = makeDrawer(
  'Surface (3D view)',
  h('figure', {}, labeled('rotation', turning), surfaceFrame),
)
const drawer = makeDrawer('Basins: the minimum that each start reaches', basinsFrame)
surfaceDrawer.id = 'surface'
drawer.id = 'basins'

let state = initial
let problems: string[] = []
let race: Race
let landscape: ObjectiveView | null = null
let landscapeKey = ''
let surface: SurfacePlot | null = null
let loss: LossPlot | null = null
let basins: Basins | null = null
let bench: Bench | null = null
let inspector: Inspector | null = null
let isPlaying = false
/** Whether the whole race is displayed, as far as it has been computed. */
let isWhole = false
let isHeld = false
/** Fractional number of updates that are due but not displayed yet. */
let owed = 0
let lastFrame = 0
let lastCalm = 0
let lastPicture = 0
/** Milliseconds of the longest wait for a frame since the last picture. */
let longest = 0
let isWaiting = false
let wanted: { start: Point; how: StartMove } | null = null
let loads = 0
/** Number of address changes by the user. */
let changes = 0
let explaining: ReturnType<typeof setTimeout> | undefined
let following: ReturnType<typeof setTimeout> | undefined

/** Loads another race and rebuilds the forms. */
async function show(other: RaceState): Promise<void> {
  optimizers.show(other.entries)
  setPlaying(false)
  await load(other)
}

/** Reads the address. A module that cannot be loaded is reported as one of the problems. */
async function readAddress(hash: string): Promise<ReturnType<typeof fromHash>> {
  const hasOwn = hash.includes('equations=')
  await Promise.allSettled([loadSchedules(decodePart(hash)), ...(hasOwn ? [loadCustomRules()] : [])])
  return fromHash(hash)
}

/** Starts the race of a state. If that fails, shows the reason, and the previous race stays. */
async function load(changed: RaceState, whole = false): Promise<string> {
  const load = ++loads
  const { objective, condition, expression, view, equal } = changed
  const aspect = equal === 1 ? contour.aspect.toFixed(3) : ''
  const key = [objective, condition, expression, view, aspect].join('|')
  try {
    let found = landscape
    if (key !== landscapeKey || !found) {
      found = await makeLandscape(changed)
      if (equal === 1) found = { ...found, view: equalView(found.view, contour.aspect) }
    }
    if (load !== loads) return ''
    const begun = new Race(changed, found)
    if (found !== landscape) {
      const terrain = sampleHeights(found)
      contour.show(terrain)
      surface?.show(terrain)
      landscape = found
      landscapeKey = key
    }
    race = begun
  } catch (thrown) {
    // The form keeps the invalid input, so that the user can correct it.
    settings.show(changed)
    const message = getMessage(thrown)
    settings.fail(message)
    return message
  }
  state = changed
  settings.show(state)
  settings.formula(landscape.formula)
  isWhole = whole
  if (whole) setPlaying(false)
  begin()
  keepAddress()
  return ''
}

function keepAddress(): void {
  remember(() => toHash(state))
  gallery.show(toHash(state))
}

/** Displays the race from its start in all views. */
function begin(anew = true): void {
  owed = 0
  contour.begin(race, anew)
  if (surfaceDrawer.open) surface?.begin(race, anew)
  loss?.begin(race)
  canvas.setAttribute(
    'aria-label',
    `${titles[state.objective]} as a surface with the paths on it; arrow keys rotate it`,
  )
  status.textContent = ''
  showBasins()
  if (anew) showNumbers(true)
  wake()
}

/** Stores a new start for the next frame, because pointers and keys move it more often than frames are drawn. */
function move(start: Point, how: StartMove = 'click'): void {
  wanted = { start, how }
  wake()
}

function setPlaying(playing: boolean): void {
  isPlaying = playing
  if (playing) isWhole = false
  play.textContent = playing ? 'Pause' : 'Play'
  lastFrame = 0
  wake()
}

function showNumbers(anew = false): void {
  ranking.update(race, { anew })
  loss?.update()
  timeline.max = String(race.made)
  timeline.value = String(race.time)
  const text = `${formatCount(race.time)} ${race.time === 1 ? 'update' : 'updates'}`
  timeline.setAttribute('aria-valuetext', text)
  count.textContent = text
}

/** Redraws the changes. */
function refresh(): void {
  contour.update()
  if (surfaceDrawer.open) surface?.update()
  const now = performance.now()
  clearTimeout(following)
  if (now - lastCalm > CALM || !(isPlaying || isHeld)) {
    lastCalm = now
    showNumbers()
  } else following = setTimeout(() => showNumbers(), CALM)
  contour.pull([])
  clearTimeout(explaining)
  if (!isPlaying) explaining = setTimeout(explain, STILL)
}

/** Explains the displayed update. */
async function explain(): Promise<void> {
  if (isPlaying || isHeld) return
  try {
    const { Inspector } = await import('./inspect.js')
    inspector ??= new Inspector(inspectFrame)
    const pulls = inspector.show(race)
    contour.pull(arrows.checked ? pulls : [])
  } catch (thrown) {
    const sentence = `No equations: a part of the page could not be loaded (${getMessage(thrown)}).`
    inspectFrame.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

function frame(now: number): void {
  isWaiting = false
  const seconds = lastFrame === 0 ? 0 : Math.min(0.1, (now - lastFrame) / 1000)
  longest = Math.max(longest, 1000 * seconds)
  lastFrame = now
  if (wanted) take(wanted)
  let isNew = false
  if (isPlaying) {
    owed += seconds * Number(speed.value)
    const due = Math.floor(owed)
    owed -= due
    race.advance(due, BUDGET)
    if (race.isOver) finish()
    isNew = true
  } else if (!race.isMade) {
    race.make(Infinity, BUDGET)
    isNew = true
  }
  if (isWhole && race.time < race.made) race.seek(race.made)
  if (isWhole && race.isOver && !isHeld && status.textContent === '') finish()
  if (isNew) refresh()
  if (surfaceDrawer.open && !element('race').hidden) drawSurface(now)
  const isTurning = surface !== null && surfaceDrawer.open && (turning.checked || surface.isStale)
  if (isPlaying || !race.isMade || (isTurning && !element('race').hidden)) wake()
  else lastFrame = lastPicture = 0
}

function drawSurface(now: number): void {
  if (!surface || now - lastPicture < surface.rest) return
  if (lastPicture > 0) surface.waited(longest)
  longest = 0
  surface.render(turning.checked && lastPicture > 0 ? Math.min(0.5, (now - lastPicture) / 1000) : 0)
  lastPicture = now
}

/** Applies a new start. While the user holds it, complete paths are displayed at once. */
function take({ start, how }: { start: Point; how: StartMove }): void {
  wanted = null
  state = { ...state, start }
  race = new Race(state, landscape as ObjectiveView)
  settings.show(state)
  isWhole = how !== 'click'
  isHeld = how === 'held' || how === 'key'
  if (isWhole) {
    race.make(Infinity, BUDGET)
    race.seek(race.made)
  }
  begin(false)
  setPlaying(how === 'click')
  refresh()
  keepAddress()
  // A drag ends with a pointer event. Key presses end after a pause.
  clearTimeout(letGo)
  if (how === 'key') {
    letGo = setTimeout(() => {
      isHeld = false
      refresh()
      wake()
    }, 400)
  }
}

let letGo: ReturnType<typeof setTimeout> | undefined

function wake(): void {
  if (!isWaiting) requestAnimationFrame(frame)
  isWaiting = true
}

function finish(): void {
  setPlaying(false)
  status.textContent = describeOutcome(race)
  refresh()
}

async function open(tab: 'race' | 'bench'): Promise<void> {
  for (const name of ['race', 'bench'] as const) {
    const isOpen = name === tab
    element(name).hidden = !isOpen
    const button = element(`tab-${name}`)
    button.setAttribute('aria-selected', String(isOpen))
    button.tabIndex = isOpen ? 0 : -1
  }
  if (tab === 'race') {
    showBasins()
    return wake()
  }
  setPlaying(false)
  // Basins must not disturb the measurements of the engines.
  basins?.stop()
  try {
    const { Bench } = await import('./bench.js')
    if (!bench) {
      bench = new Bench()
      element('bench').replaceChildren(bench.element)
    }
    bench.open()
  } catch (thrown) {
    const sentence = `No engines: a part of the page could not be loaded (${getMessage(thrown)}).`
    element('bench').replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

/** Adds the chart after the race can be played. */
async function addLoss(): Promise<void> {
  try {
    const { LossPlot } = await import('./loss.js')
    loss = new LossPlot(lossFrame, lossCaption)
    loss.begin(race)
    loss.update()
  } catch (thrown) {
    const sentence = `No chart: a part of the page could not be loaded (${getMessage(thrown)}).`
    lossFrame.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

async function openSurface(): Promise<void> {
  if (!surfaceDrawer.open) return
  if (surface) {
    surface.begin(race)
    return wake()
  }
  let failing = 'a part of the page could not be loaded'
  try {
    const { SurfacePlot } = await import('./surface.js')
    failing = 'this browser does not provide WebGL'
    surface ??= new SurfacePlot(canvas, wake)
    surface.show(sampleHeights(race.landscape))
    surface.begin(race)
    wake()
  } catch (thrown) {
    const sentence = `No surface: ${failing} (${getMessage(thrown)}).`
    surfaceFrame.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

function showBasins(): void {
  if (drawer.open && !element('race').hidden) basins?.show(race)
}

async function openBasins(): Promise<void> {
  if (!drawer.open) return basins?.stop()
  // The initial function has only one minimum, hence one basin. A function with four minima shows what basins are.
  if (toHash(state) === toHash(initial)) await show(fromHash(BASINS).state)
  try {
    const { Basins } = await import('./basins.js')
    basins ??= new Basins(basinsFrame, move, (entries) => {
      optimizers.show(entries)
      enter(entries)
    })
    showBasins()
  } catch (thrown) {
    const sentence = `No basins: a part of the page could not be loaded (${getMessage(thrown)}).`
    basinsFrame.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

/** Saves with a module that is loaded on demand, and shows an error if that fails. */
async function saving(how: (part: typeof import('./save.js')) => unknown): Promise<void> {
  try {
    await how(await import('./save.js'))
  } catch (thrown) {
    status.textContent = `The file could not be saved: ${getMessage(thrown)}.`
  }
}

surfaceDrawer.addEventListener('toggle', openSurface)
drawer.addEventListener('toggle', openBasins)
play.addEventListener('click', () => {
  if (race.isOver) {
    race.seek(0)
    begin()
  }
  setPlaying(!isPlaying)
  refresh()
})
step.addEventListener('click', () => {
  isWhole = false
  setPlaying(false)
  race.advance(1, Infinity)
  refresh()
  if (race.isOver) finish()
})
reset.addEventListener('click', () => {
  isWhole = false
  setPlaying(false)
  race.seek(0)
  begin()
  refresh()
})
timeline.addEventListener('input', () => {
  isWhole = false
  setPlaying(false)
  race.seek(Number(timeline.value))
  refresh()
})
turning.addEventListener('change', wake)
arrows.addEventListener('change', refresh)
share.addEventListener('click', async () => {
  status.textContent = await copyLink(toHash(state), 'race')
})
save.addEventListener('click', () => download('race.csv', 'text/csv', race.toCsv()))
saveSvg.addEventListener('click', () => saving((part) => part.saveSvg(contour.drawing)))
savePng.addEventListener('click', () => saving((part) => part.savePng(contour.picture)))
program.addEventListener('click', () => saving((part) => part.saveProgram(state)))
for (const name of ['race', 'bench'] as const) {
  element(`tab-${name}`).addEventListener('click', () => void open(name))
  element(`tab-${name}`).addEventListener('keydown', ({ key }) => {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return
    const other = name === 'race' ? 'bench' : 'race'
    void open(other)
    element(`tab-${other}`).focus()
  })
}
onOtherAddress(async (hash) => {
  const turn = ++changes
  const read = await readAddress(hash)
  // The user has followed another link in the meantime.
  if (turn !== changes) return
  problems = read.problems
  showProblems(problems)
  await show(read.state)
  // A scene plays at once when the user follows its link.
  if (gallery.chosen && !isStill.matches) setPlaying(true)
})
onThemeChange(() => {
  contour.redraw()
  surface?.redraw()
  basins?.redraw()
  optimizers.show(state.entries)
  begin()
  refresh()
  bench?.redraw()
})

const figure = (title: Node | string, ...content: Node[]) =>
  h('figure', {}, h('figcaption', {}, title), ...content)

element('race').append(
  gallery.element,
  h(
    'div',
    { className: 'stage' },
    h(
      'div',
      { className: 'main' },
      figure(
        h(
          'span',
          { className: 'spread' },
          h('span', {}, 'Click the map to start a race at that point, or drag the ring'),
          labeled('arrows', arrows),
        ),
        contour.element,
      ),
      h(
        'div',
        { className: 'transport' },
        h('div', { className: 'row' }, play, step, reset, labeled('speed', speed), count),
        timeline,
      ),
      status,
      ranking.element,
      inspectFrame,
      figure(lossCaption, lossFrame),
    ),
    h('div', { className: 'side' }, settings.element, optimizers.element),
  ),
  surfaceDrawer,
  drawer,
  h('div', { className: 'row' }, share, save, saveSvg, savePng, program),
)

/** Shows the race that the address describes. */
export async function start(): Promise<void> {
  ;({ state, problems } = await readAddress(location.hash))
  optimizers.show(state.entries)
  const failure = await load(state)
  if (failure !== '') {
    problems.push(failure)
    await load({ ...state, objective: initial.objective, start: initial.start })
  }
  showProblems(problems)
  // On a phone the chart takes as long as the race, so the page first draws the race and lets the user play it.
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
  await addLoss()
}
