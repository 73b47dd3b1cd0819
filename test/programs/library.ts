/**
 * The package as a process loads the package: first a few rules and the smaller WebAssembly module, and all other
 * modules on demand.
 */

import type * as Antigrad from 'antigrad'
import type * as Fits from 'antigrad/fit'
import '../../dist/rules/adagrad.js'
import '../../dist/rules/gradient-descent.js'
import '../../dist/rules/momentum.js'
import '../../dist/rules/nesterov.js'
import '../../dist/rules/radam.js'
import '../../dist/rules/rmsprop.js'
import '../../dist/rules/sgd.js'
import '../../dist/rules/adam.js'
import '../../dist/schedules/index.js'

export { AntigradError, ArgumentError, NonFiniteError } from '../../dist/core/errors.js'
export { engines } from '../../dist/engines/index.js'
export { Optimizer } from '../../dist/optimizer.js'
export { sparseRows } from '../../dist/step/rows.js'

type Whole = typeof Antigrad & typeof Fits

let whole: Whole | undefined

/** Imports the remaining modules, whose rules load the larger WebAssembly module into existing memories. */
export async function bring(): Promise<void> {
  whole ??= { ...(await import('antigrad')), ...(await import('antigrad/fit')) }
}

/** The complete package, once the package has loaded. */
export function antigrad(): Whole {
  if (whole === undefined) throw new Error('not before bring()')
  return whole
}
