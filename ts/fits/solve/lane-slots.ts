/**
 * Several copies of the same groups in one batch, so that several computations advance side by side. Each computation
 * has a slot: the lanes of one copy.
 */

import type { Program } from '../../expressions/program.js'
import type { DataColumn } from '../../many/batch/data.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { release } from './batch-pool.js'
import {
  createResident,
  type GroupRange,
  Lanes,
  type ResidentBatch,
  type ResidentPart,
} from './group-lanes.js'

/** Creates the lanes of groups. */
export type CreateLanes = (
  program: Program,
  stretches: readonly GroupRange[],
  data: readonly DataColumn[],
) => Lanes

/** The lanes of all slots. Each batch has one cohort per slot. */
class SlottedLanes {
  readonly #program: Program
  readonly #batches: readonly ResidentBatch[]
  /** Count of the groups of a slot in each batch, and the index of their first group. */
  readonly #stretches: readonly { readonly length: number; readonly firstRow: number }[]

  constructor(
    program: Program,
    stretches: readonly GroupRange[],
    data: readonly DataColumn[],
    { runner: { threads }, count }: SlotOptions,
  ) {
    this.#program = program
    this.#stretches = stretches.map(({ groups: { length }, firstRow }) => ({ length, firstRow }))
    this.#batches = stretches.map(({ groups, rows }) => {
      const runs = new Uint32Array(groups.length * count)
      for (let slot = 0; slot < count; slot++) runs.set(groups, slot * groups.length)
      return createResident(program, runs, 0, { rows, data, threads, cohorts: count })
    })
  }

  /** The cohorts of a slot. */
  partsOf(slot: number): ResidentPart[][] {
    return this.#batches.map(({ parts }, k) => {
      const { length, firstRow } = this.#stretches[k]
      return [{ planes: parts[slot].planes, firstGroup: firstRow, end: firstRow + length }]
    })
  }

  /** Runs the program once over the groups of some slots. */
  *run(slots: readonly number[]): Generator<EngineCall> {
    for (const [k, { batch }] of this.#batches.entries()) {
      batch.counts.fill(0)
      for (const slot of slots) batch.counts[slot] = this.#stretches[k].length
      batch.done = 0
      yield batch
    }
  }

  release(): void {
    for (const { batch } of this.#batches) release(this.#program, batch)
  }
}

/** The lanes of one slot. Their program runs together with the programs of other slots. */
class SlotLanes extends Lanes {
  readonly #request: () => void

  constructor(stretches: readonly (readonly ResidentPart[])[], request: () => void) {
    super(stretches)
    this.#request = request
  }

  *run(): Generator<EngineCall> {
    this.#request()
    yield
  }

  /** The lanes belong to all slots, which are released together. */
  release(): void {}
}

/** Number of slots, and the runner whose engine advances the slots. */
export interface SlotOptions {
  readonly runner: BatchRunner
  readonly count: number
}

/** A computation whose engine calls are evaluations in the lanes of a slot. */
export type SlotTask = Generator<EngineCall, void>

export class LaneSlots {
  readonly #options: SlotOptions
  /** Lanes of each batch of groups, by the index of the batch. */
  readonly #lanes: (SlottedLanes | undefined)[] = []
  /** Index of the batch of groups that each slot waits for, or −1. */
  readonly #requests: Int32Array

  constructor(options: SlotOptions) {
    this.#options = options
    this.#requests = new Int32Array(options.count).fill(-1)
  }

  /** Function that creates the lanes of a slot for a batch of groups. Each batch may have one program. */
  createLanes(slot: number, batch: number): CreateLanes {
    return (program, stretches, data) => {
      const lanes = this.#lanes[batch] ?? new SlottedLanes(program, stretches, data, this.#options)
      this.#lanes[batch] = lanes
      return new SlotLanes(lanes.partsOf(slot), () => {
        this.#requests[slot] = batch
      })
    }
  }

  /**
   * Runs tasks until none is left. Each round advances all tasks to their next evaluation, and then evaluates all
   * slots together.
   *
   * @param next returns a new task for a slot, or undefined if no task is left
   */
  *run(next: (slot: number) => SlotTask | undefined): Generator<EngineCall, void> {
    const tasks = new Map<number, SlotTask>()
    for (;;) {
      for (const slot of this.#requests.keys()) {
        let task = tasks.get(slot) ?? next(slot)
        while (task !== undefined && !this.#advance(task, slot)) {
          yield
          task = next(slot)
        }
        if (task === undefined) tasks.delete(slot)
        else tasks.set(slot, task)
        yield
      }
      if (tasks.size === 0) return
      for (const [batch, lanes] of this.#lanes.entries()) {
        const waiting = [...tasks.keys()].filter((slot) => this.#requests[slot] === batch)
        if (waiting.length > 0) yield* (lanes as SlottedLanes).run(waiting)
      }
    }
  }

  /** Advances a task to its next evaluation. The result is false if the task has ended. */
  #advance(task: SlotTask, slot: number): boolean {
    this.#requests[slot] = -1
    while (this.#requests[slot] < 0) if (task.next().done) return false
    return true
  }

  /** Releases the memory of all slots. No engine may still use the memory. */
  release(): void {
    for (const lanes of this.#lanes) lanes?.release()
  }
}
