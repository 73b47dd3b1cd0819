/** Renaming of the tensors in a saved run. */

import { joinFirst, OptionError } from '../core/errors.js'
import { isObject, ownProperties } from '../core/untrusted-input.js'

/**
 * Makes a function that maps old tensor names to new tensor names. The new names are not validated by this function.
 *
 * @param saved object whose keys are the old tensor names
 * @throws OptionError if `given` is neither a function nor an object, or contains a name that was not saved
 */
export function renamer(given: unknown, saved: object): (name: string) => unknown {
  if (typeof given === 'function') return (name) => given(name)
  if (given !== undefined && !isObject(given))
    throw new OptionError('rename', 'new names by old ones, or a function', given)
  const others = new Map<unknown, unknown>(
    given instanceof Map ? given : Object.entries(ownProperties(given ?? {})),
  )
  for (const stranger of others.keys()) {
    if (typeof stranger !== 'string' || !Object.hasOwn(saved, stranger))
      throw new OptionError('rename', `one of ${joinFirst(Object.keys(saved))}`, stranger)
  }
  return (name) => others.get(name) ?? name
}
