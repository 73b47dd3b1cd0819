/**
 * Checksums in the metadata that detect damage: CRC-32 of the tensors and of the metadata texts, as eight hexadecimal
 * digits.
 */

import { crc32 } from '#disk'
import { toBoundedArray } from '../../core/untrusted-input.js'
import { FileError } from '../sources/errors.js'
import type { FileHeader } from './header.js'
import { readJson } from './json.js'

/**
 * Metadata key of the list of tensor names and checksums. Other metadata may refer to tensors by the index in this
 * list.
 */
const CHECKSUMS_KEY = 'antigrad.tensors'
/** Metadata key of the checksums of all other metadata texts, including the text with the checksums of the tensors. */
export const TEXTS = 'antigrad.texts'

export const formatSum = (sum: number): string => sum.toString(16).padStart(8, '0')

/** Checksum of a text, encoded as UTF-8. */
export const computeChecksum = (text: string): string => formatSum(crc32(new TextEncoder().encode(text)))

export function addChecksums(
  metadata: FileHeader['metadata'],
  sums: readonly (readonly [name: string, sum: number])[],
): FileHeader['metadata'] {
  const tensors = JSON.stringify(sums.map(([name, sum]) => [name, formatSum(sum)]))
  const texts = new Map([...metadata, [CHECKSUMS_KEY, tensors]])
  return texts.set(TEXTS, JSON.stringify([...texts].map(([name, text]) => [name, computeChecksum(text)])))
}

/**
 * Reads the checksums of all tensors from the metadata, by name. The result is empty if another program has written the
 * file.
 *
 * @throws FileError if a metadata text differs from its checksum. Metadata texts that other programs wrote have no
 * checksum.
 */
export function readChecksums({ metadata, tensors }: FileHeader): ReadonlyMap<string, string> {
  for (const [name, sum] of readPairs(metadata, TEXTS) ?? []) {
    const text = metadata.get(name)
    const found = text === undefined ? 'no text' : computeChecksum(text)
    if (found !== sum) throw new FileError(`metadata: ${name}`, `the checksum ${sum}`, found)
  }
  const sums = readPairs(metadata, CHECKSUMS_KEY)
  if (sums === undefined) return new Map()
  const isWhole = sums.size === tensors.size && [...tensors.keys()].every((name) => sums.has(name))
  if (!isWhole)
    throw new FileError(
      `metadata: ${CHECKSUMS_KEY}`,
      'the checksums of all tensors',
      `the checksums of ${sums.size} names`,
    )
  return sums
}

/** Reads pairs of names and checksums from the metadata; undefined if the key is missing. */
function readPairs(metadata: FileHeader['metadata'], key: string): ReadonlyMap<string, string> | undefined {
  const text = metadata.get(key)
  if (text === undefined) return undefined
  const pairs = (toBoundedArray(readJson(`metadata: ${key}`, text, { deepest: 2 })) ?? []).map(
    (pair) => toBoundedArray(pair) ?? [],
  )
  const isRight = pairs.every(([name, sum]) => typeof name === 'string' && typeof sum === 'string')
  if (!isRight) throw new FileError(`metadata: ${key}`, 'an array of pairs [name, checksum]', text)
  return new Map(pairs as [string, string][])
}
