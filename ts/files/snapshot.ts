/** A run as it is at one moment, while it goes on: copied as far as something is about to change it, and no further. */

import { ALL, ByRow, importedRows, type Present } from '../gradients/read.js'
import { OptionError } from '../ground/errors.js'
import type { FloatArray } from '../ground/numbers.js'
import { weightOf } from '../model/averages.js'
import type { Tensor } from '../model/part.js'
import { Optimizer } from '../optimizer.js'
import type { Keep, Saved } from '../saved/write.js'
import type { Progress } from '../step/progress.js'
import { Pending } from './pending.js'

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

/** What of an array is about to change: nothing, all, or some rows. */
type Changed = boolean | Uint32Array

/** An array that is to be written. */
interface Watched {
  readonly tensor: Tensor
  readonly pending: Pending
}

export class Snapshot {
  /** Arrays in it are live: {@link read} has what they were. */
  readonly saved: Saved
  readonly #pending = new Map<FloatArray, Watched>()
  readonly #progress: Progress

  /** @throws as `optimizer.save()` */
  constructor(optimizer: unknown) {
    if (!(optimizer instanceof Optimizer)) throw new OptionError('optimizer', 'an Optimizer', optimizer)
    let found: Progress | undefined
    const keep: Keep = (view, tensor, progress) => {
      this.#pending.set(view, { tensor, pending: new Pending(view) })
      found = progress
      return view
    }
    this.saved = (optimizer as unknown as { save(keep: Keep): Saved }).save(keep)
    this.#progress = found as unknown as Progress
    watch(this.#progress, this.#keep)
  }

  readonly #keep: Keeper = (change) => {
    if (LOOKS.includes(change)) return
    for (const [view, { tensor, pending }] of this.#pending) {
      // A tensor may have moved since: then all was kept.
      if (pending.isKept) continue
      const changed = this.#changed(change, view, tensor)
      if (changed === true) pending.keep()
      else if (changed) pending.keepRows(changed, (tensor.shape as readonly number[])[0])
    }
  }

  #changed(change: Change, view: FloatArray, tensor: Tensor): Changed {
    if (typeof change === 'string')
      return change !== 'point' || (tensor.state.point !== undefined && !tensor.isFrozen)
    if (tensor.isFrozen) return false
    const { around, updates, batches } = this.#progress
    const { accumulate, lookahead, average } = around
    const { params, slow, accumulated, average: averaged } = this.saved.tensors[tensor.name]
    const isUpdate = batches + 1 >= accumulate.batches
    const wasGathered = isUpdate && tensor.gathered !== false
    if (!isUpdate && view !== accumulated?.values) return false
    // These take all tensors along, whether they have gradients or not.
    if (view === averaged?.values && average !== null)
      return weightOf(average, updates + 1, tensor.averaged) !== null
    if (lookahead !== null && (view === params || view === slow) && (updates + 1) % lookahead.steps === 0)
      return true
    return view !== slow && (wasGathered || changedBy(change, view, tensor))
  }

  /** Numbers of an array as they were. */
  read(view: FloatArray, from: number, to: number): FloatArray {
    return this.#of(view).read(from, to)
  }

  /** Leaves all others out. */
  only(views: ReadonlySet<FloatArray>): void {
    for (const view of this.#pending.keys()) if (!views.has(view)) this.#pending.delete(view)
  }

  /** Nobody asks again for what comes before there. */
  release(view: FloatArray, to: number): void {
    this.#of(view).release(to)
    if (to === view.length) this.#pending.delete(view)
  }

  #of(view: FloatArray): Pending {
    return (this.#pending.get(view) as Watched).pending
  }

  /** Of all that is left. */
  close(): void {
    this.#pending.clear()
    unwatch(this.#progress, this.#keep)
  }
}

/** What an update by these gradients changes of an array of a tensor. */
function changedBy(gradients: Present, { length }: FloatArray, tensor: Tensor): Changed {
  const gradient = gradients === ALL ? undefined : gradients[tensor.number]
  if (!(gradient instanceof ByRow)) return gradients === ALL || gradient !== undefined
  const rows = tensor.shape?.[0]
  return length === tensor.length || length === rows ? (importedRows.listed?.(tensor) ?? true) : true
}
