/** All schedules. The optimizer reads no list: it knows a schedule when its function is imported. */

import type { Chained } from './chained.js'
import type { Constant } from './constant.js'
import type { Cosine } from './cosine.js'
import type { CosineRestarts } from './cosine-restarts.js'
import type { Cyclic } from './cyclic.js'
import type { Exponential } from './exponential.js'
import type { InverseSqrt } from './inverse-sqrt.js'
import type { InverseTime } from './inverse-time.js'
import type { Joined } from './joined.js'
import type { Linear } from './linear.js'
import type { MultiStep } from './multi-step.js'
import type { Noam } from './noam.js'
import type { OneCycle } from './one-cycle.js'
import type { PiecewiseConstant } from './piecewise-constant.js'
import type { PiecewiseInterpolate } from './piecewise-interpolate.js'
import type { Polynomial } from './polynomial.js'
import type { ReduceOnPlateau } from './reduce-on-plateau.js'
import type { Step } from './step.js'
import type { Warmup } from './warmup.js'
import type { WarmupStableDecay } from './warmup-stable-decay.js'

export { type Chained, chained } from './chained.js'
export { type Constant, constant } from './constant.js'
export { type Cosine, cosine } from './cosine.js'
export { type CosineRestarts, cosineRestarts } from './cosine-restarts.js'
export { type Cyclic, cyclic } from './cyclic.js'
export { type Exponential, exponential } from './exponential.js'
export { type InverseSqrt, inverseSqrt } from './inverse-sqrt.js'
export { type InverseTime, inverseTime } from './inverse-time.js'
export { type Joined, joined } from './joined.js'
export { type Linear, linear } from './linear.js'
export { type MultiStep, multiStep } from './multi-step.js'
export { type Noam, noam } from './noam.js'
export { type OneCycle, oneCycle } from './one-cycle.js'
export { type PiecewiseConstant, piecewiseConstant } from './piecewise-constant.js'
export { type PiecewiseInterpolate, piecewiseInterpolate } from './piecewise-interpolate.js'
export { type Polynomial, polynomial } from './polynomial.js'
export { type ReduceOnPlateau, reduceOnPlateau } from './reduce-on-plateau.js'
export { type Step, step } from './step.js'
export { type Warmup, warmup } from './warmup.js'
export { type WarmupStableDecay, warmupStableDecay } from './warmup-stable-decay.js'

/** A plain description of how a number changes with the update t = 0, 1, … */
export type Schedule =
  | Chained
  | Constant
  | Cosine
  | CosineRestarts
  | Cyclic
  | Exponential
  | InverseSqrt
  | InverseTime
  | Joined
  | Linear
  | MultiStep
  | Noam
  | OneCycle
  | PiecewiseConstant
  | PiecewiseInterpolate
  | Polynomial
  | ReduceOnPlateau
  | Step
  | Warmup
  | WarmupStableDecay
