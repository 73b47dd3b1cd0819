/** Which engine runs what, and why. */

// biome-ignore-all assist/source/organizeImports: in a bundle the module's bytes come before all code then. In the
// middle they would keep gzip from finding in what follows what came before, which costs 600 bytes.
import { wasm } from './wasm.js'
import type { Arena } from '../arena/arena.js'
import { EngineError, messageOf, OptionError } from '../ground/errors.js'
import type { Engine, EngineName, EngineReport, Forced, Runner } from './engine.js'
import { native } from './native.js'
import { typescript } from './typescript.js'

const all: Readonly<Record<EngineName, Engine>> = { native, wasm, typescript }
export const engineNames = Object.keys(all) as readonly EngineName[]

/** From this many parameters on, a native call's higher cost is paid back by its wider vectors. */
export const NATIVE_FROM = 128

const MOST_THREADS = 256

/**
 * For each engine whether it loaded, its instruction sets, and why not. The first call loads them.
 * The one in TypeScript is always available.
 */
export function engines(): Readonly<Record<EngineName, EngineReport>> {
  return {
    native: native.report(),
    wasm: wasm.report(),
    typescript: typescript.report(),
  }
}

export interface Choice {
  readonly engine: Engine
  readonly runner: Runner
  /** Why this one, in the order in which engines were considered. */
  readonly reasons: readonly string[]
}

/** The number of threads that was asked for, by option or else by the environment variable. */
export function requestedThreads(option: number | undefined): number | undefined {
  const variable = globalThis.process?.env?.ANTIGRAD_THREADS || undefined
  const threads = option === undefined && variable !== undefined ? Number(variable) : option
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= MOST_THREADS)) {
    const by = option === undefined ? 'the environment variable ANTIGRAD_THREADS' : 'threads'
    throw new OptionError(
      by,
      `a whole number from 1 to ${MOST_THREADS}`,
      option === undefined ? variable : option,
    )
  }
  return threads
}

/** An engine that was asked for, and by what. */
export interface Requested {
  readonly name: EngineName
  readonly by: string
}

/** The engine that was asked for, by option or else by the environment variable. */
export function requestedEngine(option: EngineName | undefined): Requested | null {
  const variable = globalThis.process?.env?.ANTIGRAD_ENGINE || undefined
  const name = option === undefined ? (variable as EngineName | undefined) : option
  if (name === undefined) return null
  const by = option === undefined ? 'the environment variable ANTIGRAD_ENGINE' : 'the option engine'
  if (!engineNames.includes(name)) {
    throw new OptionError(by, engineNames.map((known) => `'${known}'`).join(' or '), name)
  }
  return { name, by }
}

/**
 * Attaches the arena to the engine that was asked for, or else to the best one for its size.
 *
 * @throws EngineError where an engine was asked for and cannot run here
 */
export function choose(arena: Arena, requested: Requested | null, forced: Forced): Choice {
  if (requested !== null) {
    const { name, by } = requested
    try {
      const engine = all[name]
      return { engine, runner: engine.attach(arena, forced), reasons: [`${by} asked for it`] }
    } catch (thrown) {
      throw new EngineError(name, [messageOf(thrown)])
    }
  }
  const large = arena.length >= NATIVE_FROM
  const reasons = [`the optimizer has ${large ? 'at least' : 'fewer than'} ${NATIVE_FROM} parameters`]
  for (const engine of large ? [native, wasm] : [wasm, native]) {
    try {
      return { engine, runner: engine.attach(arena, forced), reasons }
    } catch (thrown) {
      reasons.push(`${engine.name}: ${messageOf(thrown)}`)
    }
  }
  return { engine: typescript, runner: typescript.attach(arena, forced), reasons }
}
