/** The engines that run an arena. */

// biome-ignore-all assist/source/organizeImports: in a bundle the module's bytes come before all code then. In the
// middle they would keep gzip from finding in what follows what came before, which costs 600 bytes.
import { report as reportWasm, wasm } from './wasm.js'
import type { Arena } from '../arena/arena.js'
import { type EngineRequest, type EngineChoice, selectEngine } from './select-engine.js'
import type { Engine, EngineName, EngineReport, Runner } from './engine.js'
import { native, report as reportNative } from '#native'
import { typescript } from './typescript.js'

const allEngines: Readonly<Record<EngineName, Engine>> = { native, wasm, typescript }

/** From this many parameters on, a native call's higher cost is paid back by its wider vectors. */
const MIN_NATIVE_PARAMETERS = 128

/**
 * For each engine whether it loaded, its instruction sets, and why not. The first call loads them.
 * The one in TypeScript is always available.
 */
export function engines(): Readonly<Record<EngineName, EngineReport>> {
  return {
    native: reportNative(),
    wasm: reportWasm(),
    typescript: { available: true, reasons: [], instructionSets: [], threads: 1 },
  }
}

/**
 * Attaches an arena to the engine that was asked for, or else to the best one for its size.
 *
 * @throws EngineError where an engine was asked for and cannot run here
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
