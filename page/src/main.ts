/** The race page: the first screen, which plays automatically, and a drawer with everything else. */

import { getMessage } from '../../dist/page.js'
import { onOtherAddress, showProblems } from './address.js'
import { BasinsView } from './basins-view.js'
import { loadCatalogue } from './catalogue.js'
import { h } from './dom.js'
import type { Live } from './live.js'
import { RaceMap } from './map/map.js'
import { describeOutcome } from './outcome-text.js'
import { readAddress, Session } from './session.js'
import { isEmbedded, makeShare } from './share.js'
import { Side } from './side.js'
import { Sliders } from './sliders.js'
import { initial } from './state.js'
import { SurfaceView } from './surface-view.js'
import { makeSwitches } from './switches.js'
import { onThemeChange } from './theme.js'
import { Transport } from './transport.js'

// Loads while the map is drawn.
void loadCatalogue()

const status = h('p', { className: 'status', role: 'status' })
const announce = (text: string) => {
  status.textContent = text
}

const map = new RaceMap((start, how) => session.move(start, how))
const session: Session = new Session(() => map.aspect, isEmbedded ? 'embed=1&' : '')
const { loop } = session
const surface = new SurfaceView(() => loop.wake())
const basins = new BasinsView(session, map, announce)
const side = new Side(select, announce)
const sliders = new Sliders(session)
const transport = new Transport(loop)
/** Index of the racer whose equation and basins are shown: at first the last one. */
let selected = initial.entries.length - 1
let live: Promise<Live> | null = null
/** Number of address changes by the user. */
let changes = 0

const switches = makeSwitches((name, isOn) => {
  if (name === 'Paths') map.showPaths(isOn)
  else if (name === 'Basins') void basins.toggle(isOn, selected)
  else {
    map.element.inert = isOn
    void surface.toggle(isOn)
  }
})

/** Selects the racer whose equation and basins are shown. */
function select(number: number): void {
  if (number === selected) return
  selected = number
  side.select(number)
  basins.select(number)
  live?.then((part) => part.select(number)).catch(() => {})
}

/** Loads the arrows and the equation. */
function loadLive(): Promise<Live> {
  live ??= import('./live.js').then(({ Live }) => {
    const part = new Live(map, side.equation)
    part.select(selected)
    session.join(part)
    return part
  })
  return live
}

const drawer = h('details', { id: 'options' }, h('summary', {}, 'Optimizers and options'))
const more = h('div', { className: 'more', hidden: true })
let isFilled = false
drawer.addEventListener('toggle', async () => {
  more.hidden = !drawer.open
  if (!drawer.open || isFilled) return
  isFilled = true
  try {
    const { makeDrawer } = await import('./drawer.js')
    const { views, ...made } = makeDrawer({ session, map, basins, live: loadLive, announce })
    drawer.append(...made.side)
    more.append(...made.more)
    session.join(...views)
  } catch (thrown) {
    isFilled = false
    const sentence = `No options: a part of the page could not be loaded (${getMessage(thrown)}).`
    more.replaceChildren(h('p', { className: 'hint' }, sentence))
  }
})

map.element.addEventListener('pointermove', (event) => {
  const near = map.racerNear(event)
  if (near !== null) select(near)
})
session.join(
  map,
  surface,
  basins,
  side,
  sliders,
  transport,
  {
    begin: () => announce(''),
    over: (race) => announce(describeOutcome(race)),
    // The outcome is not shown at earlier moments of the race.
    numbers: (race) => {
      if (!race.isOver && status.textContent?.startsWith('The race is over')) announce('')
    },
  },
  { recolor: () => map.redraw() },
)
onOtherAddress(async (hash) => {
  const turn = ++changes
  const { state, problems } = await readAddress(hash)
  // The user has followed another link in the meantime.
  if (turn !== changes) return
  showProblems(problems)
  await session.load(state)
})
onThemeChange(() => session.recolor())

document.body.classList.toggle('embed', isEmbedded)
document
  .getElementById('race')
  ?.append(
    h(
      'div',
      { className: 'stage' },
      h(
        'div',
        { className: 'map-area' },
        h('div', { className: 'map' }, map.element, surface.element, switches.element),
        transport.element,
        sliders.element,
        status,
      ),
      h('div', { className: 'side' }, ...side.elements, drawer),
      makeShare(session, announce),
      more,
    ),
  )

side.select(selected)

/** Shows the race that the address describes. */
export async function start(): Promise<void> {
  const { state, problems } = await readAddress(location.hash)
  const failure = await session.load(state)
  if (failure !== '') {
    problems.push(failure)
    await session.load({ ...state, objective: initial.objective, start: initial.start })
  }
  showProblems(problems)
  // The page first draws the race, and then loads what explains it.
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)))
  await loadLive().catch((thrown) => {
    const sentence = `No equations: a part of the page could not be loaded (${getMessage(thrown)}).`
    side.equation.replaceChildren(h('p', { className: 'hint' }, sentence))
  })
}
