/** Bootstrap results of fits with shared parameters. */

import { checkIndex } from '../../core/errors.js'
import { mapRecord } from '../../core/untrusted-input.js'
import { type Bootstrap, type BootstrapMethod, countReplicates } from '../uncertainty/bootstrap-result.js'
import type { SharedParameterValues } from './parameter-values.js'

/** Bootstrap of a fit with shared parameters. Each replicate resamples all groups and fits them together. */
export class SharedBootstrap {
  // The field types are declared separately, because Object.assign sets the fields.
  /** Count of replicates. The count is 0 if the bootstrap is impossible; `message` explains the reason. */
  declare readonly count: number
  /** Count of replicates that did not converge. All other results exclude the failed replicates. */
  declare readonly failed: number
  /** End reason of each replicate: an index into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** Count of groups. */
  readonly length: number
  readonly #groupAt: (group: number) => Bootstrap
  readonly #values: (compute: (group: number) => Readonly<Record<string, number>>) => SharedParameterValues

  /**
   * @internal
   * @param at returns the bootstrap of a group
   * @param gather collects per-group values into the shape of {@link SharedParameterValues}
   */
  constructor(
    reason: Uint8Array,
    length: number,
    at: (group: number) => Bootstrap,
    gather: (read: (group: number) => Readonly<Record<string, number>>) => SharedParameterValues,
  ) {
    Object.assign(this, countReplicates(reason))
    this.length = length
    this.#groupAt = at
    this.#values = gather
  }

  /** Standard errors: the standard deviations of the replicates. */
  get errors(): SharedParameterValues {
    return this.#values((group) => this.#groupAt(group).errors)
  }

  /** Mean of the replicates minus the fit. */
  get bias(): SharedParameterValues {
    return this.#values((group) => this.#groupAt(group).bias)
  }

  /** Notes on the bootstrap's results, as text; empty without notes. */
  get message(): string {
    return this.#groupAt(0).message
  }

  /** Confidence intervals of all parameters, computed as for a single fit: lower and upper endpoints. */
  intervals(
    level = 0.95,
    method: BootstrapMethod = 'bca',
  ): { readonly low: SharedParameterValues; readonly high: SharedParameterValues } {
    const ends = Array.from({ length: this.length }, (_, group) =>
      this.#groupAt(group).intervals(level, method),
    )
    const side = (end: 0 | 1) => this.#values((group) => mapRecord(ends[group], (values) => values[end]))
    return { low: side(0), high: side(1) }
  }

  /**
   * Bootstrap of one group: replicates of its local and shared parameters, and bands. If the model has several outputs,
   * the bands describe the first output.
   *
   * @param group index into `groups`
   */
  at(group: number): Bootstrap {
    checkIndex('group', group, this.length)
    return this.#groupAt(group)
  }
}
