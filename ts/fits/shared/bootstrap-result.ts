/** What the bootstrap says of fits with shared parameters. */

import { checkIndex } from '../../core/errors.js'
import { mapRecord } from '../../core/untrusted-input.js'
import { type Bootstrap, type BootstrapMethod, countReplicates } from '../uncertainty/bootstrap-result.js'
import type { SharedParameterValues } from './parameter-values.js'

/** The bootstrap of a fit with shared parameters: in each refit all groups are drawn, and fitted together. */
export class SharedBootstrap {
  // Declared alone: what is assigned has them all.
  /** How many refits were made: 0 where there can be none, and `message` says why. */
  declare readonly count: number
  /** How many of these have not converged. They are in nothing else that is said here. */
  declare readonly failed: number
  /** Why refits have ended: indices into `fitReasons`. */
  declare readonly reason: Uint8Array
  /** How many groups there are. */
  readonly length: number
  readonly #groupAt: (group: number) => Bootstrap
  readonly #values: (compute: (group: number) => Readonly<Record<string, number>>) => SharedParameterValues

  /**
   * @internal
   * @param at that of a group
   * @param gather what groups say of their parameters, in the places of these
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

  /** Standard errors: the standard deviations of the refits. */
  get errors(): SharedParameterValues {
    return this.#values((group) => this.#groupAt(group).errors)
  }

  /** By what the mean of the refits is off from the fit. */
  get bias(): SharedParameterValues {
    return this.#values((group) => this.#groupAt(group).bias)
  }

  /** What has to be known of its numbers, in words; empty if there is nothing. */
  get message(): string {
    return this.#groupAt(0).message
  }

  /** Intervals as those of one fit: lower and upper ends. */
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
   * That of a group, by its place in `groups`: its own parameters and shared ones, by refit, and bands; of a model with
   * several values, those of the first.
   */
  at(group: number): Bootstrap {
    checkIndex('group', group, this.length)
    return this.#groupAt(group)
  }
}
