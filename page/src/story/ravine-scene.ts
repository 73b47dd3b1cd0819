/** The ravine on which the steps on momentum run: 100 times steeper across than along its floor. */

import { ravine } from './objectives.js'
import type { Contestant, Paper, Scene, Step } from './step.js'

/** The slider of the momentum. */
export const momentumControl = { name: 'momentum', label: 'Momentum', min: 0, max: 0.98, step: 0.01 } as const

export const polyak: Paper = {
  text: 'Polyak (1964), Some methods of speeding up the convergence of iteration methods',
  url: 'https://doi.org/10.1016/0041-5553(64)90137-5',
}

/** The learning rates of the steps: Nesterov's method diverges at the heavy ball's. */
export const RATES = { momentum: 0.018, nesterov: 0.009 } as const

/** A figure of the ravine with one path. */
export const HEAVY_BALL_FIGURE: Step['figure'] = 'Map of a ravine with the path of the heavy ball'

export const ravineScene = (contestants: readonly Contestant[], maxIterations = 1000): Scene => ({
  objective: ravine(100),
  view: [-3, 3, -2.2, 2.2],
  minima: [[0, 0]],
  start: [-2.7, 1.4],
  contestants,
  maxIterations,
  radius: 0.01,
})
