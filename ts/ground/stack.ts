/** As arguments they take more of the stack than what a step calls. */
const WORDS = new Array<number>(512).fill(0)
const nothing = () => {}

/**
 * Says whether the stack is all but full before anything has changed, as nothing can be undone later.
 *
 * @throws RangeError where it is
 */
export function checkStack(): void {
  Reflect.apply(nothing, undefined, WORDS)
}
