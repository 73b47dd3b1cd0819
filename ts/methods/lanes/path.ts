/** The straight ways of a line search in lanes, with the same bits as `box-path.ts`. */

import { MIN_SLOPE_RATIO, ROUNDING } from '../box-path.js'
import { INFINITY, type LaneBuilder } from './lines.js'
import type { LaneBox, LaneVectors } from './vectors.js'

/** A way from a point along a direction, as nodes. */
export interface LaneWay {
  readonly direction: readonly number[]
  /** The step at which each variable reaches its bound; empty without bounds. */
  readonly ends: readonly number[]
  /** The longest step. */
  readonly longest: number
}

/** A way that begins, as nodes. */
interface LaneStart extends LaneWay {
  /** Whether each variable is at a bound, and the direction before the bend pushes it out. */
  readonly pushed: readonly number[]
}

export class LanePath {
  readonly #b: LaneBuilder
  readonly #vectors: LaneVectors
  readonly #box: LaneBox | null

  constructor(b: LaneBuilder, vectors: LaneVectors, box: LaneBox | null) {
    this.#b = b
    this.#vectors = vectors
    this.#box = box
  }

  /** The way from x along a direction. With bounds, the way may be bent to the projection of its end. */
  from(x: readonly number[], direction: readonly number[], gradient: readonly number[]): LaneStart {
    const b = this.#b
    const box = this.#box
    if (box === null) return { direction, ends: [], longest: b.constant(INFINITY), pushed: [b.zero] }
    const { ends: reached, pushed } = this.#stepsToBounds(x, direction, box)
    const first = this.#least(reached)
    const isFree = b.operation('lessOrEqual', b.one, first)
    const v = this.#vectors
    const towards = x.map((xi, i) => b.subtract(v.clamp(b.add(xi, direction[i]), box.min[i], box.max[i]), xi))
    const slope = v.dot(gradient, direction)
    const isSteep = b.operation(
      'lessOrEqual',
      v.dot(gradient, towards),
      b.multiply(b.constant(MIN_SLOPE_RATIO), slope),
    )
    const factor = b.select(isFree, b.one, first)
    const bent = v.select(
      b.multiply(b.subtract(b.one, isFree), isSteep),
      towards,
      direction.map((d) => b.multiply(factor, d)),
    )
    const { ends } = this.#stepsToBounds(x, bent, box)
    return { direction: bent, ends, longest: b.operation('max', b.one, this.#least(ends)), pushed }
  }

  /** The point at step t. A variable that has reached its bound is exactly at the bound. */
  pointAt(x: readonly number[], { direction, ends }: LaneWay, t: number): number[] {
    const b = this.#b
    const box = this.#box
    return x.map((xi, i) => {
      const moved = b.add(xi, b.multiply(t, direction[i]))
      if (box === null) return moved
      const [min, max] = [box.min[i], box.max[i]]
      const isAtEnd = b.operation('lessOrEqual', ends[i], b.multiply(t, b.constant(ROUNDING)))
      const end = b.select(b.operation('less', direction[i], b.zero), min, max)
      return b.select(isAtEnd, end, this.#vectors.clamp(moved, min, max))
    })
  }

  #least(steps: readonly number[]): number {
    return steps.reduce((x, y) => this.#b.operation('min', x, y))
  }

  #stepsToBounds(x: readonly number[], direction: readonly number[], { min, max }: LaneBox) {
    const b = this.#b
    const ends: number[] = []
    const pushed = x.map((xi, i) => {
      const isDown = b.operation('less', direction[i], b.zero)
      const room = b.subtract(b.select(isDown, min[i], max[i]), xi)
      ends.push(b.select(direction[i], b.divide(room, direction[i]), b.constant(INFINITY)))
      return b.select(room, b.zero, b.add(isDown, b.operation('less', b.zero, direction[i])))
    })
    return { ends, pushed }
  }
}
