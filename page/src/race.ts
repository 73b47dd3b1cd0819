/**
 * The race: each racer is the library's own `Minimization`, and keeps every point that it has visited. It is made
 * ahead, and looked at along a line of time: the updates of a rule, and the gradients of a method, which may ask for
 * several in one update.
 */

import { Minimization, type MinimizeReason, noise, type Point } from 'antigrad'
import { getMessage } from '../../dist/core/errors.js'
import type { ObjectiveView } from './functions.js'
import { build, describeEntry, type RuleEntry } from './rules.js'
import type { RaceState } from './state.js'

/** How gradients are clipped for an entry, and the noise that all of a race have. */
export function makeClip(entry: RuleEntry, sigma: number) {
  const { clip } = build(entry)
  return sigma > 0 ? { ...clip, noise: noise({ eta: sigma * sigma, gamma: 0 }) } : clip
}

export class Racer {
  readonly name: string
  /** x and y of the start and of every point after it; exactly what the library computed. */
  points = new Float64Array(256)
  /** The objective there. */
  values = new Float64Array(128)
  /** How many updates are made. */
  made = 0
  /** Where on the line of time it is looked at. */
  time = 0
  error = ''
  /** The largest component of the gradient where it has stopped. */
  gradientNorm = NaN
  readonly engine: string
  readonly entry: RuleEntry
  /** How many gradients a method had asked for by each of its updates; null of a rule, which asks for one. */
  readonly #asked: number[] | null
  /** Why it has stopped; null while it has not. */
  #ended: MinimizeReason | 'error' | null = null
  /** The first update after which it was within the distance; null while it never was. */
  #reached: number | null = null
  readonly #run: Minimization
  readonly #landscape: ObjectiveView
  readonly #distance: number

  constructor(entry: RuleEntry, landscape: ObjectiveView, state: RaceState) {
    const { start, tolerance, maxIterations, distance, noise } = state
    const { rule } = build(entry)
    this.entry = entry
    this.name = describeEntry(entry)
    this.#landscape = landscape
    this.#distance = distance
    const isMethod = 'method' in rule
    const options = { tolerance, maxIterations, ...(!isMethod && { clip: makeClip(entry, noise) }) }
    this.#run = new Minimization(landscape.objective, [...start], rule as never, options)
    this.#asked = isMethod ? [0] : null
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

  /** The lowest value that was seen. */
  get lowest(): number {
    let lowest = Infinity
    for (let i = 0; i <= this.made; i++) if (this.values[i] < lowest) lowest = this.values[i]
    return lowest
  }

  /** Whether it has left for where numbers end. */
  get isEndless(): boolean {
    return this.#ended === 'diverged'
  }

  get hasEnded(): boolean {
    return this.#ended !== null
  }

  /** The time of its last update. */
  get reach(): number {
    return this.timeOf(this.made)
  }

  /** When an update was made. */
  timeOf(iteration: number): number {
    return this.#asked?.[iteration] ?? iteration
  }

  /** The updates made by a time. */
  iterationsAt(time: number): number {
    if (!this.#asked) return Math.min(time, this.made)
    let at = Math.min(time, this.made)
    while (at > 0 && this.#asked[at] > time) at--
    return at
  }

  /** The updates made by now. */
  get iterations(): number {
    return this.iterationsAt(this.time)
  }

  /** Why it has stopped by now. */
  get reason(): MinimizeReason | 'error' | null {
    return this.time >= this.reach ? this.#ended : null
  }

  /** When it has arrived, if that was by now. */
  get arrivedAt(): number | null {
    const at = this.#reached === null ? Infinity : this.timeOf(this.#reached)
    return at <= this.time ? at : null
  }

  pointAt(iteration: number): Point {
    return [this.points[2 * iteration], this.points[2 * iteration + 1]]
  }

  /** From the nearest minimum; NaN where none is known. */
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
  /** Where it is looked at. */
  time = 0
  /** How far it is made: those that have stopped aside, all have come there. */
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

  /** The lowest value of all, once all have ended and where none has gone down for ever. */
  get lowest(): number | null {
    if (this.#lowest === undefined && this.isMade) {
      const lowest = Math.min(...this.racers.map(({ lowest }) => lowest))
      this.#lowest = this.racers.every(({ isEndless }) => !isEndless) && lowest < Infinity ? lowest : null
    }
    return this.#lowest ?? null
  }

  /** Makes it up to a time, as much of that as fits into the milliseconds. */
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

  /** Looks at a time, or as far as it is made. */
  seek(time: number): void {
    this.time = Math.max(0, Math.min(time, this.made))
    for (const racer of this.racers) racer.time = this.time
  }

  /** Goes on by up to `count`, as far as fits into the time. */
  advance(count: number, milliseconds: number): void {
    this.make(this.time + count, milliseconds)
    this.seek(this.time + count)
  }

  /** Those that arrived, by when; then the rest, by how near (or how low) they are. */
  ranking(): Racer[] {
    const isKnown = this.landscape.minima.length > 0
    const measure = (racer: Racer) => {
      const now = isKnown ? racer.distanceAt(racer.iterations) : racer.values[racer.iterations]
      return Number.isNaN(now) ? Infinity : now
    }
    return this.racers.toSorted((a, b) => {
      if (a.arrivedAt !== b.arrivedAt) return (a.arrivedAt ?? Infinity) - (b.arrivedAt ?? Infinity)
      const [first, second] = [measure(a), measure(b)]
      return first === second ? 0 : first - second
    })
  }

  /** Every point of every racer, to its end, in numbers that read back as the same bits. */
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
