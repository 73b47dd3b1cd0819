/** The surface in place of the map. The drawing module is loaded when the user switches the surface on. */

import { getMessage } from '../../dist/page.js'
import { h, labeled } from './dom.js'
import { titles } from './functions.js'
import { sampleHeights } from './height-field.js'
import type { Race } from './race.js'
import type { SurfacePlot } from './surface.js'
import { isStill } from './theme.js'
import type { RaceView } from './view.js'

export class SurfaceView implements RaceView {
  readonly #canvas = h('canvas', { tabIndex: 0, role: 'img' })
  readonly #turning = h('input', { type: 'checkbox', checked: !isStill.matches })
  readonly #plot = h('div', { className: 'plot surface' }, this.#canvas)
  readonly element = h(
    'div',
    { className: 'surface-frame', hidden: true },
    this.#plot,
    labeled('rotation', this.#turning),
  )
  readonly #wake: () => void
  #surface: SurfacePlot | null = null
  #race: Race | null = null
  #lastPicture = 0
  /** Milliseconds of the longest wait for a frame since the last picture. */
  #longest = 0

  /** @param wake requests a frame */
  constructor(wake: () => void) {
    this.#wake = wake
    this.#turning.addEventListener('change', wake)
  }

  get #isOn(): boolean {
    return !this.element.hidden && this.#surface !== null
  }

  async toggle(isOn: boolean): Promise<void> {
    this.element.hidden = !isOn
    const race = this.#race
    if (!isOn || !race) return
    if (this.#surface) {
      this.#surface.show(sampleHeights(race.landscape))
      this.#surface.begin(race)
      return this.#wake()
    }
    let failing = 'a part of the page could not be loaded'
    try {
      const { SurfacePlot } = await import('./surface.js')
      failing = 'this browser does not provide WebGL'
      this.#surface ??= new SurfacePlot(this.#canvas, this.#wake)
      this.#surface.show(sampleHeights(race.landscape))
      this.#surface.begin(this.#race as Race)
      this.#wake()
    } catch (thrown) {
      const sentence = `No surface: ${failing} (${getMessage(thrown)}).`
      this.#plot.replaceChildren(h('p', { className: 'hint' }, sentence))
    }
  }

  terrain(terrain: ReturnType<typeof sampleHeights>): void {
    if (this.#isOn) this.#surface?.show(terrain)
  }

  begin(race: Race, isNew: boolean): void {
    this.#race = race
    const title = titles[race.state.objective]
    this.#canvas.setAttribute(
      'aria-label',
      `${title} as a surface with the paths on it; arrow keys rotate it`,
    )
    if (this.#isOn) this.#surface?.begin(race, isNew)
  }

  update(): void {
    if (this.#isOn) this.#surface?.update()
  }

  recolor(): void {
    if (this.#isOn) this.#surface?.redraw()
  }

  frame(now: number, passed: number): boolean {
    const surface = this.#surface
    if (!surface || !this.#isOn) return false
    this.#longest = Math.max(this.#longest, Math.min(100, passed))
    if (now - this.#lastPicture >= surface.rest) {
      if (this.#lastPicture > 0) surface.waited(this.#longest)
      this.#longest = 0
      const seconds = this.#lastPicture > 0 ? Math.min(0.5, (now - this.#lastPicture) / 1000) : 0
      surface.render(this.#turning.checked ? seconds : 0)
      this.#lastPicture = now
    }
    const isBusy = this.#turning.checked || surface.isStale
    if (!isBusy) this.#lastPicture = 0
    return isBusy
  }
}
