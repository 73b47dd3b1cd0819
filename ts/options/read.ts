import { OptionError } from '../ground/errors.js'
import { isObject, ownProperties } from '../ground/given.js'

/**
 * Options as a user gives them: own properties, each read once, and none but those that have these names.
 *
 * @param what the argument, for messages
 * @param expected what it has to be, unless an object with these
 * @throws OptionError where it is no object, or has another name
 */
export function readOptions<Options extends object = Readonly<Record<string, unknown>>>(
  what: string,
  given: unknown,
  names: readonly string[],
  expected?: string,
): Options {
  if (!isObject(given)) throw new OptionError(what, expected ?? `{ ${names.join(', ')} }`, given)
  const options = ownProperties(given)
  for (const name in options) {
    if (!names.includes(name)) throw new OptionError(what, `one of ${names.join(', ')}`, name)
  }
  return options as Options
}
