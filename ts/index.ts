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
export { Optimizer } from './optimizer.js'
export type { Clip, OptimizerOptions } from './options.js'
export type { Rule, SimpleRule } from './rules/definitions.js'
export { delayedStart } from './rules/delayed-start.js'
export * from './rules/index.js'
export type { DelayedStart } from './rules/rule.js'
export { type Schedule, type Scheduled, type Warmup, warmup } from './schedules.js'
export type { States, TensorState } from './state.js'
export type { Gradients, Parameters, Tree, Views } from './tensors.js'
