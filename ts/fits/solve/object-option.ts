/** Options whose values are objects that contain the code of the option, such as `rout()`. */

import { isObject } from '../../core/untrusted-input.js'
import { type Option, option } from '../../options/kinds.js'

/**
 * @param maker name of the function that creates the value
 * @param has whether an object is a real instance of the value's class
 */
export function objectOption<T extends object>(
  maker: string,
  has: (given: object) => given is T,
): Option<T | undefined, undefined> {
  return option<T | undefined, undefined>(
    `a result of ${maker}()`,
    undefined,
    (x) => x === undefined || (isObject(x) && has(x)),
  )
}
