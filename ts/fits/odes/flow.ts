/**
 * The right-hand side of a system of differential equations with forward sensitivities (variational equations).
 *
 * The vector z of the explicit method contains the n states y, followed by one block of n sensitivities per direction.
 * A direction is a parameter, and its block S solves S' = J·S + ∂f/∂parameter with the Jacobian J = ∂f/∂y.
 */

import { zeros } from '../models/linear-least-squares.js'
import type { Jet } from './jet.js'

/** A piecewise input: the values at ascending times. */
export interface InputTable {
  readonly times: readonly number[]
  readonly values: readonly number[]
  /** Whether the input is linear between the times, instead of constant from each time on. */
  readonly isLinear: boolean
}

export class Flow {
  /** Number of states, and number of directions. */
  readonly n: number
  readonly m: number
  /** Constant rates of infusions, and their derivatives, in the layout of z. */
  readonly force: Float64Array
  /** Number of evaluations of the right-hand side. */
  evaluations = 0
  readonly #values: Jet
  readonly #jet: Jet
  readonly #x: Float64Array
  readonly #inputs: readonly InputTable[]
  /** Index of the current piece of each input. */
  readonly #pieces: number[]
  readonly #firstInput: number

  /**
   * @param values the rates without derivatives, as functions of the time, the states, the parameters and the inputs
   * @param jet the rates with derivatives with respect to the states and the directions
   */
  constructor(
    [values, jet]: readonly [Jet, Jet],
    [n, m]: readonly [number, number],
    parameters: ArrayLike<number>,
    inputs: readonly InputTable[],
  ) {
    this.n = n
    this.m = m
    this.force = zeros(n * (1 + m))
    this.#values = values
    this.#jet = jet
    this.#inputs = inputs
    this.#pieces = inputs.map(() => -1)
    this.#firstInput = 1 + n + parameters.length
    this.#x = zeros(this.#firstInput + inputs.length)
    this.#x.set(parameters, 1 + n)
  }

  /** The parameters and the inputs of the last evaluation. */
  get numbers(): Float64Array {
    return this.#x.subarray(1 + this.n)
  }

  /** Selects the pieces of the inputs that begin at or before a time. */
  select(time: number): void {
    for (const [k, { times }] of this.#inputs.entries()) {
      let piece = -1
      while (piece + 1 < times.length && times[piece + 1] <= time) piece++
      this.#pieces[k] = piece
    }
  }

  #place(t: number, y: Float64Array): Float64Array {
    const x = this.#x
    x[0] = t
    const { n } = this
    const inputs = this.#inputs
    for (let i = 0; i < n; i++) x[1 + i] = y[i]
    for (let k = 0; k < inputs.length; k++) {
      const { times, values, isLinear } = inputs[k]
      const piece = this.#pieces[k]
      const at = Math.max(piece, 0)
      let value = values[at]
      if (isLinear && piece >= 0 && piece + 1 < times.length)
        value += ((values[at + 1] - value) / (times[at + 1] - times[at])) * (t - times[at])
      x[this.#firstInput + k] = value
    }
    this.evaluations++
    return x
  }

  /** Writes the rates of the states to `out`. */
  rates(t: number, y: Float64Array, out: Float64Array): void {
    const { n, force } = this
    const { numbers, valueAt } = this.#values
    this.#values.run(this.#place(t, y))
    for (let i = 0; i < n; i++) out[i] = numbers[valueAt[i]] + force[i]
  }

  /** Writes the rates of the states and of their sensitivities to `out`. */
  all(t: number, z: Float64Array, out: Float64Array): void {
    const { n, m, force } = this
    if (m === 0) {
      this.rates(t, z, out)
      return
    }
    const { rows, columns, numbers, valueAt, slopeAt } = this.#jet
    this.#jet.run(this.#place(t, z))
    out.set(force)
    for (let i = 0; i < n; i++) out[i] += numbers[valueAt[i]]
    const { length } = z
    const count = slopeAt.length
    for (let entry = 0; entry < count; entry++) {
      const a = numbers[slopeAt[entry]]
      const row = rows[entry]
      const i = columns[entry]
      if (i >= n) {
        out[n * (1 + i - n) + row] += a
        continue
      }
      // Up to three derivatives of a row by states share one loop, in the order of the derivatives.
      const following = countStates(row, entry, rows, columns, n)
      if (following === 0) {
        for (let at = n; at < length; at += n) out[at + row] += a * z[at + i]
        continue
      }
      const b = numbers[slopeAt[entry + 1]]
      const j = columns[entry + 1]
      entry += following
      if (following === 1) {
        for (let at = n; at < length; at += n) out[at + row] = out[at + row] + a * z[at + i] + b * z[at + j]
        continue
      }
      const c = numbers[slopeAt[entry]]
      const k = columns[entry]
      for (let at = n; at < length; at += n)
        out[at + row] = out[at + row] + a * z[at + i] + b * z[at + j] + c * z[at + k]
    }
  }

  /**
   * Writes the Jacobian, row by row, and the derivatives with respect to the directions, one block of n numbers per
   * direction.
   */
  linearize(t: number, y: Float64Array, jacobian: Float64Array, byDirection: Float64Array): void {
    const { n, m } = this
    const { rows, columns, numbers, slopeAt } = this.#jet
    this.#jet.run(this.#place(t, y))
    jacobian.fill(0)
    for (let k = 0; k < n * m; k++) byDirection[k] = this.force[n + k]
    for (let entry = 0; entry < slopeAt.length; entry++) {
      const slope = numbers[slopeAt[entry]]
      const row = rows[entry]
      const column = columns[entry]
      if (column < n) jacobian[row * n + column] = slope
      else byDirection[(column - n) * n + row] += slope
    }
  }
}

/** Counts derivatives of a row by states that follow an entry, up to two. */
function countStates(row: number, entry: number, rows: Int32Array, columns: Int32Array, n: number): number {
  let count = 0
  while (count < 2 && rows[entry + count + 1] === row && columns[entry + count + 1] < n) count++
  return count
}
