/** Coefficients of a rule for each update, as in the cohorts of an optimizer. */

import type { Dtype } from '../../core/numbers.js'
import { RuleInUse } from '../../rules/active-rule.js'
import type { CounterFields, CounterOf } from '../../rules/define.js'
import type { ResolvedRule } from '../../rules/resolve.js'

export class CoefficientRows {
  readonly use: RuleInUse
  readonly #limit: number
  readonly #dtype: Dtype
  #clock: CounterOf<CounterFields>
  #next: CounterOf<CounterFields>
  /** Coefficients of the last update, and the version of the rule's options for which the row was written. */
  #row = new Float64Array()
  #version = -1

  /** @param limit largest accepted absolute value of a gradient element */
  constructor(resolved: ResolvedRule, limit: number, dtype: Dtype) {
    this.use = new RuleInUse(resolved)
    this.#limit = limit
    this.#dtype = dtype
    this.#clock = { t: 0, ...this.use.definition.clock }
    this.#next = { ...this.#clock }
  }

  /** Writes the coefficients of the next updates row by row; all calls have the same `length` of a row. */
  write(to: Float64Array, updates: number, length: number): void {
    const { use } = this
    const { advance, corrections, positions } = use
    if (this.#version < 0) this.#row = new Float64Array(length)
    const row = this.#row
    for (let k = 0, at = 0; k < updates; k++) {
      const clock = this.#clock
      const next = this.#next
      if (use.isScheduled) use.evaluate(clock.t)
      next.t = clock.t + 1
      advance?.(clock, use.numbers as never, next)
      if (this.#version !== use.version) {
        use.write(row, 1, this.#limit, this.#dtype)
        this.#version = use.version
      }
      corrections?.(use.numbers as never, next, row, positions)
      // The row is copied by a loop, because a view of a few numbers takes longer.
      for (let i = 0; i < length; i++, at++) to[at] = row[i]
      this.#clock = next
      this.#next = clock
    }
  }
}
