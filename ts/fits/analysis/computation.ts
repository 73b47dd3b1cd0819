/** Computations on the result of a fit, synchronous or asynchronous. */

import { ArgumentError } from '../../core/errors.js'
import { isObject } from '../../core/untrusted-input.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import { type CallProgress, type EngineCall, execute, executeSync } from '../../many/engines/execute.js'

export interface Computation<T> {
  /** The engine that ran the fits. */
  readonly choice: EngineChoice<BatchRunner>
  readonly calls: Generator<EngineCall, T>
  /** Frees the resources of the engine calls after the calls have ended or have been aborted. */
  readonly release?: () => void
  /** Progress reports for `onProgress`, if the computation supports progress reports. */
  readonly progress?: CallProgress
}

export async function run<T>(
  { choice, calls, release = () => {}, progress }: Computation<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  const result = await execute(choice, calls, signal, release, progress?.repeat)
  release()
  return result
}

export function runSync<T>({ choice, calls, release }: Computation<T>): T {
  const result = executeSync(choice, calls)
  release?.()
  return result
}

/** @throws ArgumentError if the value is not a result of `fit`, `fitMany` or `fitShared` */
export function checkResult(
  found: unknown,
  expected: string,
  ...kinds: readonly { readonly get: (found: object) => unknown }[]
): asserts found is object {
  if (isObject(found) && kinds.some((sources) => sources.get(found) !== undefined)) return
  throw new ArgumentError('found', expected, found)
}
