/** Validation of Redis URLs. */

import { OptionError } from '../chunks/internal.js'

/**
 * Checks the URL of a Redis server. Without this check, ioredis would interpret a URL with another scheme as a socket
 * path.
 *
 * @param name name of the option that contains the URL
 * @throws OptionError if the URL is invalid; the message contains no credentials
 */
export function checkAddress(name: string, url: string): void {
  const [, scheme] = /^([a-z][a-z\d+.-]*:\/\/)/i.exec(url) ?? []
  if (scheme === undefined || (/^rediss?:/i.test(scheme) && URL.canParse(url))) return
  const expected = 'redis://host:6379, rediss://host:6379 or the path of a socket'
  throw new OptionError(name, expected, `${scheme}…`)
}
