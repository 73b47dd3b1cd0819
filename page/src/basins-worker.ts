/** A worker that computes pieces of a basin plot. */

import {
  expression,
  type MinimizeManyOptions,
  minimizeMany,
  minimizeReasons,
  OptionError,
  type Rule,
} from 'antigrad'
import { getMessage } from '../../dist/page.js'
import { CONVERGED, DIVERGED, type OutcomePoints, UNFINISHED } from './outcomes.js'
import { build, CUSTOM, isMethod, type RuleEntry } from './rules.js'
import { readSchedules } from './schedules.js'

/** The properties that all pieces of a plot share. */
export interface OutcomeTask {
  readonly text: string
  /** The entry, from which the worker builds the rule: a rule cannot be sent to a worker completely. */
  readonly entry: RuleEntry
  readonly options: MinimizeManyOptions
}

export interface OutcomeJob extends OutcomeTask {
  readonly job: number
  readonly piece: number
  readonly x: Float64Array
  readonly y: Float64Array
}

export type OutcomeReply = { readonly job: number; readonly piece: number } & (
  | { readonly ends: OutcomePoints; readonly engine: string }
  | { readonly error: string; readonly isOfRule: boolean }
)

readSchedules()

let stop = new AbortController()

// A new job, or null, aborts the current one.
addEventListener('message', async ({ data }: MessageEvent<OutcomeJob | null>) => {
  stop.abort()
  if (data === null) return
  stop = new AbortController()
  const { signal } = stop
  const { job, piece, text, entry, options, ...starts } = data
  const answer = (message: OutcomeReply) => postMessage(message)
  try {
    if (entry.rule === CUSTOM) (await import('./custom-rule.js')).readEquations()
    if (isMethod(entry.rule)) (await import('./methods.js')).readMethods()
    const { rule, clip } = build(entry)
    const found = await minimizeMany(expression(text), starts, rule as Rule, { ...options, clip, signal })
    const { x, iterations, engine } = found
    const kinds = Uint8Array.from(
      found.reason,
      (reason) => kindOf[minimizeReasons[reason] ?? ''] ?? UNFINISHED,
    )
    answer({ job, piece, engine, ends: { x: x.x, y: x.y, iterations, kinds } })
  } catch (thrown) {
    const isOfRule = thrown instanceof OptionError && thrown.argument === 'rule'
    if (!signal.aborted) answer({ job, piece, error: getMessage(thrown), isOfRule })
  }
})

const kindOf: Readonly<Record<string, number>> = { converged: CONVERGED, diverged: DIVERGED }
