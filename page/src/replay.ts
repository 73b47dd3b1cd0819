/** Replays a racer's updates, to show the rule's state and the gradient that the rule received. */

import { Optimizer, type Point, type View } from 'antigrad'
import type { Pull } from './map/arrows.js'
import { makeClip, type Race, type Racer } from './race.js'
import { build, CUSTOM, isMethod, type RuleEntry } from './rules.js'

/** Maximum number of updates that are replayed at once. More would make the page slow. */
const MAX_REPLAYED_UPDATES = 40_000

/** A rule's state by name: two values per state array, or fewer for state per tensor. */
export type RuleState = Readonly<Record<string, readonly number[]>>

/** The update that follows a point. */
export interface ReplayedUpdate {
  readonly before: RuleState
  readonly after: RuleState
  /** The gradient that the rule receives, including noise and clipping. */
  readonly gradient: Point
  readonly theta: Point
  readonly next: Point
  /** Scalars per tensor of a custom rule. */
  readonly scalars: Readonly<Record<'before' | 'after', Readonly<Record<string, number>>>>
}

/** The replay of one racer. While the race plays, each update is computed once. */
export class Replay {
  readonly #racer: Racer
  readonly #race: Race
  #optimizer: Optimizer<Float64Array> | null = null
  /** Number of updates that the optimizer has made. */
  #made = 0
  #last: { readonly iterations: number; readonly update: ReplayedUpdate } | null = null

  constructor(racer: Racer, race: Race) {
    this.#racer = racer
    this.#race = race
  }

  /** The update after the displayed one; null if there is no such update, or if it is too late in the race. */
  update(): ReplayedUpdate | null {
    const { entry, iterations, made } = this.#racer
    if (isMethod(entry.rule) || iterations >= made) return null
    if (this.#last?.iterations === iterations) return this.#last.update
    if (!this.#optimizer || iterations < this.#made) {
      const { state } = this.#race
      this.#made = 0
      const start = Float64Array.from(state.start)
      if (state.bounds) project(start, state.bounds)
      this.#optimizer = new Optimizer(start, build(entry).rule as never, {
        clip: makeClip(entry, state.noise),
      })
    }
    if (iterations - this.#made > MAX_REPLAYED_UPDATES) return null
    const optimizer = this.#optimizer
    while (this.#made < iterations) this.#step(optimizer)
    const [before, scalarsBefore] = [readState(optimizer), readScalars(optimizer, entry)]
    const gradient = this.#step(optimizer)
    const scalars = { before: scalarsBefore, after: readScalars(optimizer, entry) }
    const [theta, next] = [this.#racer.pointAt(iterations), this.#racer.pointAt(iterations + 1)]
    const update = { before, after: readState(optimizer), gradient, theta, next, scalars }
    this.#last = { iterations, update }
    return update
  }

  #step(optimizer: Optimizer<Float64Array>): Point {
    const at = optimizer.gradientPoint()
    const { bounds } = this.#race.state
    const inside = bounds ? project(Float64Array.from(at), bounds) : at
    this.#race.landscape.objective.gradient(inside, optimizer.grads)
    const gradient: Point = [optimizer.grads[0], optimizer.grads[1]]
    optimizer.step()
    if (bounds) project(optimizer.params, bounds)
    this.#made++
    return gradient
  }
}

/** Moves a point to the closest point within the bounds, as `minimize` does. */
function project(point: Float64Array, [x0, x1, y0, y1]: View): Float64Array {
  point[0] = Math.min(x1, Math.max(x0, point[0]))
  point[1] = Math.min(y1, Math.max(y0, point[1]))
  return point
}

/** The saved scalars of a tensor: its update counter and scalars per tensor. */
function readScalars(optimizer: Optimizer<Float64Array>, { rule }: RuleEntry): Record<string, number> {
  if (rule !== CUSTOM) return {}
  const { clock, byTensor } = optimizer.save().tensors[''] as unknown as Record<
    string,
    Record<string, number>
  >
  return { ...byTensor, ...clock }
}

function readState({ state }: Optimizer<Float64Array>): RuleState {
  const { updates: _, ...arrays } = state as unknown as Record<string, Float64Array>
  return Object.fromEntries(
    Object.entries(arrays).flatMap(([name, array]) =>
      typeof array === 'object' && array !== null && 'length' in array ? [[name, [...array]]] : [],
    ),
  )
}

/** Names of state arrays that hold a mean of gradients or steps, which is the rule's velocity. */
const carriers = ['b', 'm', 'v'] as const

/** The gradient and the velocity at a racer's displayed point. */
export function computePull(racer: Racer, { landscape }: Race, update: ReplayedUpdate | null): Pull | null {
  const at = racer.pointAt(racer.iterations)
  if (!at.every(Number.isFinite)) return null
  const out = [0, 0]
  landscape.objective.gradient(at, out)
  const gradient: Point = [out[0], out[1]]
  const name = carriers.find((carrier) => update?.before[carrier]?.length === 2)
  // Only momentum and nesterov store a velocity as v. In other rules v is a mean of squares.
  const isStep = name === 'v' && ['momentum', 'nesterov'].includes(racer.entry.rule)
  if (!update || !name || (name === 'v' && !isStep)) return { gradient, velocity: null }
  const [x, y] = update.before[name]
  return { gradient, velocity: isStep ? [x, y] : [-x, -y] }
}
