/**
 * Number of nested calls that test the stack. Each nested call takes at least sixteen words of stack, so the test needs
 * more stack than any step.
 */
const RESERVED_CALLS = 32

// Half of the words are arguments, because passing arguments is faster than local variables or arrays.
const probeStack = (calls: number, _a: 0, _b: 0, _c: 0, _d: 0, _e: 0, _f: 0, _g: 0, _h: 0): number =>
  calls === 0 ? 0 : probeStack(calls - 1, 0, 0, 0, 0, 0, 0, 0, 0) + 1

/**
 * Checks that enough stack is left. The check comes before any change, because a partial change cannot be undone.
 *
 * @throws RangeError if the stack is almost exhausted
 */
export function checkStack(): void {
  probeStack(RESERVED_CALLS, 0, 0, 0, 0, 0, 0, 0, 0)
}

/**
 * Checks the stack in code that runs per element and may call further functions. The test makes half as many nested
 * calls as {@link checkStack}. The test therefore never fails after {@link checkStack} has passed.
 *
 * @throws RangeError if the stack is almost exhausted
 */
export function checkStackWithin(): void {
  probeStack(RESERVED_CALLS / 2, 0, 0, 0, 0, 0, 0, 0, 0)
}
