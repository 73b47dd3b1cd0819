/** File access in browsers, where only Blobs are supported. */

import { OptionError } from '../../core/errors.js'
import type { DiskFolder } from './disk.js'
import type { Sink, Source } from './sources.js'

export { crc32 } from './crc32.js'

export const TEMPORARY_SUFFIX = '.tmp'

const fail = (place: string | URL): never => {
  throw new OptionError('place', 'a Blob (Node, Bun and Deno also accept a path)', `${place}`)
}

export const openSource: (place: string | URL) => Promise<Source> = async (place) => fail(place)
export const openSink: (place: string | URL) => Promise<Sink> = async (place) => fail(place)
export const openFolder: (place: string | URL) => DiskFolder = fail
