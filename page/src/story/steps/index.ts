/** The steps in the order of the story. */

import type { Step } from '../step.js'
import { adagrad } from './adagrad.js'
import { adam } from './adam.js'
import { basins } from './basins.js'
import { challenge } from './challenge.js'
import { decay } from './decay.js'
import { momentum } from './momentum.js'
import { nesterov } from './nesterov.js'
import { noise } from './noise.js'
import { rate } from './rate.js'
import { ripples } from './ripples.js'
import { rmsprop } from './rmsprop.js'
import { valley } from './valley.js'

export const steps: readonly Step[] = [
  ...[valley, rate, adagrad, rmsprop, momentum, challenge],
  ...[nesterov, adam, decay, noise, ripples, basins],
]
