/** The steps in the order of the story. */

import type { Step } from '../step.js'
import { adagrad } from './adagrad.js'
import { adam } from './adam.js'
import { decay } from './decay.js'
import { momentum } from './momentum.js'
import { nesterov } from './nesterov.js'
import { rate } from './rate.js'
import { rmsprop } from './rmsprop.js'
import { valley } from './valley.js'

export const steps: readonly Step[] = [valley, rate, adagrad, rmsprop, momentum, nesterov, adam, decay]
