/** The engine of fits whose model is a function. */

import { OptionError } from '../../core/errors.js'
import type { EngineChoice } from '../../engines/select-engine.js'
import { extensions } from '../../extensions.js'
import { type BatchRunner, selectRunner } from '../../many/engines/engines.js'
import type { WasmModule } from '../../webassembly/module.js'

interface EngineOptions {
  readonly engine: unknown
  readonly instructionSet: Parameters<typeof selectRunner>[0]['instructionSet']
  readonly threads: Parameters<typeof selectRunner>[0]['threads']
}

/**
 * Selects the engine of fits whose model is a function. A model with exact derivatives computes many fits side by side
 * on any engine, if the code of lanes is loaded.
 *
 * @throws OptionError if the options request another engine
 */
export function selectFunctionEngine(
  options: EngineOptions,
  isExact: boolean,
  count: number,
  module: WasmModule,
): EngineChoice<BatchRunner> {
  return isExact && extensions.odeLanes?.isUsed(options.engine, count)
    ? selectRunner(options as Parameters<typeof selectRunner>[0], module)
    : forceTypeScript(options, isExact, module)
}

/**
 * Selects the TypeScript engine, the only engine that can run model functions.
 *
 * @param isExact whether the function has exact derivatives, as a model of `ode` has
 * @throws OptionError if the options request another engine
 */
export function forceTypeScript(
  { engine: asked, instructionSet, threads }: EngineOptions,
  isExact: boolean,
  module: WasmModule,
): EngineChoice<BatchRunner> {
  const why = isExact ? 'the model is integrated in TypeScript' : 'the model is a function'
  if (asked !== undefined && asked !== 'typescript')
    throw new OptionError('engine', `'typescript' if ${why}`, asked)
  const { engine, runner } = selectRunner({ engine: 'typescript', instructionSet, threads }, module)
  const remedy = 'fromFunction (antigrad/from-function) gives exact derivatives and all engines'
  return { engine, runner, reasons: isExact ? [why] : [`${why}: it runs in JavaScript`, remedy] }
}
