export type { EngineName, EngineReport } from './engines/engine.js'
export { engines } from './engines/index.js'
export {
  AntigradError,
  ArgumentError,
  BusyError,
  EngineError,
  MemoryError,
  OptionError,
  TensorError,
} from './errors.js'
export {
  Minimization,
  type MinimizeOptions,
  type MinimizeReason,
  type MinimizeResult,
  minimize,
} from './minimize.js'
export {
  beale,
  booth,
  bowl,
  himmelblau,
  type Objective,
  type ObjectiveName,
  objectives,
  type Point,
  rastrigin,
  rosenbrock,
  saddle,
  styblinskiTang,
  type TestObjective,
  type View,
} from './objectives/index.js'
export { type Clip, Optimizer, type OptimizerOptions, type States, type TensorState } from './optimizer.js'
export { type Adagrad, adagrad } from './rules/adagrad.js'
export { type Adam, adam } from './rules/adam.js'
export { type AdamW, adamw } from './rules/adamw.js'
export { type DelayedStart, delayedStart } from './rules/delayed-start.js'
export { type GradientDescent, gradientDescent } from './rules/gradient-descent.js'
export type { Rule, SimpleRule } from './rules/index.js'
export { type Momentum, momentum } from './rules/momentum.js'
export { type Nesterov, nesterov } from './rules/nesterov.js'
export { type RAdam, radam } from './rules/radam.js'
export { type RmsProp, rmsprop } from './rules/rmsprop.js'
export { type Sgd, sgd } from './rules/sgd.js'
export { type Schedule, type Scheduled, type Warmup, warmup } from './schedules.js'
export type { Gradients, Parameters, Tree, Views } from './tensors.js'
