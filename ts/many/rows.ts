/** A rule's coefficients, update by update, as an optimizer's cohort has them. */

import type { Dtype } from '../ground/numbers.js'
import type { ClockOf, Fields } from '../rules/define.js'
import { RuleInUse } from '../rules/in-use.js'
import type { Resolved } from '../rules/resolve.js'

export class Rows {
  readonly use: RuleInUse
  readonly #limit: number
  readonly #dtype: Dtype
  #clock: ClockOf<Fields>
  #next: ClockOf<Fields>

  /** @param limit the largest absolute value of an element of a gradient */
  constructor(resolved: Resolved, limit: number, dtype: Dtype) {
    this.use = new RuleInUse(resolved)
    this.#limit = limit
    this.#dtype = dtype
    this.#clock = { t: 0, ...this.use.definition.clock }
    this.#next = { ...this.#clock }
  }

  /** Writes those of the next updates, one behind the other. */
  write(to: Float64Array, updates: number, length: number): void {
    const { use } = this
    for (let k = 0; k < updates; k++) {
      const row = to.subarray(k * length, (k + 1) * length)
      const [clock, next] = [this.#clock, this.#next]
      use.evaluate(clock.t)
      next.t = clock.t + 1
      use.advance?.(clock, use.numbers as never, next)
      use.write(row, 1, this.#limit, this.#dtype)
      use.corrections?.(use.numbers as never, next, row)
      this.#clock = next
      this.#next = clock
    }
  }
}
