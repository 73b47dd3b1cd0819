/**
 * The race: each racer is a `Minimization` of the library and stores every visited point. Races are computed ahead and
 * displayed along a timeline. The timeline counts updates of rules, and gradients of a method (L-BFGS or Newton), which may need
 * several gradients per update.
 */

import { Minimization, type MinimizeReason, noise, type Point, type View } from 'antigrad'
import { getMessage } from '../../dist/page.js'
import type { ObjectiveView } from './functions.js'
import { build, describeEntry, isMethod, type RuleEntry } from './rules.js'
import type { RaceState } from './state.js'

/** The clipping of an entry's gradients, combined with the noise of the race. */
export function makeClip(entry: RuleEntry, sigma: number) {
  const { clip } = build(entry)
  return sigma > 0 ? { ...clip, noise: noise({ eta: sigma * sigma, gamma: 0 }) } : clip
}

/** The options of the run of an entry. */
export function makeRunOptions(
  entry: RuleEntry,
  {
    tolerance,
    maxIterations,
    noise,
    bounds,
  }: Pick<RaceState, 'tolerance' | 'maxIterations' | 'noise' | 'bounds'>,
) {
  return {
    tolerance,
    maxIterations,
    ...(!isMethod(entry.rule) && { clip: makeClip(entry, noise) }),
    ...(bounds && { bounds: pairs(bounds) }),
  }
}

/** Bounds as the library reads them: [min, max] of x and of y. */
export const pairs = ([x0, x1, y0, y1]: View): [Point, Point] => [
  [x0, x1],
  [y0, y1],
]

export class Racer {
  readonly name: string
  /** x and y of the start and of every later point, exactly as the library computed them. */
  points = new Float64Array(256)
  /** The value of the objective at each point. */
  values = new Float64Array(128)
  /** Number of computed updates. */
  made = 0
  /** Displayed position on the timeline. */
  time = 0
  error = ''
  /** Largest absolute component of the gradient at the last point. */
  gradientNorm = NaN
  readonly engine: string
  readonly entry: RuleEntry
  /**
   * Number of gradients that a method has evaluated up to each update; null for rules, which evaluate one per update.
   */
  readonly #asked: number[] | null
  /** Why the run ended; null while it is running. */
  #ended: MinimizeReason | 'error' | null = null
  /** First update after which the racer was within the success radius; null if none. */
  #reached: number | null = null
  readonly #run: Minimization
  readonly #landscape: ObjectiveView
  readonly #distance: number

  constructor(entry: RuleEntry, landscape: ObjectiveView, state: RaceState) {
    const { start, distance } = state
    const { rule } = build(entry)
    this.entry = entry
    this.name = describeEntry(entry)
    this.#landscape = landscape
    this.#distance = distance
    const options = makeRunOptions(entry, state)
    this.#run = new Minimization(landscape.objective, [...start], rule as never, options)
    this.#asked = isMethod(entry.rule) ? [0] : null
    this.engine = this.#run.engine
    this.#keep()
  }

  step(): void {
    if (this.hasEnded) return
    try {
      this.#run.step()
      this.made = this.#run.iterations
      this.#asked?.push(this.#run.evaluations.gradients)
      this.#keep()
      this.#ended = this.#run.reason
      if (this.hasEnded) this.gradientNorm = this.#run.gradientNorm
    } catch (thrown) {
      this.#ended = 'error'
      this.error = getMessage(thrown)
    }
  }

  #keep(): void {
    const { params, value } = this.#run
    const at = this.made
    if (at === this.values.length) {
      this.points = doubled(this.points)
      this.values = doubled(this.values)
    }
    this.points[2 * at] = params[0]
    this.points[2 * at + 1] = params[1]
    this.values[at] = value
    if (this.#reached === null && this.distanceAt(at) <= this.#distance) this.#reached = at
  }

  /** Lowest value of all points. */
  get lowest(): number {
    let lowest = Infinity
    for (let i = 0; i <= this.made; i++) if (this.values[i] < lowest) lowest = this.values[i]
    return lowest
  }

  /** Whether the run has diverged. */
  get isEndless(): boolean {
    return this.#ended === 'diverged'
  }

  get hasEnded(): boolean {
    return this.#ended !== null
  }

  /** Timeline position of the last update. */
  get reach(): number {
    return this.timeOf(this.made)
  }

  /** Timeline position of an update. */
  timeOf(iteration: number): number {
    return this.#asked?.[iteration] ?? iteration
  }

  /** Number of updates up to a timeline position. */
  iterationsAt(time: number): number {
    if (!this.#asked) return Math.min(time, this.made)
    let at = Math.min(time, this.made)
    while (at > 0 && this.#asked[at] > time) at--
    return at
  }

  /** Number of updates up to the displayed position. */
  get iterations(): number {
    return this.iterationsAt(this.time)
  }

  /** Why the run ended; null if it has not ended at the displayed position. */
  get reason(): MinimizeReason | 'error' | null {
    return this.time >= this.reach ? this.#ended : null
  }

  /** Timeline position at which the racer arrived; null if it has not arrived at the displayed position. */
  get arrivedAt(): number | null {
    const at = this.#reached === null ? Infinity : this.timeOf(this.#reached)
    return at <= this.time ? at : null
  }

  pointAt(iteration: number): Point {
    return [this.points[2 * iteration], this.points[2 * iteration + 1]]
  }

  /** Distance to the nearest minimum; NaN if no minimum is known. */
  distanceAt(iteration: number): number {
    const [x, y] = this.pointAt(iteration)
    let least = Infinity
    for (const [mx, my] of this.#landscape.minima) least = Math.min(least, Math.hypot(x - mx, y - my))
    return this.#landscape.minima.length === 0 ? NaN : least
  }
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length)
  larger.set(array)
  return larger
}

export class Race {
  readonly racers: readonly Racer[]
  /** Displayed position on the timeline. */
  time = 0
  /** Timeline position up to which all racers that are still running have been computed. */
  made = 0

  readonly state: RaceState
  readonly landscape: ObjectiveView
  #lowest: number | null | undefined

  constructor(state: RaceState, landscape: ObjectiveView) {
    this.state = state
    this.landscape = landscape
    this.racers = state.entries.map((entry) => new Racer(entry, landscape, state))
  }

  get isMade(): boolean {
    return this.racers.every(({ hasEnded }) => hasEnded)
  }

  get isOver(): boolean {
    return this.isMade && this.time >= this.made
  }

  /** Lowest value of all racers; null while racers are running, or if a racer has diverged. */
  get lowest(): number | null {
    if (this.#lowest === undefined && this.isMade) {
      const lowest = Math.min(...this.racers.map(({ lowest }) => lowest))
      this.#lowest = this.racers.every(({ isEndless }) => !isEndless) && lowest < Infinity ? lowest : null
    }
    return this.#lowest ?? null
  }

  /** Computes the race up to a timeline position, but stops after the given milliseconds. */
  make(until: number, milliseconds: number): void {
    const end = performance.now() + milliseconds
    while (this.made < until && !this.isMade) {
      this.made++
      for (const racer of this.racers) {
        while (racer.reach < this.made && !racer.hasEnded) racer.step()
      }
      if (this.made % 8 === 0 && performance.now() > end) return
    }
  }

  /** Displays a timeline position, at most the last computed one. */
  seek(time: number): void {
    this.time = Math.max(0, Math.min(time, this.made))
    for (const racer of this.racers) racer.time = this.time
  }

  /** Advances the displayed position by up to `count` updates, as far as they can be computed in the given time. */
  advance(count: number, milliseconds: number): void {
    this.make(this.time + count, milliseconds)
    this.seek(this.time + count)
  }

  /** Racers that arrived, in order of arrival, followed by the others in order of distance, or of value. */
  ranking(): Racer[] {
    const isKnown = this.landscape.minima.length > 0
    const measure = (racer: Racer) => {
      const now = isKnown ? racer.distanceAt(racer.iterations) : racer.values[racer.iterations]
      return Number.isNaN(now) ? Infinity : now
    }
    return [...this.racers].sort((a, b) => {
      if (a.arrivedAt !== b.arrivedAt) return (a.arrivedAt ?? Infinity) - (b.arrivedAt ?? Infinity)
      const [first, second] = [measure(a), measure(b)]
      return first === second ? 0 : first - second
    })
  }

  /** All points of all racers as CSV. The values can be read back bit for bit. */
  toCsv(): string {
    this.make(Infinity, Infinity)
    const lines = this.racers.flatMap((racer, number) =>
      Array.from({ length: racer.made + 1 }, (_, i) => {
        const [x, y] = racer.pointAt(i)
        return `${number + 1},${racer.name},${i},${x},${y},${racer.values[i]}`
      }),
    )
    return `number,optimizer,iteration,x,y,value\n${lines.join('\n')}\n`
  }
}
