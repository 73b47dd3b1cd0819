/** The option `method` of fits. */

import { isObject } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import type { EngineCall } from '../../many/engines/execute.js'
import { option } from '../../options/kinds.js'
import type { WasmModule } from '../../webassembly/module.js'
import type { Problem } from '../problem/problem.js'
import type { SolverBatch, StoppedRuns } from './solver.js'

/** Fits to minimize. */
export interface MethodRequest extends Pick<SolverBatch, 'runs' | 'data' | 'starts' | 'fixed'> {
  readonly problem: Problem
  /** The same problem with the parameters that a solver steps through. */
  readonly problemInSteps: Problem
  readonly options: {
    readonly engine: EngineName
    readonly tolerance: number | undefined
    readonly maxIterations: number | undefined
    readonly instructionSet: string | undefined
    readonly threads: number | undefined
  }
}

/**
 * What minimizes instead of Levenberg-Marquardt: what `ruleMethod()` returns. It brings its code, which fits do not load
 * without it.
 */
export abstract class FitMethod {
  readonly #isOurs = true

  /** @internal Whether it is one, and no proxy of one. */
  static has(given: object): given is FitMethod {
    return #isOurs in given
  }

  /** @internal The WebAssembly module that runs its batches, and those of fits. */
  abstract readonly module: WasmModule

  /** @internal Minimizes the cost of some fits. */
  abstract minimize(request: MethodRequest): Generator<EngineCall, StoppedRuns>
}

export const fitMethod = option<FitMethod | undefined, undefined>(
  'what ruleMethod() returns',
  undefined,
  (x) => x === undefined || (isObject(x) && FitMethod.has(x)),
)
