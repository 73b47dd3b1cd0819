import { TensorError } from '../core/errors.js'
import { isObject } from '../core/untrusted-input.js'

/**
 * A function to minimize: the value F(x), and its gradient. The gradient fills `out`, an array as long as x, and
 * returns nothing. (A return type of `void` alone would allow returning the array.) The functions must not keep or
 * change x, because x is the optimizer's memory.
 */
export interface Objective {
  value(x: ArrayLike<number>): number
  gradient?(x: ArrayLike<number>, out: { [i: number]: number }): void | undefined
}

/**
 * Key of a function that returns the value, and writes the gradient and, if requested, the second derivatives. The
 * results equal the results of separate calls. Methods that need several results call this function of an
 * expression.
 */
export const valueAndGradient = Symbol()

/** An objective that may also have second derivatives. */
export interface TwiceDifferentiable extends Objective {
  /**
   * Fills `out`, an array of length n·n, with the second derivatives by rows. The conditions for x and `out` are the
   * same as for `gradient`.
   */
  hessian?(x: ArrayLike<number>, out: { [i: number]: number }): void | undefined
}

/** An objective with known minima, and a view for plots in two dimensions. */
export interface TestObjective extends Required<Objective> {
  /** Key of the objective in `objectives`. */
  readonly name: string
  /** Global minima in n dimensions; empty if no minimum exists or is known. */
  minima(dimensions: number): readonly Float64Array[]
  /** A starting point whose path to the minimum is worth plotting. */
  readonly start: Point
  /** Range of a plot: x from the first to the second number, and y from the third to the fourth number. */
  readonly view: View
}

export type Point = readonly [x: number, y: number]
export type View = readonly [x0: number, x1: number, y0: number, y1: number]

/** An objective that is defined only in two dimensions. */
interface Planar {
  readonly name: string
  readonly value: (x: number, y: number) => number
  readonly gradient: (x: number, y: number) => Point
  readonly minima: readonly Point[]
  readonly start: Point
  readonly view: View
}

/** @throws TensorError (when called) if x does not have two elements */
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
