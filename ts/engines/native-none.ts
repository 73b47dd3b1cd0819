import type { Addon } from './addon.js'
import type { Engine, EngineReport } from './engine.js'

const reason = 'builds for browsers have no addon'

/**
 * @throws Error, always, with the reason
 */
const fail = (): never => {
  throw new Error(reason)
}

/**
 * A stub of the native engine for runtimes other than Node. The stub keeps the native engine out of a page's bundle.
 */
export const native: Engine = { name: 'native', attach: fail }

export const report = (): EngineReport => ({
  available: false,
  reasons: [reason],
  instructionSets: [],
  threads: 0,
})

/** The error appears if the native engine is requested. */
export function checkInstructionSet(_name: string): void {}

export const loadOrThrow: () => Addon = fail

/** Web pages have no environment variables. */
export const environmentVariable = (_name: string): string | undefined => undefined
