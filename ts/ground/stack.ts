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

const FEWER = WORDS.slice(256)

/**
 * The same further in, where of what is called for one element after the other some call more: half as much, as nobody
 * may be stopped here who has passed the other.
 *
 * @throws RangeError where it is
 */
export function checkStackWithin(): void {
  Reflect.apply(nothing, undefined, FEWER)
}
