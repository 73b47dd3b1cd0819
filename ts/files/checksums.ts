/** What is written beside tensors so that damage is seen: each one's CRC-32, in eight hexadecimal digits. */

import { crc32 } from '#disk'
import { listOf } from '../ground/given.js'
import { FileError } from './errors.js'
import type { Header } from './header.js'

/** In the metadata: pairs of a tensor's name and its sum, in an order that others may go by. */
const TENSORS = 'antigrad.tensors'

export const shown = (sum: number): string => sum.toString(16).padStart(8, '0')

/** Of a text, in UTF-8. */
export const sumOf = (text: string): string => shown(crc32(new TextEncoder().encode(text)))

export const withChecksums = (
  metadata: Header['metadata'],
  sums: readonly (readonly [name: string, sum: number])[],
): Header['metadata'] =>
  new Map([...metadata, [TENSORS, JSON.stringify(sums.map(([name, sum]) => [name, shown(sum)]))]])

/** The sums by names of tensors, all of which are in the file; none where it was written by somebody else. */
export function checksumsIn({ metadata, tensors }: Header): ReadonlyMap<string, string> {
  const text = metadata.get(TENSORS)
  if (text === undefined) return new Map()
  const sums = new Map<string, string>()
  for (const pair of listOf(parsed(text)) ?? []) {
    const [name, sum] = listOf(pair) ?? []
    if (typeof name === 'string' && typeof sum === 'string') sums.set(name, sum)
  }
  const isWhole = sums.size === tensors.size && [...tensors.keys()].every((name) => sums.has(name))
  if (!isWhole) throw new FileError(`metadata: ${TENSORS}`, "each tensor's checksum", text)
  return sums
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
