import { Adagrad } from './adagrad.js'
import { Adam, AmsGrad } from './adam.js'
import { GradientDescent } from './gradient-descent.js'
import { Momentum } from './momentum.js'
import { Lookahead, Nesterov } from './nesterov.js'
import { RAdam } from './radam.js'
import { RmsProp, RmsPropMomentum } from './rmsprop.js'
import type { Kernel } from './rule.js'
import { SgdMomentum, SgdNesterov } from './sgd.js'

/**
 * The kernels by name. Their order numbers them in the arena's header and is that of the list in
 * crates/kernels/src/rules/mod.rs; the native engine refuses an addon whose list differs.
 */
export const kernels: Readonly<Record<string, Kernel>> = {
  GradientDescent,
  Momentum,
  Nesterov,
  Lookahead,
  SgdMomentum,
  SgdNesterov,
  Adagrad,
  RmsProp,
  RmsPropMomentum,
  Adam,
  AmsGrad,
  RAdam,
}

export const kernelNames: readonly string[] = Object.keys(kernels)
