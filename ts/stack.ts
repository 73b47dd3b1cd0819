/** Whether the stack is all but full is asked before a change, as nothing can be undone in its middle. */

/** As arguments they take more of the stack than what follows does. */
const MANY = new Array<number>(4096).fill(0)
const SOME = MANY.slice(0, 512)
const nothing = () => {}

/** @throws RangeError where a change of what there is might not come to its end */
export function checkStack(): void {
  Reflect.apply(nothing, undefined, MANY)
}

/** The same for a step. @throws RangeError */
export function checkStackOfStep(): void {
  Reflect.apply(nothing, undefined, SOME)
}
