/** Profiles of many parameters of a shared fit, side by side in lanes. */

import { groupBy } from '../../core/group-by.js'
import type { CallProgress, EngineCall } from '../../many/engines/execute.js'
import { LaneSlots, type SlotTask } from '../solve/lane-slots.js'
import type { ArrowheadSolver } from './arrowhead-solver.js'
import {
  type ProfiledParameter,
  type ProfiledQuantity,
  prepareProfiles,
  type SharedEndpoint,
  type SharedProfile,
  searchEndpoint,
  toProfile,
} from './profile.js'
import type { SharedRun } from './run.js'
import type { SharedStatistics } from './shared-statistics.js'

/** Maximum number of endpoints that are searched for side by side. Each search has a slot with a copy of all groups. */
const MAX_SLOTS = 64
/** Maximum numbers of groups and of rows, over all slots. */
const MAX_GROUPS = 8192
const MAX_ROWS = 1 << 18

/** The parameters to profile, and the confidence level. */
export interface ProfileRequest {
  readonly run: SharedRun
  readonly statistics: SharedStatistics
  readonly parameters: readonly (ProfiledParameter | ProfiledQuantity)[]
  readonly level: number
  readonly progress: CallProgress
}

/** A computation of profiles. */
export class ProfileRun {
  readonly #request: ProfileRequest
  /** Solvers and lanes whose memory must be released. */
  readonly #resources: { release(): void }[] = []

  constructor(request: ProfileRequest) {
    this.#request = request
    request.progress.total = request.parameters.length
  }

  *calls(): Generator<EngineCall, SharedProfile[]> {
    const { run, statistics, parameters, level, progress } = this.#request
    const { isAbsolute, maxIterations } = run
    const prepared = prepareProfiles(run.solver, statistics, parameters, { level, isAbsolute, maxIterations })
    const ends = prepared.map((): SharedEndpoint[] => [])
    let done = prepared.filter((one) => 'low' in one).length
    function* search(solver: ArrowheadSolver, k: number, side: 0 | 1): SlotTask {
      const one = prepared[k]
      if ('low' in one) return
      ends[k][side] = yield* searchEndpoint(solver, one, side === 0 ? -1 : 1)
      if (ends[k][1 - side] !== undefined) progress.advance(++done)
    }
    const open = [...prepared.keys()].filter((k) => !('low' in prepared[k]))
    const nameOf = (k: number) => {
      const one = parameters[k]
      return 'compute' in one ? one.name : undefined
    }
    for (const [name, places] of groupBy(open, nameOf)) {
      const sides = places.flatMap((k) => ([0, 1] as const).map((side) => ({ k, side })))
      yield* this.#run(
        name,
        sides.map(
          ({ k, side }) =>
            (solver) =>
              search(solver, k, side),
        ),
      )
    }
    if (open.length < prepared.length) progress.advance(done)
    return prepared.map((one, k) => ('low' in one ? one : toProfile(parameters[k], ends[k][0], ends[k][1])))
  }

  /**
   * Runs searches, each with a solver.
   *
   * @param penalized name of the derived quantity that a penalty holds, or undefined for profiles of parameters
   */
  *#run(
    penalized: string | undefined,
    searches: readonly ((solver: ArrowheadSolver) => SlotTask)[],
  ): Generator<EngineCall, void> {
    const { run, statistics } = this.#request
    const { batches, labels } = run.parsed
    const values = batches.map((batch) => {
      const isKnown = batch.outputs[0].compiled.problem.derived.has(penalized ?? '')
      return isKnown ? { ...batch, penalized } : batch
    })
    const count = Math.min(
      searches.length,
      MAX_SLOTS,
      Math.floor(MAX_GROUPS / labels.length),
      Math.floor(MAX_ROWS / statistics.observations),
    )
    // Only compiled programs gain from slots.
    if (count <= 1 || run.isFunction) {
      const solver = run.createSolver(values)
      this.#resources.push(solver)
      for (const search of searches) yield* search(solver)
      return
    }
    const slots = new LaneSlots({ runner: run.choice.runner, count })
    this.#resources.push(slots)
    const solvers: ArrowheadSolver[] = []
    for (let slot = 0; slot < count; slot++) {
      solvers.push(run.createSolver(values, (batch) => slots.createLanes(slot, batch)))
      yield
    }
    let next = 0
    yield* slots.run((slot) => searches[next++]?.(solvers[slot]))
  }

  /** Releases all memory. No engine may still use the memory. */
  release(): void {
    for (const resource of this.#resources.splice(0)) resource.release()
  }
}
