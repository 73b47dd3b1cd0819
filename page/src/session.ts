/** The race of the page: its settings, its address and its views. */

import type { Point } from 'antigrad'
import { getMessage } from '../../dist/page.js'
import { decodePart, remember } from './address.js'
import { loadCatalogue } from './catalogue.js'
import { equalView, makeLandscape, needsHessian, type ObjectiveView } from './functions.js'
import { type HeightField, sampleHeights } from './height-field.js'
import { haveMethods, loadCustomRules, loadMethods, loadSchedules } from './lazy.js'
import { BUDGET, Loop } from './loop.js'
import type { StartMove } from './map/drag.js'
import { Race } from './race.js'
import type { RuleEntry } from './rules.js'
import { fromHash, initial, type RaceState, toHash } from './state.js'
import { isStill } from './theme.js'
import { type RaceView, tell } from './view.js'

/** Milliseconds after the last key press after which the starting point is considered placed. */
const LET_GO = 400

/** Waits until the browser has drawn, or for a second: browsers draw nothing in hidden tabs. */
const nextPicture = () =>
  new Promise<void>((resolve) => {
    requestAnimationFrame(() => setTimeout(resolve))
    setTimeout(resolve, 1000)
  })

/** How a race begins: it plays, the whole race is shown at once, or it waits at its start. */
export type Beginning = 'play' | 'whole' | 'wait'

/** How a race begins unless a slider moves: it plays, or is shown at once if the user prefers reduced motion. */
export const usualBeginning = (): Beginning => (isStill.matches ? 'whole' : 'play')

export class Session {
  state: RaceState = initial
  race!: Race
  readonly loop: Loop
  readonly #views: RaceView[] = []
  readonly #aspect: () => number
  /** Text in the address before the settings of the race. */
  readonly #prefix: string
  #landscape: ObjectiveView | null = null
  #terrain: HeightField | null = null
  #key = ''
  #wanted: { start: Point; how: StartMove } | null = null
  #loads = 0
  #lettingGo: ReturnType<typeof setTimeout> | undefined

  /** @param aspect returns the aspect ratio of the map */
  constructor(aspect: () => number, prefix: string) {
    this.#aspect = aspect
    this.#prefix = prefix
    this.loop = new Loop(this.#views, () => this.#take())
  }

  /** The settings as in the address. */
  get hash(): string {
    return this.#prefix + toHash(this.state)
  }

  /** Adds views, which display the current race at once. */
  join(...views: RaceView[]): void {
    this.#views.push(...views)
    const [race, terrain] = [this.race, this.#terrain]
    if (!race || !terrain) return
    tell(views, 'terrain', terrain, race.state.start)
    tell(views, 'show', this.state, race)
    tell(views, 'begin', race, true)
    tell(views, 'update', race, this.loop.isPlaying)
    tell(views, 'numbers', race, true)
    tell(views, 'playing', this.loop.isPlaying)
    if (!this.loop.isPlaying) tell(views, 'rest', race)
    if (race.isOver) tell(views, 'over', race)
  }

  /**
   * Starts the race of a state. If that fails, the previous race stays.
   *
   * @returns why it failed, or ''
   */
  async load(changed: RaceState, beginning: Beginning = usualBeginning()): Promise<string> {
    const load = ++this.#loads
    try {
      const { objective, condition, expression, view, equal, bounds, entries } = changed
      const aspect = equal === 1 ? this.#aspect().toFixed(3) : ''
      const smooth = needsHessian(changed)
      const key = [objective, condition, expression, view, aspect, bounds, smooth].join('|')
      if (haveMethods(entries)) await loadMethods()
      let found = this.#landscape
      if (key !== this.#key || !found) {
        found = await makeLandscape(changed)
        if (equal === 1) found = { ...found, view: equalView(found.view, this.#aspect()) }
      }
      if (load !== this.#loads) return ''
      if (!this.race) {
        // The first picture of the map does not wait for the optimizers.
        this.#enter(found, key, changed.start)
        await Promise.all([loadCatalogue(), nextPicture()])
        if (load !== this.#loads) return ''
      }
      const begun = new Race(changed, found)
      if (found !== this.#landscape) this.#enter(found, key, changed.start)
      this.race = begun
    } catch (thrown) {
      const message = getMessage(thrown)
      // Forms keep the invalid input, so that the user can correct it.
      tell(this.#views, 'fail', changed, message)
      return message
    }
    this.state = changed
    tell(this.#views, 'show', changed, this.race)
    this.loop.isWhole = beginning === 'whole'
    this.loop.setPlaying(beginning === 'play')
    this.loop.begin(this.race)
    this.#keepAddress()
    return ''
  }

  /** Displays another function. */
  #enter(landscape: ObjectiveView, key: string, start: Point): void {
    this.#terrain = sampleHeights(landscape)
    this.#landscape = landscape
    this.#key = key
    tell(this.#views, 'terrain', this.#terrain, start)
  }

  /** Starts the race with other optimizers; a moving slider shows the whole race at once. */
  enter(entries: readonly RuleEntry[], isSliding = false): void {
    void this.load({ ...this.state, entries }, isSliding ? 'whole' : undefined)
  }

  /** Stores a new start for the next frame, because pointers and keys move it more often than frames are drawn. */
  move(start: Point, how: StartMove = 'click'): void {
    this.#wanted = { start, how }
    this.loop.wake()
  }

  /** Applies a new start. While the user holds it, complete paths are displayed at once. */
  #take(): void {
    if (!this.#wanted) return
    const { start, how } = this.#wanted
    const { loop } = this
    this.#wanted = null
    this.state = { ...this.state, start }
    this.race = new Race(this.state, this.#landscape as ObjectiveView)
    tell(this.#views, 'show', this.state, this.race)
    loop.isWhole = how !== 'click'
    loop.isHeld = how === 'held' || how === 'key'
    if (loop.isWhole) {
      this.race.make(Infinity, BUDGET)
      this.race.seek(this.race.made)
    }
    loop.begin(this.race, false)
    loop.setPlaying(how === 'click')
    loop.refresh()
    this.#keepAddress()
    // A drag ends with a pointer event. Key presses end after a pause.
    clearTimeout(this.#lettingGo)
    if (how !== 'key') return
    this.#lettingGo = setTimeout(() => {
      loop.isHeld = false
      loop.refresh()
      loop.wake()
    }, LET_GO)
  }

  #keepAddress(): void {
    remember(() => this.hash)
  }

  /** Redraws in the colors of another theme. */
  recolor(): void {
    tell(this.#views, 'recolor')
    this.loop.begin(this.race)
    this.loop.refresh()
  }
}

/** Reads the settings of an address. A module that cannot be loaded is reported as one of the problems. */
export async function readAddress(hash: string): Promise<ReturnType<typeof fromHash>> {
  const needed: Promise<unknown>[] = [loadSchedules(decodePart(hash))]
  if (hash.includes('equations=')) needed.push(loadCustomRules())
  if (/[#&](lbfgs|newton)=/.test(hash)) needed.push(loadMethods())
  await Promise.allSettled(needed)
  return fromHash(hash)
}
