/** Starting points of the local parameters of one group, for fits at given shared parameters. */

import type { Slices } from '../../core/slices.js'
import type { GuessArguments } from '../models/model.js'
import { leaveOut } from '../models/start-search.js'
import type { GroupBatch } from './group-batch.js'
import { selectGroupRows, toInternalColumn } from './group-columns.js'
import type { ParsedBatch } from './read.js'

/** Maximum and minimum number of groups whose local parameters other groups use as starting points. */
const MAX_NEIGHBORS = 24
const MIN_NEIGHBORS = 4
/** Maximum number of starting points that all groups together take from other groups. */
const MAX_STARTS = 4096

/** Internal values of the local parameters: one column per parameter, with one number per starting point. */
export type LocalColumns = readonly ArrayLike<number>[]

export class LocalStarts {
  readonly #batch: GroupBatch
  readonly #parsed: ParsedBatch
  /** Guesses for steps of y at each x, by the x of the group. */
  readonly #steps = new Map<string, LocalColumns>()

  constructor(batch: GroupBatch, parsed: ParsedBatch) {
    this.#batch = batch
    this.#parsed = parsed
  }

  /** Groups of the batch whose local parameters other groups use as starting points. */
  neighbors(): number[] {
    const { active } = this.#batch
    const count = Math.min(Math.max(Math.floor(MAX_STARTS / active), MIN_NEIGHBORS), MAX_NEIGHBORS, active)
    return Array.from({ length: count }, (_, k) => Math.floor(((k + 0.5) * active) / count))
  }

  /** Starting points of a group from its data. */
  *fromData(at: number): Slices<LocalColumns[]> {
    const { guess, search } = this.#parsed
    const data = this.#dataOf(at)
    if (guess === undefined || data === null) return []
    const list = yield* (search?.starts ?? leaveOut(guess))(...data)
    const [x, y, ...others] = data
    const key = Array.from(x).join()
    let steps = this.#steps.get(key)
    if (steps === undefined && others.length === 0) {
      const made = [...(search?.constantStarts?.(x) ?? [])]
      for (const step of stepsOf(x as Float64Array, y as Float64Array)) made.push(yield* guess(x, step))
      steps = this.#toColumns(made)
      this.#steps.set(key, steps)
    }
    return steps === undefined ? [this.#toColumns(list)] : [this.#toColumns(list), steps]
  }

  /** The columns of a group for the model's guess, or null if the data lack a column. */
  #dataOf(at: number): GuessArguments | null {
    const { outputs, groups, problem } = this.#batch
    const { x, extraColumns } = this.#parsed
    const names = [x, problem.y, ...extraColumns]
    if (!names.every((name) => outputs[0].columns.has(name))) return null
    const [xs, ys, ...others] = names.map((name) => selectGroupRows(outputs[0], name, groups[at]))
    return [xs, ys, ...others]
  }

  #toColumns(list: readonly Readonly<Record<string, number>>[]): LocalColumns {
    const { free, local } = this.#batch
    return free.slice(0, local).map((parameter) =>
      toInternalColumn(
        parameter,
        Float64Array.from(list, (start) => start[parameter.name]),
      ),
    )
  }
}

/** Columns y that rise or fall between two neighboring x, or halfway at one x. */
function* stepsOf(x: Float64Array, y: Float64Array): Iterable<Float64Array> {
  const low = y.reduce((least, value) => Math.min(least, value))
  const high = y.reduce((most, value) => Math.max(most, value))
  for (const at of new Set(x.slice().sort())) {
    for (const [before, after] of [
      [low, high],
      [high, low],
    ]) {
      yield x.map((x) => (x < at ? before : after))
      yield x.map((x) => (x < at ? before : x > at ? after : (low + high) / 2))
    }
  }
}
