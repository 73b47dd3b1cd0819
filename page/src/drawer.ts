/** The drawer “Optimizers and options”: all controls, tables and charts. It is loaded when the user opens it. */

import './drawer.css'
import { documentation, getMessage } from '../../dist/page.js'
import type { BasinsView } from './basins-view.js'
import type { Bench } from './bench.js'
import { download, h, labeled, select } from './dom.js'
import { Gallery } from './gallery.js'
import type { Live } from './live.js'
import type { LossPlot } from './loss.js'
import type { RaceMap } from './map/map.js'
import { Optimizers } from './optimizers.js'
import type { Race } from './race.js'
import { Ranking } from './ranking.js'
import { type RuleEntry, setDocumentation } from './rules.js'
import type { Session } from './session.js'
import { Settings } from './settings.js'
import { type RaceState, toHash } from './state.js'
import type { RaceView } from './view.js'

/** The parts of the page that the drawer controls. */
export interface DrawerParts {
  readonly session: Session
  readonly map: RaceMap
  readonly basins: BasinsView
  /** Loads the module that explains updates. */
  live(): Promise<Live>
  announce(text: string): void
}

const speeds = {
  '0': 'following the race',
  ...Object.fromEntries([6, 30, 120, 600, 3000].map((n) => [n, `${n} per second`])),
}

const figure = (title: Node, ...content: Node[]) => h('figure', {}, h('figcaption', {}, title), ...content)
const button = (textContent: string) => h('button', { type: 'button', textContent })

/** Builds the drawer: `side` belongs next to the map, `more` below it. */
export function makeDrawer(parts: DrawerParts) {
  const { session, basins } = parts
  setDocumentation(documentation)
  const forms = makeForms(session)
  const gallery = new Gallery()
  const ranking = new Ranking()
  const explanation = makeExplanation()
  const chart = makeChart()
  const views: RaceView[] = [
    forms.view,
    { show: (state) => gallery.show(toHash(state)) },
    { numbers: (race, isNew) => ranking.update(race, { isNew }) },
    explanation.view,
    chart.view,
  ]
  const more = [
    gallery.element,
    h('div', { className: 'row' }, ...makeTransport(parts)),
    ranking.element,
    explanation.element,
    chart.element,
    basins.drawer,
    makeEngines(parts),
    h('div', { className: 'row' }, ...makeDownloads(parts)),
  ]
  return { side: forms.elements, more, views }
}

/** The forms for the function and for the optimizers. */
function makeForms(session: Session) {
  let own: readonly RuleEntry[] = []
  const optimizers = new Optimizers(
    (entries, isSliding) => {
      own = [...entries]
      session.enter(own, isSliding)
    },
    () => session.race,
  )
  const settings = new Settings(
    (changed, isSliding) => void session.load(changed, isSliding ? 'whole' : undefined),
  )
  const view: RaceView = {
    show(state: RaceState, { landscape }: Race) {
      settings.show(state)
      settings.describe(landscape)
      if (state.entries !== own) optimizers.show(state.entries)
      own = state.entries
    },
    fail(state, message) {
      settings.show(state)
      settings.fail(message)
    },
    recolor: () => optimizers.show(session.state.entries),
  }
  return { view, elements: [settings.element, optimizers.element] }
}

function makeTransport({ session, map, live, announce }: DrawerParts): HTMLElement[] {
  const { loop } = session
  const [step, reset] = [button('Step'), button('Reset')]
  const speed = select(speeds, String(loop.speed))
  const arrows = h('input', { type: 'checkbox', checked: true })
  step.addEventListener('click', () => loop.step())
  reset.addEventListener('click', () => loop.restart())
  speed.addEventListener('change', () => {
    loop.speed = Number(speed.value)
  })
  arrows.addEventListener('change', async () => {
    try {
      const part = await live()
      part.hasArrows = arrows.checked
      if (!arrows.checked) map.pull([])
      loop.refresh()
    } catch (thrown) {
      announce(`No arrows: a part of the page could not be loaded (${getMessage(thrown)}).`)
    }
  })
  return [step, reset, labeled('speed', speed), labeled('arrows', arrows)]
}

/** The explanation of an update, which is loaded when the race rests. */
function makeExplanation() {
  const element = h('section', {
    className: 'inspect',
    'aria-label': 'Explanation of the displayed update',
  })
  let inspector: import('./inspect.js').Inspector | null = null
  const view: RaceView = {
    async rest(race) {
      try {
        const { Inspector } = await import('./inspect.js')
        inspector ??= new Inspector(element)
        inspector.show(race)
      } catch (thrown) {
        const sentence = `No equations: a part of the page could not be loaded (${getMessage(thrown)}).`
        element.replaceChildren(h('p', { className: 'hint' }, sentence))
      }
    },
  }
  return { element, view }
}

/** The chart of the function's values. */
function makeChart() {
  const caption = h('span')
  const frame = h('div', { className: 'plot loss' })
  let loss: LossPlot | null = null
  let isFailed = false
  const load = async (race: Race) => {
    try {
      const { LossPlot } = await import('./loss.js')
      loss ??= new LossPlot(frame, caption)
      loss.begin(race)
      loss.update()
    } catch (thrown) {
      isFailed = true
      const sentence = `No chart: a part of the page could not be loaded (${getMessage(thrown)}).`
      frame.replaceChildren(h('p', { className: 'hint' }, sentence))
    }
  }
  const view: RaceView = {
    begin(race) {
      if (loss) loss.begin(race)
      else if (!isFailed) void load(race)
    },
    numbers: () => loss?.update(),
  }
  return { element: figure(caption, frame), view }
}

/** The measurement of the engines. */
function makeEngines({ session, basins }: DrawerParts): HTMLElement {
  const frame = h('div', { id: 'bench' })
  const drawer = h('details', { className: 'drawer', id: 'engines' }, h('summary', {}, 'Engines'), frame)
  let bench: Bench | null = null
  drawer.addEventListener('toggle', async () => {
    if (!drawer.open) return basins.begin(session.race)
    // Basins must not disturb the measurements of the engines.
    basins.stop()
    try {
      const { Bench } = await import('./bench.js')
      if (!bench) {
        bench = new Bench()
        frame.replaceChildren(bench.element)
      }
      bench.open()
    } catch (thrown) {
      const sentence = `No engines: a part of the page could not be loaded (${getMessage(thrown)}).`
      frame.replaceChildren(h('p', { className: 'hint' }, sentence))
    }
  })
  return drawer
}

function makeDownloads({ session, map, announce }: DrawerParts): HTMLElement[] {
  const save = button('Save the points')
  save.addEventListener('click', () => {
    session.loop.setPlaying(false)
    download('race.csv', 'text/csv', session.race.toCsv())
  })
  const saving = (text: string, how: (part: typeof import('./save.js')) => unknown) => {
    const saves = button(text)
    saves.addEventListener('click', async () => {
      try {
        await how(await import('./save.js'))
      } catch (thrown) {
        announce(`The file could not be saved: ${getMessage(thrown)}.`)
      }
    })
    return saves
  }
  return [
    save,
    saving('Save as SVG', (part) => part.saveSvg(map.drawing)),
    saving('Save as PNG', (part) => part.savePng(map.picture)),
    saving('Save the program', (part) => part.saveProgram(session.state)),
  ]
}
