/** Fits the groups of a batch by one call of `fitMany`. */

import { OptionError } from '../../core/errors.js'
import { mapRecord } from '../../core/untrusted-input.js'
import type { Expression } from '../../expressions/expression.js'
import { createFits, fitMany } from '../fit/fit-many.js'
import type { FitManyResult } from '../fit/result.js'
import type { FitData } from '../problem/options.js'
import type { StreamFailure } from './batch-source.js'
import type { CompleteGroups } from './group-buffer.js'
import { inGroup } from './group-reader.js'
import type { StreamValues } from './options.js'

/** The fits of a batch, up to the first group with invalid data. */
export interface BatchFits {
  /** Undefined if no group is fitted. */
  readonly fits: FitManyResult | undefined
  readonly failure: StreamFailure | undefined
}

export class BatchFitter {
  readonly #options: StreamValues
  readonly #signal: AbortSignal
  #y: string | undefined
  /** The option that names a column of σ or weights, and the column. */
  #weight: { readonly option: 'sigma' | 'weights'; readonly column: string } | undefined

  /** @param signal aborts the calls of `fitMany` */
  constructor(options: StreamValues, signal: AbortSignal) {
    this.#options = options
    this.#signal = signal
  }

  /**
   * Selects the columns that the fits use, from the columns of the first group.
   *
   * @throws OptionError if the options do not suit the columns
   */
  select(columns: Readonly<Record<string, unknown>>): readonly string[] {
    for (const option of ['sigma', 'weights'] as const) {
      const column = this.#options[option]
      if (column !== undefined && Object.hasOwn(columns, column)) this.#weight = { option, column }
    }
    const fits = this.#create(columns)
    const context = fits.done()
    const { y } = context.problem
    this.#y = y.startsWith('@') ? undefined : y
    const used = [...context.data.keys()].filter((name) => !name.startsWith('@'))
    const names = [...new Set([...used, ...(this.#weight ? [this.#weight.column] : [])])]
    if (names.length === 0) throw new OptionError('data', 'at least one column', 'none')
    return names
  }

  async fit(batch: CompleteGroups): Promise<BatchFits> {
    try {
      return { fits: await this.#fitMany(batch), failure: undefined }
    } catch (thrown) {
      if (!(thrown instanceof OptionError)) throw thrown
      return this.#fitValid(batch, thrown)
    }
  }

  /** Fits the groups before the first group with invalid data, such as σ ≤ 0. */
  async #fitValid(batch: CompleteGroups, thrown: unknown): Promise<BatchFits> {
    for (const [k, label] of batch.labels.entries()) {
      try {
        this.#create(batch.group(k)).done()
      } catch (error) {
        return {
          fits: await this.#fitMany(batch.before(k)),
          failure: { error: inGroup(label, error), isOfSource: false },
        }
      }
    }
    return { fits: undefined, failure: { error: thrown, isOfSource: false } }
  }

  async #fitMany(batch: CompleteGroups): Promise<FitManyResult | undefined> {
    if (batch.labels.length === 0) return undefined
    const data = batch.data() as unknown as FitData
    const weight = this.#weight && { [this.#weight.column]: batch.copy(this.#weight.column) }
    return fitMany(this.#options.model as Expression, data, this.#optionsFor(weight ?? {}))
  }

  /** The fit of one group, for validation. */
  #create(columns: Readonly<Record<string, unknown>>) {
    // An array without rows is refused as a column of all fits, but not as the column of one fit.
    const isEmpty = Object.values(columns).some((column) => (column as ArrayLike<unknown>).length === 0)
    const data = isEmpty ? mapRecord(columns, (column) => [column]) : columns
    return createFits(this.#options.model as Expression, data as FitData, this.#optionsFor(data))
  }

  #optionsFor(columns: Readonly<Record<string, unknown>>): object {
    const { model, group, ...options } = this.#options
    const weight = this.#weight && { [this.#weight.option]: columns[this.#weight.column] }
    return { ...options, y: this.#y ?? options.y, signal: this.#signal, ...weight }
  }
}
