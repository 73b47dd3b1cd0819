/**
 * Elementary functions in float64 with the same bits in every JavaScript engine, which `Math` does not promise:
 * from + − × ÷, comparisons and the bits of numbers. Errors are the largest seen, as docs/numerics.md says; the
 * constants come from scripts/coefficients.py.
 */

export { exp } from './exp.js'
export { log } from './log.js'
export { pow } from './pow.js'
export { cos, sin } from './trigonometric.js'
