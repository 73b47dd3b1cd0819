import type { Loaded } from './native.js'

/** Outside of Node there is no addon. */
export function loadAddon(): Loaded {
  return { addon: null, reasons: ['a native addon needs Node, Bun or Deno'] }
}
