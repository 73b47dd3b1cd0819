/** The page: one state, one race at a time, and everything that shows it. */

import type { Point } from 'antigrad'
import { messageOf } from '../../dist/ground/errors.js'
import { copyLink, decoded, remember, showProblems } from './address.js'
import type { Basins } from './basins.js'
import { Bench } from './bench.js'
import { ContourPlot } from './contour.js'
import { download, h, labelled, select } from './dom.js'
import { type Landscape, landscapeOf, titles } from './functions.js'
import { loadSchedules } from './late.js'
import { LossPlot, lossTitle } from './loss.js'
import { Optimizers } from './optimizers.js'
import { Race } from './race.js'
import { Ranking, why } from './ranking.js'
import { Settings } from './settings.js'
import { fromHash, initial, type State, toHash } from './state.js'
import type { SurfacePlot } from './surface.js'
import { survey } from './terrain.js'
import { isStill, onThemeChange } from './theme.js'

/** Milliseconds of a frame that updates may take; the rest is for drawing. */
const BUDGET = 6
/** How often the table and the chart follow: numbers that change faster cannot be read. */
const CALM = 120

const speeds = Object.fromEntries([6, 30, 120, 600, 3000].map((n) => [n, `${n} a second`]))

const element = (id: string) => document.getElementById(id) as HTMLElement

const contour = new ContourPlot(move)
const canvas = h('canvas', { tabIndex: 0, role: 'img' })
const surfaceFrame = h('div', { className: 'plot surface' }, canvas)
const loss = new LossPlot()
const ranking = new Ranking()
const bench = new Bench()
const settings = new Settings((changed) => void load(changed))
const enter = (entries: State['entries']) => void load({ ...state, entries })
const optimizers = new Optimizers(enter)

const play = h('button', { type: 'button', className: 'primary', textContent: 'Play' })
const step = h('button', { type: 'button', textContent: 'Step' })
const reset = h('button', { type: 'button', textContent: 'Reset' })
const speed = select(speeds, '120')
const turning = h('input', { type: 'checkbox', checked: !isStill.matches })
const share = h('button', { type: 'button', textContent: 'Copy the link' })
const save = h('button', { type: 'button', textContent: 'Save the points' })
const count = h('output', { className: 'count' })
const status = h('p', { className: 'status', role: 'status' })
const lossCaption = h('span')
const basinsFrame = h('div', { className: 'basins' })
const drawer = h(
  'details',
  { className: 'drawer' },
  h('summary', {}, 'Basins: which minimum each start reaches'),
  basinsFrame,
)

let state = initial
let problems: string[] = []
let race: Race
let landscape: Landscape | null = null
let landscapeKey = ''
let surface: SurfacePlot | null = null
let basins: Basins | null = null
let isPlaying = false
/** Updates that the speed has earned and that are not made yet. */
let owed = 0
let lastFrame = 0
let lastCalm = 0
let lastPicture = 0
/** Milliseconds of the longest wait for a frame since the last picture. */
let longest = 0
let isWaiting = false
let wanted: Point | null = null
let loads = 0

/** What the address says; where a part of the page for it cannot be loaded, that is one of the problems. */
async function readAddress(): Promise<ReturnType<typeof fromHash>> {
  await loadSchedules(decoded(location.hash)).catch(() => {})
  return fromHash(location.hash)
}

/** Begins the race that a state describes; else says why it cannot, and the old one stays. */
async function load(changed: State): Promise<string> {
  const load = ++loads
  const { objective, condition, expression, view } = changed
  const key = [objective, condition, expression, view].join('|')
  try {
    const found = key === landscapeKey && landscape ? landscape : await landscapeOf(changed)
    if (load !== loads) return ''
    const begun = new Race(changed, found)
    if (found !== landscape) {
      const terrain = survey(found)
      contour.show(terrain)
      surface?.show(terrain)
      landscape = found
      landscapeKey = key
    }
    race = begun
  } catch (thrown) {
    // The form keeps what was typed, for it to be mended.
    settings.show(changed)
    const message = messageOf(thrown)
    settings.fail(message)
    return message
  }
  state = changed
  settings.show(state)
  settings.formula(landscape.formula)
  begin()
  remember(() => toHash(state))
  return ''
}

/** Everything shows the race from its start. */
function begin(anew = true): void {
  owed = 0
  contour.begin(race)
  surface?.begin(race, anew)
  loss.begin(race, anew)
  lossCaption.textContent = lossTitle(race)
  canvas.setAttribute(
    'aria-label',
    `${titles[state.objective]} as a surface, with the paths on it; arrow keys turn it`,
  )
  status.textContent = ''
  showBasins()
  showNumbers(anew)
  wake()
}

/** A start that the next frame takes over: pointers and keys move it more often than can be shown. */
function move(start: Point): void {
  wanted = start
  wake()
}

function setPlaying(playing: boolean): void {
  isPlaying = playing
  play.textContent = playing ? 'Pause' : 'Play'
  lastFrame = 0
  wake()
}

function showNumbers(anew = false): void {
  ranking.update(race, { anew })
  loss.update()
  count.textContent = `${race.iterations.toLocaleString('en')} ${race.iterations === 1 ? 'update' : 'updates'}`
}

/** Draws what has changed. */
function refresh(): void {
  contour.update()
  surface?.update()
  const now = performance.now()
  if (now - lastCalm > CALM || !isPlaying) {
    lastCalm = now
    showNumbers()
  }
}

function frame(now: number): void {
  isWaiting = false
  const seconds = lastFrame === 0 ? 0 : Math.min(0.1, (now - lastFrame) / 1000)
  longest = Math.max(longest, 1000 * seconds)
  lastFrame = now
  if (wanted) {
    state = { ...state, start: wanted }
    wanted = null
    race = new Race(state, landscape as Landscape)
    settings.show(state)
    begin(false)
    remember(() => toHash(state))
  }
  if (isPlaying) {
    owed += seconds * Number(speed.value)
    const due = Math.floor(owed)
    owed -= due
    race.advance(due, BUDGET)
    if (race.isOver) finish()
    refresh()
  }
  const isTurning = turning.checked && !element('race').hidden
  if (surface && now - lastPicture >= surface.rest) {
    if (lastPicture > 0) surface.waited(longest)
    longest = 0
    surface.render(isTurning && lastPicture > 0 ? Math.min(0.5, (now - lastPicture) / 1000) : 0)
    lastPicture = now
  }
  if (isPlaying || (surface && (isTurning || surface.isStale))) wake()
  else lastFrame = lastPicture = 0
}

function wake(): void {
  if (!isWaiting) requestAnimationFrame(frame)
  isWaiting = true
}

function finish(): void {
  setPlaying(false)
  const [first] = race.ranking()
  const arrived = race.racers.filter(({ arrivedAt }) => arrivedAt !== null).length
  status.textContent =
    first.arrivedAt === null
      ? 'The race is over: nobody arrived.'
      : `The race is over: ${arrived} of ${race.racers.length} arrived, ${first.name} first, after ${first.arrivedAt} updates.`
  for (const racer of race.racers)
    if (racer.reason === 'error') status.textContent += ` ${racer.name} ${why(racer, race)}.`
  refresh()
}

function open(tab: 'race' | 'bench'): void {
  for (const name of ['race', 'bench'] as const) {
    const isOpen = name === tab
    element(name).hidden = !isOpen
    const button = element(`tab-${name}`)
    button.setAttribute('aria-selected', String(isOpen))
    button.tabIndex = isOpen ? 0 : -1
  }
  if (tab === 'bench') {
    setPlaying(false)
    // What is timed has the processors for itself.
    basins?.stop()
    bench.open()
  } else showBasins()
  wake()
}

async function addSurface(): Promise<void> {
  let failing = 'a part of the page could not be loaded'
  try {
    const { SurfacePlot } = await import('./surface.js')
    failing = 'this browser gives the page no WebGL'
    surface = new SurfacePlot(canvas)
    surface.show(survey(race.landscape))
    surface.begin(race)
    wake()
  } catch (thrown) {
    const sentence = `No surface: ${failing} (${messageOf(thrown)}).`
    surfaceFrame.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

function showBasins(): void {
  if (drawer.open && !element('race').hidden) basins?.show(race)
}

async function openBasins(): Promise<void> {
  if (!drawer.open) return basins?.stop()
  try {
    const { Basins } = await import('./basins.js')
    basins ??= new Basins(basinsFrame, move, (entries) => {
      optimizers.show(entries)
      enter(entries)
    })
    showBasins()
  } catch (thrown) {
    const sentence = `No basins: a part of the page could not be loaded (${messageOf(thrown)}).`
    basinsFrame.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
}

drawer.addEventListener('toggle', openBasins)
play.addEventListener('click', () => {
  if (race.isOver) {
    race = new Race(state, race.landscape)
    begin()
  }
  setPlaying(!isPlaying)
})
step.addEventListener('click', () => {
  setPlaying(false)
  race.advance(1, Infinity)
  refresh()
  if (race.isOver) finish()
})
reset.addEventListener('click', () => {
  setPlaying(false)
  race = new Race(state, race.landscape)
  begin()
})
turning.addEventListener('change', wake)
share.addEventListener('click', async () => {
  status.textContent = await copyLink(toHash(state), 'race')
})
save.addEventListener('click', () => download('race.csv', 'text/csv', race.toCsv()))
for (const name of ['race', 'bench'] as const) {
  element(`tab-${name}`).addEventListener('click', () => open(name))
  element(`tab-${name}`).addEventListener('keydown', ({ key }) => {
    if (key !== 'ArrowLeft' && key !== 'ArrowRight') return
    const other = name === 'race' ? 'bench' : 'race'
    open(other)
    element(`tab-${other}`).focus()
  })
}
addEventListener('hashchange', async () => {
  const read = await readAddress()
  problems = read.problems
  showProblems(problems)
  optimizers.show(read.state.entries)
  void load(read.state)
})
onThemeChange(() => {
  contour.redraw()
  surface?.redraw()
  basins?.redraw()
  optimizers.show(state.entries)
  begin()
  refresh()
  bench.redraw()
})

const figure = (title: Node | string, ...content: Node[]) =>
  h('figure', {}, h('figcaption', {}, title), ...content)

element('race').append(
  settings.element,
  h(
    'div',
    { className: 'plots' },
    figure('Contours: drag the ring to start elsewhere', contour.element),
    figure(h('span', { className: 'spread' }, 'Surface', labelled('turn', turning)), surfaceFrame),
  ),
  h('div', { className: 'transport' }, play, step, reset, labelled('speed', speed), count),
  status,
  drawer,
  h(
    'div',
    { className: 'lower' },
    optimizers.element,
    h(
      'div',
      { className: 'results' },
      figure(lossCaption, loss.element),
      ranking.element,
      h('div', { className: 'row' }, share, save),
    ),
  ),
)
element('bench').append(bench.element)

/** The race of the address. */
export async function start(): Promise<void> {
  ;({ state, problems } = await readAddress())
  optimizers.show(state.entries)
  const failure = await load(state)
  if (failure !== '') {
    problems.push(failure)
    await load({ ...state, objective: initial.objective, start: initial.start })
  }
  showProblems(problems)
  await addSurface()
}
