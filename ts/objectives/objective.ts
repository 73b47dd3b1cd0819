import { TensorError } from '../core/errors.js'
import { isObject } from '../core/untrusted-input.js'

/**
 * Something to be minimized: F(x), and its gradient, which fills all of `out`, as long as x, and
 * returns nothing (`void` alone would let it return its array). Neither may keep or change x, which is
 * the optimizer's own memory.
 */
export interface Objective {
  value(x: ArrayLike<number>): number
  gradient?(x: ArrayLike<number>, out: { [i: number]: number }): void | undefined
}

/** An objective that may also have its second derivatives. */
export interface TwiceDifferentiable extends Objective {
  /** Fills `out` with all of them, row by row, as long as x times x; as `gradient` otherwise. */
  hessian?(x: ArrayLike<number>, out: { [i: number]: number }): void | undefined
}

/** An objective whose answer is known, and how to look at it in two dimensions. */
export interface TestObjective extends Required<Objective> {
  /** Its key in `objectives`. */
  readonly name: string
  /** Where the global minima are in n dimensions; none where there is none, or none is known. */
  minima(dimensions: number): readonly Float64Array[]
  /** A point from which the way down is worth seeing. */
  readonly start: Point
  /** What a picture should show: x from the first to the second number, y from the third to the fourth. */
  readonly view: View
}

export type Point = readonly [x: number, y: number]
export type View = readonly [x0: number, x1: number, y0: number, y1: number]

/** An objective in two dimensions and no others. */
interface Planar {
  readonly name: string
  readonly value: (x: number, y: number) => number
  readonly gradient: (x: number, y: number) => Point
  readonly minima: readonly Point[]
  readonly start: Point
  readonly view: View
}

/** @throws TensorError (when called) where x has not two elements */
export function planar({ name, value, gradient, minima, start, view }: Planar): TestObjective {
  const check = (x: ArrayLike<number>) => {
    if (x?.length === 2 && typeof x[0] === 'number' && typeof x[1] === 'number') return
    throw new TensorError(`${name}: x`, 'two numbers', x?.length >= 0 ? `a point of length ${x.length}` : x)
  }
  return {
    name,
    start,
    view,
    value(x) {
      check(x)
      return value(x[0], x[1])
    },
    gradient(x, out) {
      check(x)
      if (!isObject(out)) throw new TensorError(`${name}: out`, 'an array for the gradient', out)
      ;[out[0], out[1]] = gradient(x[0], x[1])
    },
    minima: (dimensions) => (dimensions === 2 ? minima.map((point) => Float64Array.from(point)) : []),
  }
}
