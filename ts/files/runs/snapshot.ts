/** A copy-on-write snapshot of a running optimizer: a value is copied only when it is about to change. */

import type { CopyArray, SavedRun } from '../../checkpoint/write.js'
import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import { extensions } from '../../extensions.js'
import { ALL_GRADIENTS, RowGradient, type StepGradients } from '../../gradients/read.js'
import { averageWeight } from '../../model/averages.js'
import type { Tensor } from '../../model/partition.js'
import { Optimizer, saveWith } from '../../optimizer.js'
import type { Progress } from '../../step/progress.js'
import { PendingWrite } from './pending-write.js'

/** A change of the optimizer: the name of a call, or the gradients of a step. */
type Change = string | StepGradients

/** Names of the calls that do not change saved values. A step is also announced with its gradients. */
const READ_ONLY_CALLS: readonly Change[] = ['save', 'state', 'set', 'zeroGrad', 'add', 'step', 'stepAsync']

type ChangeListener = (change: Change) => void

/**
 * Listeners to the changes of each optimizer. An optimizer can have several listeners, because several files can be
 * written at the same time.
 */
const listeners = new WeakMap<Progress, Set<ChangeListener>>()

function subscribe(progress: Progress, keeper: ChangeListener): void {
  const all = listeners.get(progress) ?? new Set()
  listeners.set(progress, all.add(keeper))
  progress.keep = (change) => {
    for (const keeper of all) keeper(change)
  }
}

function unsubscribe(progress: Progress, listener: ChangeListener): void {
  const all = listeners.get(progress)
  all?.delete(listener)
  if (all?.size === 0) delete progress.keep
}

/** The rows of an array that are about to change: no rows (false), all rows (true), or the listed rows. */
type ChangedRows = boolean | Uint32Array

/** An array that has not been completely written yet. */
interface WatchedTensor {
  readonly tensor: Tensor
  readonly pending: PendingWrite
}

export class RunSnapshot {
  /**
   * The saved run. The arrays of the saved run are live views; {@link read} returns their values at the time of the
   * snapshot.
   */
  readonly saved: SavedRun
  readonly #pending = new Map<FloatArray, WatchedTensor>()
  readonly #progress: Progress

  /** @throws the errors of `optimizer.save()` */
  constructor(optimizer: unknown) {
    if (!(optimizer instanceof Optimizer)) throw new OptionError('optimizer', 'an Optimizer', optimizer)
    let found: Progress | undefined
    const keep: CopyArray = (view, tensor, progress) => {
      this.#pending.set(view, { tensor, pending: new PendingWrite(view) })
      found = progress
      return view
    }
    this.saved = saveWith(optimizer, keep)
    this.#progress = found as unknown as Progress
    subscribe(this.#progress, this.#keep)
  }

  readonly #keep: ChangeListener = (change) => {
    if (READ_ONLY_CALLS.includes(change)) return
    for (const [view, { tensor, pending }] of this.#pending) {
      // If the tensor has moved to other memory, its previous values have already been copied.
      if (pending.isKept) continue
      const changed = this.#changed(change, view, tensor)
      if (changed === true) pending.keep()
      else if (changed) pending.keepRows(changed, (tensor.shape as readonly number[])[0])
    }
  }

  #changed(change: Change, view: FloatArray, tensor: Tensor): ChangedRows {
    if (typeof change === 'string')
      return change !== 'point' || (tensor.state.point !== undefined && !tensor.isFrozen)
    if (tensor.isFrozen) return false
    const { around, updates, batches } = this.#progress
    const { accumulate, lookahead, average } = around
    const { params, slow, accumulated, average: averaged } = this.saved.tensors[tensor.name]
    const isUpdate = batches + 1 >= accumulate.batches
    const wasGathered = isUpdate && tensor.gathered !== false
    if (!isUpdate && view !== accumulated?.values) return false
    // Averages change for all tensors, whether they have gradients or not.
    if (view === averaged?.values && average !== null)
      return averageWeight(average, updates + 1, tensor.averaged) !== null
    if (lookahead !== null && (view === params || view === slow) && (updates + 1) % lookahead.steps === 0)
      return true
    return view !== slow && (wasGathered || findChangedRows(change, view, tensor))
  }

  /** Returns a range of an array's values at the time of the snapshot. */
  read(view: FloatArray, from: number, to: number): FloatArray {
    return this.#findPending(view).read(from, to)
  }

  /** Stops watching the arrays that are not listed. */
  keepOnly(views: ReadonlySet<FloatArray>): void {
    for (const view of this.#pending.keys()) if (!views.has(view)) this.#pending.delete(view)
  }

  /** The caller announces that no further request concerns values before `to`. */
  release(view: FloatArray, to: number): void {
    this.#findPending(view).release(to)
    if (to === view.length) this.#pending.delete(view)
  }

  #findPending(view: FloatArray): PendingWrite {
    return (this.#pending.get(view) as WatchedTensor).pending
  }

  /** Stops watching all arrays. */
  close(): void {
    this.#pending.clear()
    unsubscribe(this.#progress, this.#keep)
  }
}

/** The rows of a tensor's array that change in an update with the given gradients. */
function findChangedRows(gradients: StepGradients, { length }: FloatArray, tensor: Tensor): ChangedRows {
  const gradient = gradients === ALL_GRADIENTS ? undefined : gradients[tensor.number]
  if (!(gradient instanceof RowGradient)) return gradients === ALL_GRADIENTS || gradient !== undefined
  const rows = tensor.shape?.[0]
  return length === tensor.length || length === rows ? (extensions.rows?.listed(tensor) ?? true) : true
}
