/** Reads the data that a plan refers to: a file, or a URL that supports range requests. */

import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { getMessage } from '../../core/errors.js'
import { toPrintable, withoutCredentials } from '../../core/text.js'
import { DataError } from './errors.js'
import { sha256 } from './hash.js'
import { chunkBytes, chunkRange, type Plan, type PlanData } from './plan.js'

export const isUrl = (file: string) => /^https?:\/\//i.test(file)

/** A path or URL for messages, without credentials. */
export const displayName = (file: string): string =>
  toPrintable(isUrl(file) ? withoutCredentials(file) : file)

/**
 * Checks that the data exist and have the size that the plan states.
 *
 * @throws (rejects with) DataError
 */
export async function checkData({ bytes }: PlanData, file: string): Promise<void> {
  const there = await dataSize(file)
  if (there === bytes) return
  throw new DataError(
    `${displayName(file)}: expected ${bytes} bytes, the size stated in the plan, got ${there}`,
  )
}

/** @throws (rejects with) DataError */
export const dataSize = (file: string) => (isUrl(file) ? urlSize(file) : fileSize(file))

async function fileSize(file: string): Promise<number> {
  try {
    const is = await stat(file)
    if (is.isFile()) return is.size
  } catch (thrown) {
    throw new DataError(`${displayName(file)}: ${getMessage(thrown)}`)
  }
  throw new DataError(`${displayName(file)}: expected a file`)
}

async function urlSize(address: string): Promise<number> {
  const response = await readAnswer(address, 0, 1)
  await response.body?.cancel()
  const [, size] = /\/(\d+)$/.exec(response.headers.get('content-range') ?? '') ?? []
  if (size !== undefined) return Number(size)
  throw new DataError(`${displayName(address)}: expected a content-range header with the total size`)
}

/**
 * Reads the bytes of a chunk: the header and the chunk's rows, or a range of each column.
 *
 * @throws (rejects with) DataError if the bytes differ from the data for which the plan was made
 */
export async function readChunkData(plan: Plan, index: number, file: string): Promise<readonly Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const [begin, end] of chunkBytes(plan, index)) parts.push(await readPart(file, begin, end))
  // The hash is checked before the bytes are parsed. Otherwise, a message could quote bytes of an unrelated file.
  if (sha256(...parts) === plan.chunks[index].sha256) return parts
  const { begin, end } = chunkRange(plan, index)
  const what = plan.data?.rows === undefined ? 'bytes' : 'rows'
  throw new DataError(
    `${displayName(file)}: ${what} ${begin} to ${end} differ from the data for which the plan was made`,
  )
}

export async function readPart(file: string, begin: number, end: number): Promise<Uint8Array> {
  // An HTTP range request cannot be empty.
  if (begin === end) return new Uint8Array(0)
  return (await isUrl(file)) ? readUrl(file, begin, end) : readFile(file, begin, end)
}

/** Streams the whole data file. */
export async function openStream(file: string): Promise<Readable> {
  if (!isUrl(file)) return createReadStream(file)
  const size = await urlSize(file)
  const response = await requestRange(file)
  if (response.ok) return Readable.from(readBody(response, file, size))
  await response.body?.cancel()
  throw new DataError(`${displayName(file)}: status ${response.status}`)
}

/**
 * Streams the body of a response and checks that it has exactly `size` bytes. If the body is too long, the request is
 * canceled.
 */
async function* readBody({ body }: Response, address: string, size: number): AsyncGenerator<Uint8Array> {
  let length = 0
  try {
    for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
      length += part.length
      // Leaving this loop early cancels the request.
      if (length > size) break
      yield part
    }
  } catch (thrown) {
    throw connectionError(address, thrown)
  }
  if (length === size) return
  const got = length > size ? 'more' : length
  throw new DataError(`${displayName(address)}: expected ${size} bytes, got ${got}`)
}

async function readFile(file: string, begin: number, end: number): Promise<Uint8Array> {
  try {
    const handle = await open(file)
    try {
      const { buffer, bytesRead } = await handle.read(new Uint8Array(end - begin), 0, end - begin, begin)
      return buffer.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  } catch (thrown) {
    throw new DataError(`${displayName(file)}: ${getMessage(thrown)}`)
  }
}

async function readUrl(address: string, begin: number, end: number): Promise<Uint8Array> {
  const response = await readAnswer(address, begin, end)
  const bytes = new Uint8Array(end - begin)
  let length = 0
  for await (const part of readBody(response, address, bytes.length)) {
    bytes.set(part, length)
    length += part.length
  }
  return bytes
}

/** Maximum number of requests for a byte range. A request fails if the server has closed a kept-alive connection. */
const MAX_TRIES = 3

async function requestRange(address: string, range?: string, triesLeft = MAX_TRIES): Promise<Response> {
  if (!URL.canParse(address))
    throw new DataError(`${displayName(address)}: expected a URL such as https://host/file`)
  const { username, password } = new URL(address)
  if (username !== '' || password !== '')
    throw new DataError(`${displayName(address)}: expected a URL without a user name and a password`)
  try {
    return await fetch(address, { headers: range === undefined ? {} : { range } })
  } catch (thrown) {
    if (triesLeft === 1) throw connectionError(address, thrown)
    return await requestRange(address, range, triesLeft - 1)
  }
}

/** The message of `fetch` is not used, because it contains the whole URL with its credentials. */
const connectionError = (address: string, thrown: unknown) =>
  new DataError(`${displayName(address)}: ${getMessage((thrown as Error).cause ?? 'no answer')}`)

/**
 * Requests a byte range. A response with more bytes than the requested range is refused, because memory is reserved for
 * only one chunk.
 */
async function readAnswer(address: string, begin: number, end: number): Promise<Response> {
  const response = await requestRange(address, `bytes=${begin}-${end - 1}`)
  const [, from, to] = /^bytes (\d+)-(\d+)\//.exec(response.headers.get('content-range') ?? '') ?? []
  if (response.status === 206 && Number(from) === begin && Number(to) === end - 1) return response
  await response.body?.cancel()
  throw new DataError(
    `${displayName(address)}: expected a range of bytes (status 206), got status ${response.status}`,
  )
}
