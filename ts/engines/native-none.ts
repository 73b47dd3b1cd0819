import type { Addon } from './addon.js'
import type { Engine } from './engine.js'

const reason = 'a native addon needs Node, Bun or Deno'

/** @throws Error with the reason, always */
const fail = (): never => {
  throw new Error(reason)
}

/** Outside of Node there is none: so the engine takes nothing of a page's bundle. */
export const native: Engine = {
  name: 'native',
  report: () => ({ available: false, reasons: [reason], instructionSets: [], threads: 0 }),
  attach: fail,
}

export const loadOrThrow: () => Addon = fail
