/** What is in a store of a plan's chunks. */

import { withoutControls } from '../ground/text.js'
import { nameOf, type Plan } from './plan.js'
import { chunkOf, failedOf, type Maker, type Store, unseal } from './store.js'

export interface Dispute {
  readonly index: number
  /** Who has made each of its results. */
  readonly by: readonly Maker[]
}

export interface Failure {
  readonly index: number
  readonly message: string
}

export interface Survey {
  /** Of how many chunks. */
  readonly of: number
  readonly done: readonly number[]
  /** Those without a whole result: damaged ones are among them, those that were set aside are not. */
  readonly missing: readonly number[]
  readonly damaged: readonly number[]
  readonly disputes: readonly Dispute[]
  /** Set aside after three tries. */
  readonly failed: readonly Failure[]
  /** When results came, in milliseconds, in order. */
  readonly times: readonly number[]
}

/** Reads at once. */
const ABREAST = 16

/** Looks at every byte of the results. */
export async function survey(plan: Plan, store: Store, indices: readonly number[]): Promise<Survey> {
  const names = await store.names()
  const disputed = new Map<string, string[]>()
  for (const name of names.keys()) {
    const is = chunkOf(name)
    if (is?.kind === 'dispute') disputed.set(is.chunk, [...(disputed.get(is.chunk) ?? []), name])
  }
  const [done, missing, damaged, disputes, failed, times] = [[], [], [], [], [], []] as [
    ...[number[], number[], number[], Dispute[], Failure[], number[]],
  ]
  const look = async (index: number) => {
    const name = nameOf(plan, index)
    const there = names.has(name) ? await store.read(name) : undefined
    const result = there && unseal(name, there)
    const others = await Promise.all((disputed.get(name) ?? []).map((other) => store.read(other)))
    const makers = [result, ...others.map((other) => other && unseal(name, other))].flatMap(
      (one) => one?.by ?? [],
    )
    if (others.length > 0) disputes.push({ index, by: makers })
    if (result) {
      done.push(index)
      times.push(names.get(name) as number)
      return
    }
    if (result === null) damaged.push(index)
    const mark = names.has(failedOf(name)) ? await store.read(failedOf(name)) : undefined
    if (mark === undefined) missing.push(index)
    else failed.push({ index, message: messageIn(mark) })
  }
  let next = 0
  const follow = async () => {
    while (next < indices.length) await look(indices[next++])
  }
  await Promise.all(Array.from({ length: ABREAST }, follow))
  const inOrder = (a: number, b: number) => a - b
  for (const list of [done, missing, damaged, times]) list.sort(inOrder)
  for (const list of [disputes, failed]) list.sort((a, b) => a.index - b.index)
  return { of: indices.length, done, missing, damaged, disputes, failed, times }
}

function messageIn(mark: Uint8Array): string {
  try {
    return withoutControls(String(JSON.parse(Buffer.from(mark).toString()).message).slice(0, 500))
  } catch {
    return 'nobody knows why'
  }
}
