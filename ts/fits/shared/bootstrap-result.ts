/** What the bootstrap says of fits with shared parameters. */

import { checkIndex } from '../../core/errors.js'
import {
  type Bootstrap,
  type BootstrapGroups,
  type BootstrapMethod,
  countReplicates,
} from '../uncertainty/bootstrap-result.js'
import type { SharedParameterValues } from './parameter-values.js'

/** The bootstrap of a fit with shared parameters: in each refit all groups are drawn, and fitted together. */
export class SharedBootstrap {
  /** How many refits were made: 0 where there can be none, and `message` says why. */
  readonly count: number
  /** How many of these have not converged. They are in nothing else that is said here. */
  readonly failed: number
  /** Why refits have ended: indices into `fitReasons`. */
  readonly reason: Uint8Array
  /** How many groups there are. */
  readonly length: number
  readonly #groups: BootstrapGroups<SharedParameterValues>

  /** @internal */
  constructor(reason: Uint8Array, groups: BootstrapGroups<SharedParameterValues>) {
    const counted = countReplicates(reason)
    this.count = counted.count
    this.failed = counted.failed
    this.reason = counted.reason
    this.length = groups.length
    this.#groups = groups
  }

  /** Standard errors: the standard deviations of the refits. */
  get errors(): SharedParameterValues {
    return this.#groups.gather(({ errors }) => errors)
  }

  /** By what the mean of the refits is off from the fit. */
  get bias(): SharedParameterValues {
    return this.#groups.gather(({ bias }) => bias)
  }

  /** What has to be known of its numbers, in words; empty if there is nothing. */
  get message(): string {
    return this.#groups.at(0).message
  }

  /** Intervals as those of one fit: lower and upper ends. */
  intervals(
    level = 0.95,
    method: BootstrapMethod = 'bca',
  ): { readonly low: SharedParameterValues; readonly high: SharedParameterValues } {
    return this.#groups.intervals(level, method)
  }

  /**
   * That of a group, by its place in `groups`: its own parameters and shared ones, by refit, and bands; of a model with
   * several values, those of the first.
   */
  at(group: number): Bootstrap {
    checkIndex('group', group, this.length)
    return this.#groups.at(group)
  }
}
