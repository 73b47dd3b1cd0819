/** The status of a plan's chunks in a result store. */

import { withoutControls } from '../../core/text.js'
import { chunkName, type Plan } from '../plan/plan.js'
import { failureName, type Provenance, parseStoreName, type Store, unseal } from './store.js'

export interface Conflict {
  readonly index: number
  /** The producers of conflicting results. */
  readonly producedBy: readonly Provenance[]
}

export interface Failure {
  readonly index: number
  readonly message: string
}

export interface PlanStatus {
  /** Number of chunks in the plan. */
  readonly total: number
  readonly completed: readonly number[]
  /** Chunks without a valid result, including corrupted chunks but excluding failed chunks. */
  readonly missing: readonly number[]
  readonly corrupted: readonly number[]
  readonly conflicts: readonly Conflict[]
  /** Chunks that have failed three times. */
  readonly failed: readonly Failure[]
  /** Sorted times at which the results were stored, in milliseconds. */
  readonly times: readonly number[]
}

/** Maximum number of concurrent reads from the store. */
const MAX_CONCURRENT_READS = 16

/** Determines the status of chunks by reading and verifying every result. */
export async function surveyStore(plan: Plan, store: Store, indices: readonly number[]): Promise<PlanStatus> {
  const names = await store.names()
  const disputed = new Map<string, string[]>()
  for (const name of names.keys()) {
    const is = parseStoreName(name)
    if (is?.kind === 'conflict') disputed.set(is.chunk, [...(disputed.get(is.chunk) ?? []), name])
  }
  const [done, missing, damaged, disputes, failed, times] = [[], [], [], [], [], []] as [
    ...[number[], number[], number[], Conflict[], Failure[], number[]],
  ]
  const look = async (index: number) => {
    const name = chunkName(plan, index)
    const there = names.has(name) ? await store.read(name) : undefined
    const result = there && unseal(name, there)
    const others = await Promise.all((disputed.get(name) ?? []).map((other) => store.read(other)))
    const makers = [result, ...others.map((other) => other && unseal(name, other))].flatMap(
      (one) => one?.producedBy ?? [],
    )
    if (others.length > 0) disputes.push({ index, producedBy: makers })
    if (result) {
      done.push(index)
      times.push(names.get(name) as number)
      return
    }
    if (result === null) damaged.push(index)
    const mark = names.has(failureName(name)) ? await store.read(failureName(name)) : undefined
    if (mark === undefined) missing.push(index)
    else failed.push({ index, message: failureMessage(mark) })
  }
  let next = 0
  const follow = async () => {
    while (next < indices.length) await look(indices[next++])
  }
  await Promise.all(Array.from({ length: MAX_CONCURRENT_READS }, follow))
  const inOrder = (a: number, b: number) => a - b
  for (const list of [done, missing, damaged, times]) list.sort(inOrder)
  for (const list of [disputes, failed]) list.sort((a, b) => a.index - b.index)
  return {
    total: indices.length,
    completed: done,
    missing,
    corrupted: damaged,
    conflicts: disputes,
    failed,
    times,
  }
}

function failureMessage(mark: Uint8Array): string {
  try {
    return withoutControls(String(JSON.parse(Buffer.from(mark).toString()).message).slice(0, 500))
  } catch {
    return 'unknown reason'
  }
}
