/** What a call comes to, as text in which all bits show, but for those of a NaN. */

import { digest, withOneNaN } from '../bits.js'
import { AntigradError, ArgumentError } from './library.js'

/** What code of the user's throws in the middle of a call. */
export class Mine extends Error {
  override name = 'Mine'
}

export interface Outcome {
  readonly value: string | null
  readonly error: string | null
  /** What became of calls in the middle. */
  readonly log?: readonly string[]
}

/** @throws what is an error of nobody's */
export function inWords(error: unknown): string {
  if (error instanceof ArgumentError) return `${error.name} of ${error.argument}: ${error.message}`
  // Of scalars of several tensors that are not finite at once it is that of the one which lies first.
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

/** Text that is the same where all bits are, but for those of a NaN, whatever the order of keys. */
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

/** Where two texts differ first, with a little of both. */
export function difference(expected: string, received: string): string {
  let at = 0
  while (at < expected.length && expected[at] === received[at]) at++
  const from = Math.max(0, at - 120)
  return `…${received.slice(from, at + 120)}… instead of …${expected.slice(from, at + 120)}…`
}
