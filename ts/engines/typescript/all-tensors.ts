/**
 * Passes over all tensors of an arena, regardless of segments: accumulation of gradients, averaging of parameters, and
 * lookahead. The Rust counterpart is crates/kernels/src/stages/plane.rs.
 */

import type { Arena } from '../../arena/arena.js'
import { getLoop, kernel, Row, twice } from '../../arena/kernel.js'
import * as layout from '../../arena/manifest.js'
import { NO_SCALARS } from './pipeline.js'

/** a ← a + g. */
const AccumulateLoop = twice<typeof layout.AccumulateKernel>(
  (f) =>
    (_theta, g, { accumulated: a }, _, from, to) => {
      for (let i = from; i < to; i++) a[i] = f(a[i] + g[i])
    },
)

/** g ← a + g, a ← 0. */
const ReleaseLoop = twice<typeof layout.ReleaseKernel>(
  (f) =>
    (_theta, g, { accumulated: a }, _row, from, to, _, direction) => {
      for (let i = from; i < to; i++) {
        direction[i] = f(a[i] + g[i])
        a[i] = 0
      }
    },
)

/** e ← e + w·(θ − e). */
const AverageLoop = twice<typeof layout.AverageKernel>(
  (f) =>
    (theta, _, { average: e }, { weight }, from, to) => {
      for (let i = from; i < to; i++) e[i] = f(e[i] + f(weight * f(theta[i] - e[i])))
    },
)

/** s ← s + w·(θ − s), θ ← s. */
const SynchronizeLoop = twice<typeof layout.SynchronizeKernel>(
  (f) =>
    (theta, _, { slow: s }, { weight }, from, to) => {
      for (let i = from; i < to; i++) {
        s[i] = f(s[i] + f(weight * f(theta[i] - s[i])))
        theta[i] = s[i]
      }
    },
)

/** For each stage from ACCUMULATE on, the array that the stage updates, and its kernel. */
const passes = [
  { array: layout.ACCUMULATED, kernel: kernel(layout.AccumulateKernel, AccumulateLoop) },
  { array: layout.ACCUMULATED, kernel: kernel(layout.ReleaseKernel, ReleaseLoop) },
  { array: layout.AVERAGE, kernel: kernel(layout.AverageKernel, AverageLoop) },
  { array: layout.SLOW, kernel: kernel(layout.SynchronizeKernel, SynchronizeLoop) },
]

/** Runs a stage over the elements from `from` to `to` − 1 of all tensors that are not excluded. */
export function makePlanePass(arena: Arena): (stage: number, from: number, to: number) => void {
  const { dtype, lengths, offsets, words } = arena
  const theta = arena.elements(layout.PARAMETERS)
  const g = arena.elements(layout.GRADIENTS)
  const jobs = passes.map(({ array, kernel }) => {
    const updated = arena.elements(array)
    const row = Row.create(kernel, dtype)
    row.coefficients = arena.row(lengths.length)
    const state = { [kernel.state[0]]: updated }
    return { updated, state, row: row.byName, loop: getLoop(kernel.number, dtype) }
  })
  return (stage, from, to) => {
    const job = jobs[stage - layout.ACCUMULATE]
    // The stage number is checked first, even if all tensors are excluded.
    if (job === undefined || job.updated.length < arena.length) throw arena.broken()
    const { state, row, loop } = job
    for (let i = 0; i < lengths.length && offsets[i] < to; i++) {
      const [start, end] = [Math.max(offsets[i], from), Math.min(offsets[i] + lengths[i], to)]
      const stays = (words[arena.tensorAt(i) + layout.TENSOR_FLAGS] & layout.EXCLUDED) !== 0
      if (start < end && !stays) loop(theta, g, state, row, start, end, NO_SCALARS, g)
    }
  }
}
