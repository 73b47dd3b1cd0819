/** The basins, on the map and in the drawer. Their module is loaded when the user opens them. */

import { getMessage } from '../../dist/page.js'
import type { Basins } from './basins.js'
import { h } from './dom.js'
import type { RaceMap } from './map/map.js'
import type { Race } from './race.js'
import type { Session } from './session.js'
import { fromHash, initial, toHash } from './state.js'
import type { RaceView } from './view.js'

/** The race whose basins are shown in the drawer if the user has not changed the initial race. */
const EXAMPLE =
  'f=himmelblau&from=-1,-0.5&adam=lr:0.3&gradientDescent=lr:0.01&momentum=lr:0.01&rmsprop=lr:0.05'

export class BasinsView implements RaceView {
  readonly #frame = h('div', { className: 'basins' })
  readonly drawer = h(
    'details',
    { className: 'drawer', id: 'basins' },
    h('summary', {}, 'Basins: the minimum that each start reaches'),
    this.#frame,
  )
  readonly #session: Session
  readonly #map: RaceMap
  readonly #announce: (text: string) => void
  #basins: Basins | null = null
  #isOnMap = false

  constructor(session: Session, map: RaceMap, announce: (text: string) => void) {
    this.#session = session
    this.#map = map
    this.#announce = announce
    this.drawer.addEventListener('toggle', () => void this.#open())
  }

  /** Shows or hides the basins of the selected optimizer on the map. */
  async toggle(isOn: boolean, number: number): Promise<void> {
    this.#isOnMap = isOn
    if (isOn) {
      const basins = await this.#load()
      if (basins) basins.select(number)
      if (basins) return this.begin(this.#session.race)
    }
    this.#map.showOutcomes(null)
    if (!this.drawer.open) this.stop()
  }

  /** Shows the basins of another optimizer on the map. */
  select(number: number): void {
    if (!this.#isOnMap) return
    this.#basins?.select(number)
    this.begin(this.#session.race)
  }

  /** Stops the computation, so that it does not disturb measurements. */
  stop(): void {
    this.#basins?.stop()
  }

  begin(race: Race): void {
    if (this.drawer.open || this.#isOnMap) this.#basins?.show(race)
  }

  recolor(): void {
    this.#basins?.redraw()
  }

  async #open(): Promise<void> {
    if (!this.drawer.open) return this.#isOnMap ? undefined : this.stop()
    const session = this.#session
    // The initial function has only one minimum, hence one basin. A function with four minima shows what basins are.
    if (toHash(session.state) === toHash(initial)) await session.load(fromHash(EXAMPLE).state)
    if (await this.#load()) this.begin(session.race)
  }

  async #load(): Promise<Basins | null> {
    try {
      const { Basins } = await import('./basins.js')
      this.#basins ??= new Basins(
        this.#frame,
        (start) => this.#session.move(start),
        (entries) => this.#session.enter(entries),
        (picture, text) => {
          if (!this.#isOnMap) return
          this.#map.showOutcomes(picture)
          if (text !== '') this.#announce(text)
        },
      )
    } catch (thrown) {
      const sentence = `No basins: a part of the page could not be loaded (${getMessage(thrown)}).`
      this.#frame.replaceChildren(h('p', { className: 'hint' }, sentence))
      if (this.#isOnMap) this.#announce(sentence)
    }
    return this.#basins
  }
}
