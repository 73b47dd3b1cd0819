/** The outcome of a call as a string that contains all bits, except for the bits of NaN. */

import { digest, withOneNaN } from '../bits.js'
import { AntigradError, ArgumentError } from './library.js'

/** An error that user code throws during a call. */
export class Mine extends Error {
  override name = 'Mine'
}

export interface Outcome {
  readonly value: string | null
  readonly error: string | null
  /** The outcomes of calls that user code made during a call. */
  readonly log?: readonly string[]
}

/**
 * @throws errors that are neither the library's nor the user code's
 */
export function inWords(error: unknown): string {
  if (error instanceof ArgumentError) return `${error.name} of ${error.argument}: ${error.message}`
  // If several scalars are not finite, the error names the first scalar in memory, so the name is removed.
  const shown = (message: string) => message.replace(/: \w+ at t = .*/, ': a scalar that is not finite')
  if (error instanceof AntigradError || error instanceof Mine) return `${error.name}: ${shown(error.message)}`
  throw error
}

export async function outcomeOf(call: () => unknown): Promise<Outcome> {
  try {
    const value = await call()
    return { value: typeof value === 'string' ? value : inText(value ?? null), error: null }
  } catch (error) {
    return { value: null, error: inWords(error) }
  }
}

/** A string that is equal if and only if all bits are equal, except for the bits of NaN and the order of keys. */
export function inText(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner)) {
      if (!(inner instanceof Float32Array || inner instanceof Float64Array)) return [...(inner as Uint8Array)]
      const words = withOneNaN(inner)
      return words.length > 200 ? digest([words]) : `${inner.length} ${words.join()}`
    }
    if (typeof inner === 'number') return Object.is(inner, -0) ? '-0' : String(inner)
    if (typeof inner === 'function') return 'a function'
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}

/** The first difference of two strings, with some surrounding text. */
export function difference(expected: string, received: string): string {
  let at = 0
  while (at < expected.length && expected[at] === received[at]) at++
  const from = Math.max(0, at - 120)
  return `…${received.slice(from, at + 120)}… instead of …${expected.slice(from, at + 120)}…`
}
