/** Addresses of a Redis. */

import { OptionError } from '../chunks/internal.js'

/**
 * What has another scheme would be taken for the path of a socket.
 *
 * @param name of the option that has it
 * @throws OptionError where it is no address, without who may use it
 */
export function checkAddress(name: string, url: string): void {
  const [, scheme] = /^([a-z][a-z\d+.-]*:\/\/)/i.exec(url) ?? []
  if (scheme === undefined || (/^rediss?:/i.test(scheme) && URL.canParse(url))) return
  const expected = 'redis://host:6379, rediss://host:6379 or the path of a socket'
  throw new OptionError(name, expected, `${scheme}…`)
}
