/** The race: each racer is the library's own `Minimization`, and keeps every point that it has visited. */

import { Minimization, type MinimizeReason, type Point } from 'antigrad'
import { messageOf } from '../../dist/ground/errors.js'
import type { Landscape } from './functions.js'
import { build, type Entry, nameOf } from './rules.js'
import type { State } from './state.js'

export class Racer {
  readonly name: string
  /** x and y of the start and of every point after it; exactly what the library computed. */
  points = new Float64Array(256)
  /** The objective there. */
  values = new Float64Array(128)
  iterations = 0
  /** The first update after which it was within the distance; null while it never was. */
  arrivedAt: number | null = null
  /** Why it has stopped; null while it has not. */
  reason: MinimizeReason | 'error' | null = null
  error = ''
  /** The largest component of the gradient where it last was. */
  gradientNorm = NaN
  readonly engine: string
  readonly #run: Minimization
  readonly #landscape: Landscape
  readonly #distance: number

  constructor(entry: Entry, landscape: Landscape, { start, tolerance, maxIterations, distance }: State) {
    const { rule, clip } = build(entry)
    this.name = nameOf(entry)
    this.#landscape = landscape
    this.#distance = distance
    this.#run = new Minimization(landscape.objective, [...start], rule, { tolerance, maxIterations, clip })
    this.engine = this.#run.engine
    this.#keep()
  }

  step(): void {
    if (this.reason !== null) return
    try {
      this.#run.step()
      this.iterations = this.#run.iterations
      this.#keep()
      this.reason = this.#run.reason
      if (this.reason !== null) this.gradientNorm = this.#run.gradientNorm
    } catch (thrown) {
      this.reason = 'error'
      this.error = messageOf(thrown)
    }
  }

  #keep(): void {
    const { params, value } = this.#run
    const at = this.iterations
    if (at === this.values.length) {
      this.points = doubled(this.points)
      this.values = doubled(this.values)
    }
    this.points[2 * at] = params[0]
    this.points[2 * at + 1] = params[1]
    this.values[at] = value
    if (this.arrivedAt === null && this.distanceAt(at) <= this.#distance) this.arrivedAt = at
  }

  pointAt(iteration: number): Point {
    return [this.points[2 * iteration], this.points[2 * iteration + 1]]
  }

  /** From the nearest minimum; NaN where none is known. */
  distanceAt(iteration: number): number {
    const [x, y] = this.pointAt(iteration)
    const { minima } = this.#landscape
    if (minima.length === 0) return NaN
    return Math.min(...minima.map(([mx, my]) => Math.hypot(x - mx, y - my)))
  }
}

function doubled(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length)
  larger.set(array)
  return larger
}

export class Race {
  readonly racers: readonly Racer[]
  /** How far the whole field has come: those that have stopped aside, all have made as many updates. */
  iterations = 0

  readonly state: State
  readonly landscape: Landscape

  constructor(state: State, landscape: Landscape) {
    this.state = state
    this.landscape = landscape
    this.racers = state.entries.map((entry) => new Racer(entry, landscape, state))
  }

  get isOver(): boolean {
    return this.racers.every(({ reason }) => reason !== null)
  }

  /** Up to `count` updates of each, as many as fit into the time. */
  advance(count: number, milliseconds: number): void {
    const end = performance.now() + milliseconds
    for (let i = 0; i < count && !this.isOver; i++) {
      for (const racer of this.racers) racer.step()
      this.iterations++
      if (i % 8 === 7 && performance.now() > end) return
    }
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

  /** Every point of every racer, in numbers that read back as the same bits. */
  toCsv(): string {
    const lines = this.racers.flatMap((racer, number) =>
      Array.from({ length: racer.iterations + 1 }, (_, i) => {
        const [x, y] = racer.pointAt(i)
        return `${number + 1},${racer.name},${i},${x},${y},${racer.values[i]}`
      }),
    )
    return `number,optimizer,iteration,x,y,value\n${lines.join('\n')}\n`
  }
}
