import { OptionError } from '../ground/errors.js'
import { own } from '../ground/given.js'

/**
 * Options as a user gives them: own properties, each read once, and none but those that have these names.
 *
 * @param what the argument, for messages
 * @param expected what it has to be
 * @throws OptionError where it is no object, or has another name
 */
export function readOptions<Options extends object = Readonly<Record<string, unknown>>>(
  what: string,
  given: unknown,
  names: readonly string[],
  expected = 'an object',
): Options {
  if (typeof given !== 'object' || given === null) throw new OptionError(what, expected, given)
  const options = own(given)
  const stranger = Object.keys(options).find((name) => !names.includes(name))
  if (stranger !== undefined) throw new OptionError(what, `one of ${names.join(', ')}`, stranger)
  return options as Options
}
