/** Arrows at the racers and the equation of the selected racer, with its numbers. It is loaded on demand. */

import { formatCount } from '../../dist/page.js'
import { h } from './dom.js'
import { explainLines } from './explain.js'
import { describeEnd } from './headline.js'
import type { RaceMap } from './map/map.js'
import { readableNames } from './names.js'
import type { Race } from './race.js'
import { computePull, Replay } from './replay.js'
import { isMethod, type MethodName } from './rules.js'
import { swatch } from './theme.js'
import type { RaceView } from './view.js'

/** The ends of sentences that describe an update of a method. */
const searches: Readonly<Record<MethodName, string>> = {
  lbfgs: 'computes one direction for both coordinates and searches along it.',
  newton: 'solves for a step with the exact curvature, and limits the length of the step.',
}

export class Live implements RaceView {
  /** Whether arrows are drawn. */
  hasArrows = true
  readonly #map: RaceMap
  readonly #title = h('h2')
  readonly #lines = h('div', { className: 'live-lines' })
  readonly #legend = h(
    'p',
    { className: 'hint' },
    'Dotted arrow: downhill. Thin arrow: momentum. Thick arrow: the next step.',
  )
  #replays: Replay[] = []
  #race: Race | null = null
  #number = 0

  constructor(map: RaceMap, frame: HTMLElement) {
    this.#map = map
    frame.replaceChildren(this.#title, this.#lines, this.#legend)
  }

  /** Shows the equation of another racer. */
  select(number: number): void {
    this.#number = number
    if (this.#race) this.numbers(this.#race)
  }

  begin(race: Race): void {
    this.#race = race
    this.#replays = race.racers.map((racer) => new Replay(racer, race))
  }

  update(_: Race, isPlaying: boolean): void {
    if (isPlaying) this.#pull()
    else this.#map.pull([])
  }

  rest(race: Race): void {
    this.#pull()
    this.numbers(race)
  }

  #pull(): void {
    const race = this.#race as Race
    const pulls = race.racers.map((racer, i) =>
      racer.reason === null && racer.arrivedAt === null
        ? computePull(racer, race, this.#replays[i].update())
        : null,
    )
    this.#map.pull(this.hasArrows ? pulls : [])
  }

  numbers(race: Race): void {
    const number = Math.min(this.#number, race.racers.length - 1)
    const racer = race.racers[number]
    const name = readableNames(race.racers.map(({ name }) => name))[number]
    const update = this.#replays[number]?.update() ?? null
    this.#legend.hidden = update === null
    if (!update) {
      const { rule } = racer.entry
      const why = isMethod(rule) ? searches[rule] : describeEnd(racer)
      this.#title.replaceChildren(swatch(number), name)
      this.#lines.replaceChildren(h('p', { className: 'hint' }, `${name} ${why}`))
      return
    }
    const t = racer.iterations + 1
    this.#title.replaceChildren(swatch(number), `${name}, update ${formatCount(t)}`)
    const lines = explainLines(racer.entry, update, t)
    this.#lines.replaceChildren(
      ...lines.map(([equation, x]) => h('p', {}, h('code', {}, equation), h('code', {}, x))),
    )
  }
}
