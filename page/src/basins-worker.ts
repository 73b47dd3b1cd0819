/** Runs pieces of a picture of basins, beside the page. */

import { expression, type MinimizeManyOptions, minimizeMany, OptionError, type Rule, reasons } from 'antigrad'
import { messageOf } from '../../dist/ground/errors.js'
import { AT_REST, DIVERGED, type Ends, UNFINISHED } from './outcomes.js'
import { build, type Entry, OWN } from './rules.js'
import { readSchedules } from './schedules.js'

/** What all pieces of a picture have in common. */
export interface Task {
  readonly text: string
  /** Built here, since a rule alone does not bring what it is made of. */
  readonly entry: Entry
  readonly options: MinimizeManyOptions
}

export interface Order extends Task {
  readonly job: number
  readonly piece: number
  readonly x: Float64Array
  readonly y: Float64Array
}

export type Answer = { readonly job: number; readonly piece: number } & (
  | { readonly ends: Ends; readonly engine: string }
  | { readonly error: string; readonly isOfRule: boolean }
)

readSchedules()

let stop = new AbortController()

// A new order, or none, ends the one at hand.
addEventListener('message', async ({ data }: MessageEvent<Order | null>) => {
  stop.abort()
  if (data === null) return
  stop = new AbortController()
  const { signal } = stop
  const { job, piece, text, entry, options, ...starts } = data
  const answer = (message: Answer) => postMessage(message)
  try {
    if (entry.rule === OWN) (await import('./own.js')).readEquations()
    const { rule, clip } = build(entry)
    const found = await minimizeMany(expression(text), starts, rule as Rule, { ...options, clip, signal })
    const { x, iterations, engine } = found
    const kinds = Uint8Array.from(found.reason, (reason) => kindOf[reasons[reason] ?? ''] ?? UNFINISHED)
    answer({ job, piece, engine, ends: { x: x.x, y: x.y, iterations, kinds } })
  } catch (thrown) {
    const isOfRule = thrown instanceof OptionError && thrown.argument === 'rule'
    if (!signal.aborted) answer({ job, piece, error: messageOf(thrown), isOfRule })
  }
})

const kindOf: Readonly<Record<string, number>> = { converged: AT_REST, diverged: DIVERGED }
