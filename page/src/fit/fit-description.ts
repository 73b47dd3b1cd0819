/** The description of a fit, which is saved with it. */

import type { DisplayedState } from './displayed-state.js'
import type { FitOutcome } from './fit-input.js'
import { noiseOptions } from './noise.js'

export function describeFit(
  { groups, state }: Pick<DisplayedState, 'groups' | 'state'>,
  { task, options, shared, start }: FitOutcome,
): Record<string, unknown> {
  const [x, y, sigma] = [task.x, task.y, task.sigma].map((column) => column?.title)
  const { loss, lossScale, derive, weights: byModel } = options
  const weights = task.weights?.title ?? (typeof byModel === 'string' ? byModel : undefined)
  return {
    ...{ model: task.text, x, y, sigma, weights, loss, lossScale, derive },
    start: start ?? options.start,
    ...(state.leftOut.length > 0 && { leftOut: state.leftOut }),
    ...(state.distribution !== '' && { distribution: state.distribution, ...noiseOptions(state) }),
    ...(shared.length > 0 && { shared }),
    ...(state.group !== '' && { group: state.group, groups: groups.map(({ name }) => name) }),
  }
}
