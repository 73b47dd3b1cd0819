/** The engines that run the stages of an arena. */

// biome-ignore-all assist/source/organizeImports: in a bundle, the bytes of the module then precede all code. Between
// other code they would keep gzip from finding repetitions across them, which costs 600 bytes.
import { report as reportWasm, wasm } from './wasm.js'
import type { Arena } from '../arena/arena.js'
import { type EngineRequest, type EngineChoice, selectEngine } from './select-engine.js'
import type { Engine, EngineName, EngineReport, Runner } from './engine.js'
import { native, report as reportNative } from '#native'
import { typescript } from './typescript.js'

const allEngines: Readonly<Record<EngineName, Engine>> = { native, wasm, typescript }

/** The parameter count from which the wider vectors of the native engine outweigh its higher cost per call. */
const MIN_NATIVE_PARAMETERS = 128

/**
 * Reports for each engine whether it is available, why it is not available, and its instruction sets. The first call
 * loads the engines. The TypeScript engine is always available.
 */
export function engines(): Readonly<Record<EngineName, EngineReport>> {
  return {
    native: reportNative(),
    wasm: reportWasm(),
    typescript: { available: true, reasons: [], instructionSets: [], threads: 1 },
  }
}

/**
 * Attaches the requested engine to an arena, or the best engine for the arena's size.
 *
 * @throws EngineError if the requested engine cannot run in this runtime
 */
export function attach(arena: Arena, asked: EngineRequest): EngineChoice<Runner> {
  const isLarge = arena.length >= MIN_NATIVE_PARAMETERS
  return selectEngine(
    asked,
    (engine, forced) => allEngines[engine].attach(arena, forced),
    isLarge ? ['native', 'wasm'] : ['wasm', 'native'],
    `the optimizer has ${isLarge ? 'at least' : 'fewer than'} ${MIN_NATIVE_PARAMETERS} parameters`,
  )
}
