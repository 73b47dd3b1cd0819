/** A run as it is at one moment, while it goes on: copied as far as something is about to change it, and no further. */

import { ALL, type Present } from '../gradients/read.js'
import { copyOf } from '../ground/copy.js'
import { OptionError } from '../ground/errors.js'
import type { FloatArray } from '../ground/numbers.js'
import type { Tensor } from '../model/part.js'
import { Optimizer } from '../optimizer.js'
import type { Keep, Saved } from '../saved/write.js'
import type { Progress } from '../step/progress.js'

/** A call of the optimizer's, or the gradients by which it is to be updated. */
type Change = string | Present

/** Calls that change nothing that is saved: of steps there are the gradients as well. */
const LOOKS: readonly Change[] = ['save', 'state', 'set', 'zeroGrad', 'add', 'step', 'stepAsync']

type Keeper = (change: Change) => void

/** Who is to be told of changes: several files may be written at once. */
const keepers = new WeakMap<Progress, Set<Keeper>>()

function watch(progress: Progress, keeper: Keeper): void {
  const all = keepers.get(progress) ?? new Set()
  keepers.set(progress, all.add(keeper))
  progress.keep = (change) => {
    for (const keeper of all) keeper(change)
  }
}

function unwatch(progress: Progress, keeper: Keeper): void {
  const all = keepers.get(progress)
  all?.delete(keeper)
  if (all?.size === 0) delete progress.keep
}

/** What is still to be written of an array of a run: of the view, or a copy from before it was changed. */
interface Pending {
  readonly tensor: Tensor
  values: FloatArray
  /** At which number `values` begins. */
  start: number
  /** What comes before there is written. */
  written: number
  isCopied: boolean
}

export class Snapshot {
  /** Arrays in it are live: {@link read} has what they were. */
  readonly saved: Saved
  readonly #pending = new Map<FloatArray, Pending>()
  readonly #progress: Progress

  /** @throws as `optimizer.save()` */
  constructor(optimizer: unknown) {
    if (!(optimizer instanceof Optimizer)) throw new OptionError('optimizer', 'an Optimizer', optimizer)
    let found: Progress | undefined
    const keep: Keep = (view, tensor, progress) => {
      this.#pending.set(view, { tensor, values: view, written: 0, start: 0, isCopied: false })
      found = progress
      return view
    }
    this.saved = (optimizer as unknown as { save(keep: Keep): Saved }).save(keep)
    this.#progress = found as unknown as Progress
    watch(this.#progress, this.#keep)
  }

  readonly #keep: Keeper = (change) => {
    if (LOOKS.includes(change)) return
    for (const [view, pending] of this.#pending) {
      if (pending.isCopied || !this.#changes(change, view, pending.tensor)) continue
      pending.values = copyOf(pending.values.subarray(pending.written))
      pending.start = pending.written
      pending.isCopied = true
    }
  }

  #changes(change: Change, view: FloatArray, { name, number, state, isFrozen }: Tensor): boolean {
    if (change === 'point') return state.point !== undefined && !isFrozen
    if (typeof change === 'string') return true
    if (isFrozen) return false
    const { average, slow, accumulated } = this.saved.tensors[name]
    // Some steps of theirs are of all tensors, whether they have a gradient then or not.
    if (slow !== null || accumulated !== null) return true
    return change === ALL || change[number] !== undefined || average?.values === view
  }

  /** Numbers of an array as they were. */
  read(view: FloatArray, from: number, to: number): FloatArray {
    const { values, start } = this.#pending.get(view) as Pending
    return values.subarray(from - start, to - start)
  }

  /** Leaves all others out. */
  only(views: ReadonlySet<FloatArray>): void {
    for (const view of this.#pending.keys()) if (!views.has(view)) this.#pending.delete(view)
  }

  /** Nobody asks again for what comes before there. */
  release(view: FloatArray, to: number): void {
    const pending = this.#pending.get(view) as Pending
    pending.written = to
    if (to === view.length) this.#pending.delete(view)
  }

  /** Of all that is left. */
  close(): void {
    this.#pending.clear()
    unwatch(this.#progress, this.#keep)
  }
}
