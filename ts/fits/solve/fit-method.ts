/** The option `method` of fits. */

import type { EngineName } from '../../engines/engine.js'
import type { EngineCall } from '../../many/engines/execute.js'
import type { WasmModule } from '../../webassembly/module.js'
import type { Problem } from '../problem/problem.js'
import { objectOption } from './object-option.js'
import type { SolverBatch, StoppedRuns } from './solver.js'

/** A request to minimize fits. */
export interface MethodRequest extends Pick<SolverBatch, 'runs' | 'data' | 'starts' | 'fixed'> {
  readonly problem: Problem
  /** The same problem in internal parameters, which the steps of a solver use. */
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
 * Minimization method instead of Levenberg-Marquardt: the object that `ruleMethod()` returns. The object contains the
 * code of the method, so that other fits do not load the code.
 */
export abstract class FitMethod {
  readonly #isOurs = true

  /** @internal Whether the object is a real instance of the class, not a proxy of an instance. */
  static has(given: object): given is FitMethod {
    return #isOurs in given
  }

  /** @internal The WebAssembly module that runs the method's batches, and also the batches of other fits. */
  abstract readonly module: WasmModule

  /** @internal Minimizes the cost of the requested fits. */
  abstract minimize(request: MethodRequest): Generator<EngineCall, StoppedRuns>
}

export const fitMethod = objectOption('ruleMethod', FitMethod.has)
