/**
 * The lanes of the fits of one batch, which are created by the first integration. Only Node's file of the package
 * loads the extension (scripts/build-ts.mjs), because the code would enlarge the bundles of pages.
 */

import { BLOCK_OF_RUNS } from '../../arena/manifest.js'
import { extensions } from '../../extensions.js'
import type { BatchRunner } from '../../many/engines/engines.js'
import type { ModelLanes } from '../problem/function-model.js'
import { integrateExplicit } from './explicit.js'
import type { Jet } from './jet.js'
import { IntegrationLanes } from './lanes.js'
import { compileStep, type StepProgram } from './step-program.js'
import type { OdeSystem } from './system.js'

declare module '../../extensions.js' {
  interface Extensions {
    odeLanes: typeof odeLanes
  }
}

/** Maximum number of states and sensitivities of an integration in a lane. Larger programs would leave the caches. */
const MAX_NUMBERS = 100

/** Programs of steps by the rates; null if the system has no such program. */
const steps = new WeakMap<Jet, StepProgram | null>()

/** Count of fits from which the first call of a process takes no more time with lanes than without. */
const MIN_FITS = 256

export const odeLanes = {
  /** Whether a count of fits uses lanes, if the option `engine` has the given value. */
  isUsed(engine: unknown, count: number): boolean {
    return engine === undefined ? count >= MIN_FITS : engine !== 'typescript'
  },

  /** Creates lanes for a count of fits. */
  create(system: OdeSystem, count: number, runner: BatchRunner): OdeLanes {
    return new OdeLanes(system, count, runner)
  },
}

/**
 * Maximum number of fits at a time per thread, a block of the engine. The arrays of more fits would survive the
 * collections of short-lived garbage, and leave the caches.
 */
const MAX_FITS_PER_THREAD = BLOCK_OF_RUNS
const MAX_THREADS = 4

function stepFor(system: OdeSystem, directions: readonly string[]): StepProgram | null {
  const { states, names, time, inputs, doses, method, rtol, atol, controlsSensitivities } = system.definition
  const [n, m] = [states.length, directions.length]
  const isLinear = [...inputs.values()].some((input) => input.isLinear)
  if (method === 'stiff' || controlsSensitivities || isLinear || n * (1 + m) > MAX_NUMBERS) return null
  const rates = system.ratesFor(directions)
  const known = steps.get(rates)
  if (known !== undefined) return known
  const all = [time, ...states, ...names, ...inputs.keys()]
  const step = compileStep(rates, all, [n, m], { rtol, atol }, doses.length > 0)
  steps.set(rates, step)
  return step
}

export class OdeLanes implements ModelLanes {
  readonly #system: OdeSystem
  /** Number of lanes. When a fit ends, the next fit takes its lane. */
  readonly #count: number
  readonly #runner: BatchRunner
  readonly #laneOf: number[] = []
  #lanes: IntegrationLanes | undefined

  constructor(system: OdeSystem, count: number, runner: BatchRunner) {
    this.#system = system
    this.#count = Math.min(count, MAX_FITS_PER_THREAD * Math.min(MAX_THREADS, runner.threads))
    this.#runner = runner
  }

  /** The explicit method in the lane of a fit. Integrations with other sensitivities than the lanes run alone. */
  explicitFor(run: number, directions: readonly string[]): typeof integrateExplicit {
    const step = stepFor(this.#system, directions)
    if (step === null || (this.#lanes !== undefined && this.#lanes.step !== step)) return integrateExplicit
    return (...given) => this.#lanesFor(step).integrate(this.#laneOf[run], ...given)
  }

  #lanesFor(step: StepProgram): IntegrationLanes {
    this.#lanes ??= new IntegrationLanes(step, this.#count, this.#runner)
    return this.#lanes
  }

  *run<Call>(fits: readonly Generator<Call, void>[]): Generator<Call | undefined, void> {
    const fitOf: number[] = []
    let next = 0
    const isWaiting = (lane: number) => this.#lanes?.isWaiting(lane) === true
    const startNext = (lane: number) => {
      fitOf[lane] = next
      this.#laneOf[next] = lane
      next++
    }
    const remove = (lane: number) => this.#lanes?.remove(lane)
    function* resume(lane: number): Generator<Call | undefined, void> {
      for (;;) {
        const { done, value } = fits[fitOf[lane]].next()
        if (done && next >= fits.length) {
          remove(lane)
          return
        }
        if (done) startNext(lane)
        else if (isWaiting(lane)) return
        yield done ? undefined : value
      }
    }
    for (let lane = 0; lane < this.#count; lane++) startNext(lane)
    for (let lane = 0; lane < this.#count; lane++) yield* resume(lane)
    while (fitOf.some((_, lane) => isWaiting(lane))) {
      for (const lane of this.#lanes?.advance() ?? []) yield* resume(lane)
      yield
    }
  }
}

extensions.odeLanes = odeLanes
