/** How deep calls go that each take sixteen words of the stack or more: in all more than what a step calls. */
const RESERVED_CALLS = 32

// Half of the words are arguments: those take less time than what a call has of its own, or than an array's.
const probeStack = (calls: number, _a: 0, _b: 0, _c: 0, _d: 0, _e: 0, _f: 0, _g: 0, _h: 0): number =>
  calls === 0 ? 0 : probeStack(calls - 1, 0, 0, 0, 0, 0, 0, 0, 0) + 1

/**
 * Says whether the stack is all but full before anything has changed, as nothing can be undone later.
 *
 * @throws RangeError where it is
 */
export function checkStack(): void {
  probeStack(RESERVED_CALLS, 0, 0, 0, 0, 0, 0, 0, 0)
}

/**
 * The same further in, where of what is called for one element after the other some call more: half as much, as nobody
 * may be stopped here who has passed the other.
 *
 * @throws RangeError where it is
 */
export function checkStackWithin(): void {
  probeStack(RESERVED_CALLS / 2, 0, 0, 0, 0, 0, 0, 0, 0)
}
