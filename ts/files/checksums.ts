/** The checksums in a file's metadata, so that damage is seen: CRC-32 of tensors and of texts, in eight hexadecimal digits. */

import { crc32 } from '#disk'
import { listOf } from '../ground/given.js'
import { FileError } from './errors.js'
import type { Header } from './header.js'
import { jsonOf } from './json.js'

/** In the metadata: pairs of a tensor's name and its sum, in an order that others may go by. */
const TENSORS = 'antigrad.tensors'
/** The same of all other texts, with that of the tensors. */
export const TEXTS = 'antigrad.texts'

export const shown = (sum: number): string => sum.toString(16).padStart(8, '0')

/** Of a text, in UTF-8. */
export const sumOf = (text: string): string => shown(crc32(new TextEncoder().encode(text)))

export function withChecksums(
  metadata: Header['metadata'],
  sums: readonly (readonly [name: string, sum: number])[],
): Header['metadata'] {
  const tensors = JSON.stringify(sums.map(([name, sum]) => [name, shown(sum)]))
  const texts = new Map([...metadata, [TENSORS, tensors]])
  return texts.set(TEXTS, JSON.stringify([...texts].map(([name, text]) => [name, sumOf(text)])))
}

/**
 * The sums by names of tensors, all of which are in the file; none if it was written by somebody else.
 *
 * @throws FileError for a text that is not what was written; for others that somebody has added there is no sum
 */
export function checksumsIn({ metadata, tensors }: Header): ReadonlyMap<string, string> {
  for (const [name, sum] of pairsIn(metadata, TEXTS) ?? []) {
    const text = metadata.get(name)
    const found = text === undefined ? 'no text' : sumOf(text)
    if (found !== sum) throw new FileError(`metadata: ${name}`, `the checksum ${sum}`, found)
  }
  const sums = pairsIn(metadata, TENSORS)
  if (sums === undefined) return new Map()
  const isWhole = sums.size === tensors.size && [...tensors.keys()].every((name) => sums.has(name))
  if (!isWhole)
    throw new FileError(`metadata: ${TENSORS}`, "each tensor's checksum", `those of ${sums.size} names`)
  return sums
}

/** Names and sums; undefined without such a text. */
function pairsIn(metadata: Header['metadata'], key: string): ReadonlyMap<string, string> | undefined {
  const text = metadata.get(key)
  if (text === undefined) return undefined
  const pairs = (listOf(jsonOf(`metadata: ${key}`, text, { deepest: 2 })) ?? []).map(
    (pair) => listOf(pair) ?? [],
  )
  const isRight = pairs.every(([name, sum]) => typeof name === 'string' && typeof sum === 'string')
  if (!isRight) throw new FileError(`metadata: ${key}`, 'pairs of a name and a checksum', text)
  return new Map(pairs as [string, string][])
}
