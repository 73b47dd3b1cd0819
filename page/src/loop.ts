/** Plays a race frame by frame, and tells the views what has changed. */

import type { Race } from './race.js'
import { type RaceView, tell } from './view.js'

/** Milliseconds per frame for updates; the rest of the frame is for drawing. */
export const BUDGET = 6
/** Milliseconds per frame for updates that are displayed later. */
const AHEAD = 3
/** Milliseconds between refreshes of numbers and charts. Values that change faster cannot be read. */
const CALM = 200
/** Milliseconds without motion after which the displayed update is explained. */
const STILL = 140

/** Updates per second if the speed follows the race: the first ones can be counted, thousands take ten seconds. */
export const followingSpeed = (time: number): number => Math.min(6000, 30 + 0.6 * time)

export class Loop {
  isPlaying = false
  /** Whether the whole race is displayed, as far as it has been computed. */
  isWhole = false
  /** Whether the starting point is being moved. */
  isHeld = false
  /** Updates per second; 0 follows the race. */
  speed = 0
  readonly #views: readonly RaceView[]
  readonly #beforeFrame: () => void
  #race: Race | null = null
  /** Fractional number of updates that are due but not displayed yet. */
  #owed = 0
  #lastFrame = 0
  #lastCalm = 0
  #isWaiting = false
  #isAnnounced = false
  #resting: ReturnType<typeof setTimeout> | undefined
  #following: ReturnType<typeof setTimeout> | undefined

  /** @param beforeFrame called at the beginning of each frame */
  constructor(views: readonly RaceView[], beforeFrame: () => void) {
    this.#views = views
    this.#beforeFrame = beforeFrame
  }

  /** Displays a race from its start. */
  begin(race: Race, isNew = true): void {
    this.#race = race
    this.#owed = 0
    this.#isAnnounced = false
    tell(this.#views, 'begin', race, isNew)
    if (isNew) tell(this.#views, 'numbers', race, true)
    this.wake()
  }

  setPlaying(isPlaying: boolean): void {
    this.isPlaying = isPlaying
    if (isPlaying) this.isWhole = false
    tell(this.#views, 'playing', isPlaying)
    this.#lastFrame = 0
    this.wake()
  }

  /** Plays or pauses; a race that is over starts again. */
  toggle(): void {
    const race = this.#race as Race
    if (race.isOver) this.restart()
    this.setPlaying(!this.isPlaying)
    this.refresh()
  }

  /** Returns to the starting point. */
  restart(): void {
    const race = this.#race as Race
    this.#halt()
    race.seek(0)
    this.begin(race)
    this.refresh()
  }

  step(): void {
    this.#halt()
    this.#race?.advance(1, Infinity)
    this.refresh()
    if (this.#race?.isOver) this.#finish()
  }

  seek(time: number): void {
    this.#halt()
    this.#race?.seek(time)
    this.refresh()
  }

  #halt(): void {
    this.isWhole = false
    this.setPlaying(false)
  }

  /** Displays the changes. */
  refresh(): void {
    const race = this.#race as Race
    tell(this.#views, 'update', race, this.isPlaying)
    const now = performance.now()
    clearTimeout(this.#following)
    if (now - this.#lastCalm > CALM || !(this.isPlaying || this.isHeld)) {
      this.#lastCalm = now
      tell(this.#views, 'numbers', race, false)
    } else this.#following = setTimeout(() => tell(this.#views, 'numbers', race, false), CALM)
    clearTimeout(this.#resting)
    if (this.isPlaying) return
    this.#resting = setTimeout(() => {
      if (!this.isPlaying && !this.isHeld) tell(this.#views, 'rest', this.#race as Race)
    }, STILL)
  }

  wake(): void {
    if (!this.#isWaiting) requestAnimationFrame((now) => this.#frame(now))
    this.#isWaiting = true
  }

  #frame(now: number): void {
    this.#isWaiting = false
    const passed = this.#lastFrame === 0 ? 0 : now - this.#lastFrame
    this.#lastFrame = now
    this.#beforeFrame()
    const race = this.#race
    if (!race) return
    if (this.#move(race, Math.min(0.1, passed / 1000))) this.refresh()
    const isBusy = this.#views.map((view) => view.frame?.(now, passed) ?? false).includes(true)
    if (this.isPlaying || !race.isMade || isBusy) this.wake()
    else this.#lastFrame = 0
  }

  /** @returns whether anything may have changed */
  #move(race: Race, seconds: number): boolean {
    let isNew = false
    if (this.isPlaying) {
      this.#owed += seconds * (this.speed || followingSpeed(race.time))
      const due = Math.floor(this.#owed)
      this.#owed -= due
      race.advance(due, BUDGET)
      // The race is also computed ahead, so that the timeline shows its length.
      race.make(Infinity, AHEAD)
      if (race.isOver) this.#finish()
      isNew = true
    } else if (!race.isMade) {
      race.make(Infinity, BUDGET)
      isNew = true
    }
    if (this.isWhole && race.time < race.made) {
      race.seek(race.made)
      isNew = true
    }
    if (this.isWhole && race.isOver && !this.isHeld && !this.#isAnnounced) this.#finish()
    return isNew
  }

  #finish(): void {
    this.setPlaying(false)
    this.#isAnnounced = true
    tell(this.#views, 'over', this.#race as Race)
    this.refresh()
  }
}
