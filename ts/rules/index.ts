/** The one list of rules: for tools and tests. The core knows only those that a program imports. */

import { type Adagrad, definition as adagrad } from './adagrad.js'
import { type Adam, definition as adam } from './adam.js'
import { type AdamW, definition as adamw } from './adamw.js'
import { type GradientDescent, definition as gradientDescent } from './gradient-descent.js'
import { type Momentum, definition as momentum } from './momentum.js'
import { type Nesterov, definition as nesterov } from './nesterov.js'
import { type RAdam, definition as radam } from './radam.js'
import { type RmsProp, definition as rmsprop } from './rmsprop.js'
import type { DelayedStart } from './rule.js'
import { type Sgd, definition as sgd } from './sgd.js'
import { type SignSgd, definition as signSgd } from './sign-sgd.js'

/** Every rule that is not a wrapper of another. */
export type SimpleRule =
  | GradientDescent
  | SignSgd
  | Momentum
  | Nesterov
  | Sgd
  | Adagrad
  | RmsProp
  | Adam
  | AdamW
  | RAdam

/** A rule: a plain, frozen description, told apart by its `name`. */
export type Rule = SimpleRule | DelayedStart<SimpleRule>

/** All definitions, in order of growing complexity. */
export const definitions = {
  gradientDescent,
  signSgd,
  momentum,
  nesterov,
  sgd,
  adagrad,
  rmsprop,
  adam,
  adamw,
  radam,
} as const
