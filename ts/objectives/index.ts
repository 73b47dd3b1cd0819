/** Test functions for optimizers, with their gradients. */

import { ackley } from './ackley.js'
import { beale } from './beale.js'
import { booth } from './booth.js'
import { bowl } from './bowl.js'
import { goldsteinPrice } from './goldstein-price.js'
import { griewank } from './griewank.js'
import { himmelblau } from './himmelblau.js'
import { levy } from './levy.js'
import { mccormick } from './mccormick.js'
import { rastrigin } from './rastrigin.js'
import { rosenbrock } from './rosenbrock.js'
import { saddle } from './saddle.js'
import { styblinskiTang } from './styblinski-tang.js'
import { threeHumpCamel } from './three-hump-camel.js'

export type { Objective, Point, TestObjective, View } from './objective.js'
export {
  ackley,
  beale,
  booth,
  bowl,
  goldsteinPrice,
  griewank,
  himmelblau,
  levy,
  mccormick,
  rastrigin,
  rosenbrock,
  saddle,
  styblinskiTang,
  threeHumpCamel,
}

/** The test objectives by name: `objectives.beale()` is `beale()`. */
export const objectives = {
  rosenbrock,
  beale,
  himmelblau,
  booth,
  rastrigin,
  styblinskiTang,
  ackley,
  griewank,
  levy,
  goldsteinPrice,
  threeHumpCamel,
  mccormick,
  saddle,
  bowl,
} as const

/** Name of a test objective. */
export type ObjectiveName = keyof typeof objectives
