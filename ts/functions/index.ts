/**
 * Elementary functions with the same bits in every JavaScript engine, which `Math` does not promise: from + − × ÷,
 * comparisons and the bits of numbers. Those by name are in float64. crates/kernels/src/functions has the twins, in
 * the same order of operations. Errors are the largest seen, as docs/numerics.md says; the constants come from
 * scripts/coefficients.py.
 */

import { atans } from './atan.js'
import { exps } from './exp.js'
import { logs } from './log.js'
import { pows } from './pow.js'
import { tanhs } from './tanh.js'
import { trigonometric } from './trigonometric.js'
import type { Dtype } from './twice.js'

export { atan } from './atan.js'
export { exp } from './exp.js'
export { log } from './log.js'
export { pow } from './pow.js'
export { tanh } from './tanh.js'
export { cos, sin, tan } from './trigonometric.js'

/** Those of a dtype, in which arguments have to be. */
export const elementary = (dtype: Dtype) => ({
  ...trigonometric[dtype],
  exp: exps[dtype].exp,
  log: logs[dtype],
  pow: pows[dtype],
  tanh: tanhs[dtype],
  atan: atans[dtype],
})
