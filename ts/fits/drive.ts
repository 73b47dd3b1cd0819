/** Who has engines do what fits call for. */

import type { Choice } from '../engines/choice.js'
import { nextTurn, unlessAborted } from '../ground/event-loop.js'
import type { Batch } from '../many/batch.js'
import type { Advancer } from '../many/engines.js'

/** What is called for: that an engine advances a batch, or nothing where the event loop may have its turn. */
export type Call = Batch | undefined

/** Work that calls for engines. */
export interface Work {
  readonly choice: Choice<Advancer>
  /** Gives memory back, which no engine may have any more. */
  leave(): void
}

/** Milliseconds of a turn of the event loop that are enough. */
const TURN = 5

/** Makes calls one by one, and leaves the event loop free. @throws (rejects with) the signal's reason */
export async function drive(work: Work, calls: Iterable<Call>, signal: AbortSignal | undefined) {
  signal?.throwIfAborted()
  let began = performance.now()
  let last = Promise.resolve()
  try {
    for (const call of calls) {
      if (call !== undefined) {
        last = work.choice.runner.advanceAsync(call)
        await unlessAborted(last, signal)
      } else if (performance.now() - began > TURN) {
        await nextTurn()
        began = performance.now()
      }
      // At each pause, also without a turn of the loop: how fast a machine is decides on nothing.
      signal?.throwIfAborted()
    }
  } catch (thrown) {
    // An engine may still be at work; where it fails it has spoilt the memory.
    last.then(
      () => work.leave(),
      () => {},
    )
    throw thrown
  }
}

/** The same without a promise. */
export function driveSync({ choice }: Work, calls: Iterable<Call>): void {
  for (const call of calls) if (call !== undefined) choice.runner.advance(call)
}
