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

  /** @param limit largest accepted absolute value of a gradient element */
  constructor(resolved: ResolvedRule, limit: number, dtype: Dtype) {
    this.use = new RuleInUse(resolved)
    this.#limit = limit
    this.#dtype = dtype
    this.#clock = { t: 0, ...this.use.definition.clock }
    this.#next = { ...this.#clock }
  }

  /** Writes the coefficients of the next updates row by row. */
  write(to: Float64Array, updates: number, length: number): void {
    const { use } = this
    for (let k = 0; k < updates; k++) {
      const row = to.subarray(k * length, (k + 1) * length)
      const [clock, next] = [this.#clock, this.#next]
      use.evaluate(clock.t)
      next.t = clock.t + 1
      use.advance?.(clock, use.numbers as never, next)
      use.write(row, 1, this.#limit, this.#dtype)
      use.corrections?.(use.numbers as never, next, row, use.stages[0].row)
      this.#clock = next
      this.#next = clock
    }
  }
}
