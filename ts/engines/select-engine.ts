/** Selects the requested engine or the first working engine, and records the reasons. */

import { checkInstructionSet, environmentVariable } from '#native'
import { EngineError, getMessage, OptionError } from '../core/errors.js'
import type { EngineName, EngineSettings } from './engine.js'

export const engineNames: readonly EngineName[] = ['native', 'wasm', 'typescript']

const MAX_THREADS = 256

/** A requested engine, and the source of the request. */
export interface RequestedEngine {
  readonly name: EngineName
  readonly source: string
}

/** Validated engine settings from the user. */
export interface EngineRequest {
  /** The requested engine; null if any engine is acceptable. */
  readonly requested: RequestedEngine | null
  readonly forced: EngineSettings
}

/**
 * Reads the requested engine from options or environment variables.
 *
 * @throws OptionError if the requested value is invalid
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
      throw new OptionError('instructionSet', "no value without engine: 'native'", instructionSet)
    }
    checkInstructionSet(instructionSet)
  }
  return { requested, forced: { instructionSet, threads: requestedThreads(options.threads) } }
}

/** The engine that the option or the environment variable requests. The option takes precedence. */
export function requestedEngine(option: unknown): RequestedEngine | null {
  const [name, by] = readOptionOrVariable(option, 'the option engine', 'ANTIGRAD_ENGINE')
  if (name === undefined) return null
  if (!engineNames.includes(name as EngineName)) {
    throw new OptionError(by, engineNames.map((known) => `'${known}'`).join(' or '), name)
  }
  return { name: name as EngineName, source: by }
}

/**
 * The number of threads that the option or the environment variable requests. The option takes precedence.
 */
export function requestedThreads(option: unknown): number | undefined {
  const [given, by] = readOptionOrVariable(option, 'threads', 'ANTIGRAD_THREADS')
  const threads = option === undefined && given !== undefined ? Number(given) : given
  if (threads === undefined) return undefined
  if (!(Number.isInteger(threads) && (threads as number) >= 1 && (threads as number) <= MAX_THREADS)) {
    throw new OptionError(by, `an integer from 1 to ${MAX_THREADS}`, given)
  }
  return threads as number
}

/** The requested value, and the source of the request. An empty environment variable counts as not set. */
function readOptionOrVariable(option: unknown, name: string, other: string): [given: unknown, by: string] {
  return option === undefined
    ? [environmentVariable(other), `the environment variable ${other}`]
    : [option, name]
}

export interface EngineChoice<R> {
  readonly engine: EngineName
  /** The object that performs work on the chosen engine. */
  readonly runner: R
  /** Reasons for the choice of the engine, in the order in which the engines were considered. */
  readonly reasons: readonly string[]
}

/**
 * Starts the requested engine or the first working engine. TypeScript is the last engine that is tried.
 *
 * @param begin starts an engine; an error from `begin` is the reason why the engine cannot run
 * @param order the engines besides TypeScript, in order of preference
 * @param why the reason for this order of preference
 * @throws EngineError if the requested engine cannot run in this runtime
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
      return { engine: name, runner: begin(name, forced), reasons: [`requested by ${source}`] }
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
