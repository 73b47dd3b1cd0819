import type { Addon } from './addon.js'
import type { Engine, EngineReport } from './engine.js'

const reason = 'a native addon needs Node, Bun or Deno'

/** @throws Error with the reason, always */
const fail = (): never => {
  throw new Error(reason)
}

/** Outside of Node there is none: so the engine takes nothing of a page's bundle. */
export const native: Engine = { name: 'native', attach: fail }

export const report = (): EngineReport => ({
  available: false,
  reasons: [reason],
  instructionSets: [],
  threads: 0,
})

/** What is wrong is said when the engine is asked for. */
export function checkInstructionSet(_name: string): void {}

export const loadOrThrow: () => Addon = fail

/** There is no environment either. */
export const environmentVariable = (_name: string): string | undefined => undefined
