/** Which engine runs: the one that was asked for, or else the first that can; and why. */

import { checkInstructionSet, environmentVariable } from '#native'
import { EngineError, getMessage, OptionError } from '../core/errors.js'
import type { EngineName, EngineSettings } from './engine.js'

export const engineNames: readonly EngineName[] = ['native', 'wasm', 'typescript']

const MAX_THREADS = 256

/** An engine that was asked for, and by what. */
export interface RequestedEngine {
  readonly name: EngineName
  readonly source: string
}

/** What the user has fixed of engines, checked. */
export interface EngineRequest {
  /** Null if any engine will do. */
  readonly requested: RequestedEngine | null
  readonly forced: EngineSettings
}

/**
 * What was asked for, by options or else by environment variables.
 *
 * @throws OptionError where one of them is not what it has to be
 */
export function readEngineRequest(options: {
  readonly engine?: unknown
  readonly instructionSet?: unknown
  readonly threads?: unknown
}): EngineRequest {
  const requested = requestedEngine(options.engine)
  const instructionSet = options.instructionSet as string | undefined
  if (instructionSet !== undefined) {
    if (options.engine !== 'native') {
      throw new OptionError('instructionSet', "nothing without engine: 'native'", instructionSet)
    }
    checkInstructionSet(instructionSet)
  }
  return { requested, forced: { instructionSet, threads: requestedThreads(options.threads) } }
}

/** The engine that was asked for, by option or else by the environment variable. */
export function requestedEngine(option: unknown): RequestedEngine | null {
  const [name, by] = readOptionOrVariable(option, 'the option engine', 'ANTIGRAD_ENGINE')
  if (name === undefined) return null
  if (!engineNames.includes(name as EngineName)) {
    throw new OptionError(by, engineNames.map((known) => `'${known}'`).join(' or '), name)
  }
  return { name: name as EngineName, source: by }
}

/** The number of threads that was asked for, by option or else by the environment variable. */
export function requestedThreads(option: unknown): number | undefined {
  const [given, by] = readOptionOrVariable(option, 'threads', 'ANTIGRAD_THREADS')
  const threads = option === undefined && given !== undefined ? Number(given) : given
  if (threads === undefined) return undefined
  if (!(Number.isInteger(threads) && (threads as number) >= 1 && (threads as number) <= MAX_THREADS)) {
    throw new OptionError(by, `an integer from 1 to ${MAX_THREADS}`, given)
  }
  return threads as number
}

/** What was given, and by what. An empty variable is none. */
function readOptionOrVariable(option: unknown, name: string, other: string): [given: unknown, by: string] {
  return option === undefined
    ? [environmentVariable(other), `the environment variable ${other}`]
    : [option, name]
}

export interface EngineChoice<R> {
  readonly engine: EngineName
  /** What runs on it. */
  readonly runner: R
  /** Why this one, in the order in which engines were considered. */
  readonly reasons: readonly string[]
}

/**
 * Begins on the engine that was asked for, or else on the first that can; TypeScript is the last one.
 *
 * @param begin what it throws is why an engine cannot run
 * @param order of the others, and why it is theirs
 * @throws EngineError where an engine was asked for and cannot run here
 */
export function selectEngine<R>(
  { requested, forced }: EngineRequest,
  begin: (engine: EngineName, forced: EngineSettings) => R,
  order: readonly EngineName[],
  why: string,
): EngineChoice<R> {
  if (requested !== null) {
    const { name, source } = requested
    try {
      return { engine: name, runner: begin(name, forced), reasons: [`${source} asked for it`] }
    } catch (thrown) {
      throw new EngineError(name, [getMessage(thrown)])
    }
  }
  const reasons = [why]
  for (const engine of order) {
    try {
      return { engine, runner: begin(engine, forced), reasons }
    } catch (thrown) {
      reasons.push(`${engine}: ${getMessage(thrown)}`)
    }
  }
  return { engine: 'typescript', runner: begin('typescript', forced), reasons }
}
