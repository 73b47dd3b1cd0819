/** Bootstrap results of fits with shared parameters. */

import { checkIndex } from '../../core/errors.js'
import { mapRecord } from '../../core/untrusted-input.js'
import type { SharedParameterValues } from '../problem/shared-parameters.js'
import { type Bootstrap, type BootstrapMethod, countReplicates } from './bootstrap-result.js'

/** Bootstrap of a fit with shared parameters. Each replicate resamples all groups and fits all groups together. */
export class SharedBootstrap {
  // The field types are declared separately, because Object.assign sets the fields.
  /** Count of replicates. The count is 0 if the fit cannot be resampled, and `message` explains the reason. */
  declare readonly count: number
  /** Count of replicates that did not converge. All other results exclude the failed replicates. */
  declare readonly failed: number
  /** Reason why each replicate ended, as an index into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** Count of groups in the fit. */
  readonly length: number
  readonly #groupAt: (group: number) => Bootstrap
  readonly #values: (compute: (group: number) => Readonly<Record<string, number>>) => SharedParameterValues

  /**
   * @internal
   * @param at function that returns the bootstrap of a group
   * @param gather function that collects per-group values into the shape of {@link SharedParameterValues}
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

  /** Mean of the replicates minus the estimate of the fit. */
  get bias(): SharedParameterValues {
    return this.#values((group) => this.#groupAt(group).bias)
  }

  /** Warnings about the results of the bootstrap, as a string that is empty without warnings. */
  get message(): string {
    return this.#groupAt(0).message
  }

  /** Lower and upper endpoints of the confidence intervals of all parameters, computed as for a single fit. */
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
   * Bootstrap of one group: replicates of the local and shared parameters of the group, and bands. If the model has
   * several outputs, the bands describe the first output.
   *
   * @param group index of the group in `groups`
   */
  at(group: number): Bootstrap {
    checkIndex('group', group, this.length)
    return this.#groupAt(group)
  }
}
