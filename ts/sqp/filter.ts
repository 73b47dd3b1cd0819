/** The filter of a line search (Fletcher and Leyffer, 2002; Wächter and Biegler, 2006). */

/** Fraction of the violation by which the violation or the value has to fall. */
const MARGIN = 1e-5

/** Pairs of a violation and a value that no later point may exceed in both. */
export class Filter {
  readonly #pairs: { readonly violation: number; readonly value: number }[] = []
  #maxViolation = Infinity

  /** Removes all pairs, and sets the largest violation of all points. */
  reset(maxViolation: number): void {
    this.#pairs.length = 0
    this.#maxViolation = maxViolation
  }

  accepts(violation: number, value: number): boolean {
    if (!(violation <= this.#maxViolation)) return false
    return this.#pairs.every((pair) => violation <= pair.violation || value <= pair.value)
  }

  add(violation: number, value: number): void {
    this.#pairs.push({ violation: (1 - MARGIN) * violation, value: value - MARGIN * violation })
  }
}

/** Whether a point is sufficiently better than another one in its violation or in its value. */
export function improves(
  to: { readonly violation: number; readonly value: number },
  from: { readonly violation: number; readonly value: number },
): boolean {
  const isCloser = from.violation > 0 && to.violation <= (1 - MARGIN) * from.violation
  return isCloser || to.value < from.value - MARGIN * from.violation
}
