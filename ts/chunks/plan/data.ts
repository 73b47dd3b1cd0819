/** Bytes of data that a plan refers to: a file, or an address that gives ranges. */

import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { getMessage } from '../../core/errors.js'
import { toPrintable, withoutCredentials } from '../../core/text.js'
import { DataError } from './errors.js'
import { sha256 } from './hash.js'
import { chunkBytes, chunkRange, type Plan, type PlanData } from './plan.js'

export const isUrl = (file: string) => /^https?:\/\//i.test(file)

/** A path or an address as messages have it. */
export const displayName = (file: string): string =>
  toPrintable(isUrl(file) ? withoutCredentials(file) : file)

/**
 * Sees to it that the data are there, and as many as the plan says.
 *
 * @throws (rejects with) DataError
 */
export async function checkData({ bytes }: PlanData, file: string): Promise<void> {
  const there = await dataSize(file)
  if (there === bytes) return
  throw new DataError(
    `${displayName(file)}: expected ${bytes} bytes as the plan says, got ${there}: not the same data`,
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
  throw new DataError(`${displayName(address)}: expected how many bytes there are, in content-range`)
}

/**
 * The bytes of a chunk, which are those that the plan was made of: its header and rows, or its part of each column.
 *
 * @throws (rejects with) DataError where they are not
 */
export async function readChunkData(plan: Plan, index: number, file: string): Promise<readonly Uint8Array[]> {
  const parts: Uint8Array[] = []
  for (const [begin, end] of chunkBytes(plan, index)) parts.push(await readPart(file, begin, end))
  // Before anything is read in them: what others have is nobody's business.
  if (sha256(...parts) === plan.chunks[index].sha256) return parts
  const { begin, end } = chunkRange(plan, index)
  const what = plan.data?.rows === undefined ? 'bytes' : 'rows'
  throw new DataError(
    `${displayName(file)}: ${what} ${begin} to ${end} are not those that the plan was made of`,
  )
}

export async function readPart(file: string, begin: number, end: number): Promise<Uint8Array> {
  // There is no such range.
  if (begin === end) return new Uint8Array(0)
  return (await isUrl(file)) ? readUrl(file, begin, end) : readFile(file, begin, end)
}

/** All of it, as it streams by. */
export async function openStream(file: string): Promise<Readable> {
  if (!isUrl(file)) return createReadStream(file)
  const size = await urlSize(file)
  const response = await requestRange(file)
  if (response.ok) return Readable.from(readBody(response, file, size))
  await response.body?.cancel()
  throw new DataError(`${displayName(file)}: status ${response.status}`)
}

/** What a server sends, which is as much as it said: more ends the request. */
async function* readBody({ body }: Response, address: string, size: number): AsyncGenerator<Uint8Array> {
  let length = 0
  try {
    for await (const part of (body ?? []) as AsyncIterable<Uint8Array>) {
      length += part.length
      // Whatever leaves this loop cancels the request.
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

/** How often an address is asked: a connection that was kept may be one that its server has closed meanwhile. */
const MAX_TRIES = 3

async function requestRange(address: string, range?: string, triesLeft = MAX_TRIES): Promise<Response> {
  if (!URL.canParse(address))
    throw new DataError(`${displayName(address)}: expected an address, as https://host/file`)
  const { username, password } = new URL(address)
  if (username !== '' || password !== '')
    throw new DataError(`${displayName(address)}: expected an address without a user and a password`)
  try {
    return await fetch(address, { headers: range === undefined ? {} : { range } })
  } catch (thrown) {
    if (triesLeft === 1) throw connectionError(address, thrown)
    return await requestRange(address, range, triesLeft - 1)
  }
}

/** Not fetch's own message: it names the whole address, and who may see it. */
const connectionError = (address: string, thrown: unknown) =>
  new DataError(`${displayName(address)}: ${getMessage((thrown as Error).cause ?? 'no answer')}`)

/** What an address has there; no more, as memory is for one chunk. */
async function readAnswer(address: string, begin: number, end: number): Promise<Response> {
  const response = await requestRange(address, `bytes=${begin}-${end - 1}`)
  const [, from, to] = /^bytes (\d+)-(\d+)\//.exec(response.headers.get('content-range') ?? '') ?? []
  if (response.status === 206 && Number(from) === begin && Number(to) === end - 1) return response
  await response.body?.cancel()
  throw new DataError(
    `${displayName(address)}: expected a range of bytes (status 206), got status ${response.status}`,
  )
}
