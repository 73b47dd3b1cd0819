/** Functions to try optimizers on, with their gradients. */

import { beale } from './beale.js'
import { booth } from './booth.js'
import { bowl } from './bowl.js'
import { himmelblau } from './himmelblau.js'
import { rastrigin } from './rastrigin.js'
import { rosenbrock } from './rosenbrock.js'
import { saddle } from './saddle.js'
import { styblinskiTang } from './styblinski-tang.js'

export type { Objective, Point, TestObjective, View } from './objective.js'
export { beale, booth, bowl, himmelblau, rastrigin, rosenbrock, saddle, styblinskiTang }

/** The test objectives by name: `objectives.beale()` is `beale()`. */
export const objectives = {
  rosenbrock,
  beale,
  himmelblau,
  booth,
  rastrigin,
  styblinskiTang,
  saddle,
  bowl,
} as const

/** A test objective's name. */
export type ObjectiveName = keyof typeof objectives
