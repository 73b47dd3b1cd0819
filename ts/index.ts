export { type Average, type Ema, ema, type Lookahead, type Swa, swa } from './averages.js'
export type { Bound, Bounds, LimitByRun } from './bounds.js'
export { type CheckGradientOptions, checkGradient, type GradientCheck } from './check-gradient.js'
export type { Clip, TensorClip } from './clip.js'
export type { EngineName, EngineReport } from './engines/engine.js'
export { engines } from './engines/index.js'
export {
  AntigradError,
  ArgumentError,
  BusyError,
  CheckpointError,
  type Difference,
  EngineError,
  ExpressionError,
  MemoryError,
  NonFiniteError,
  OptionError,
  TensorError,
} from './errors.js'
export { type BoundExpression, type Data, type Expression, expression } from './expressions/expression.js'
export { fit, fitMany, fitManySync } from './fits/fit-many.js'
export type { Loss } from './fits/loss.js'
export type { NonFinite } from './fits/message.js'
export { type ModelName, models } from './fits/models/index.js'
export type { FitModel, ModelOptions } from './fits/models/model.js'
export type { PeakShape, PeaksOptions } from './fits/models/peaks.js'
export type { PolynomialOptions } from './fits/models/polynomial.js'
export type { Minimum, MultiStart } from './fits/multi-start.js'
export type { FitColumn, FitData, FitManyOptions, FitOptions } from './fits/options.js'
export type { FitParameter, FitParameters } from './fits/parameters.js'
export { type BandOptions, type Fit, type FitManyResult, type FitReason, fitReasons } from './fits/result.js'
export { type Group, layerwise, noDecay } from './groups.js'
export type { Last, OptimizerReport, TensorReport } from './last.js'
export type { DataByRun } from './many/data.js'
export { minimizeMany, minimizeManySync, type Starts } from './many/minimize-many.js'
export type { MinimizeManyOptions } from './many/options.js'
export { type ManyResult, type Paths, reasons } from './many/result.js'
export {
  type Box,
  type GridOptions,
  gridStarts,
  latinHypercubeStarts,
  type StartColumns,
  type StartsOptions,
  sobolStarts,
  uniformStarts,
} from './many/starts.js'
export { type Lbfgs, lbfgs } from './methods/lbfgs.js'
export type { Method } from './methods/method.js'
export {
  type Evaluations,
  type MethodOptions,
  Minimization,
  type MinimizeOptions,
  type MinimizeReason,
  type MinimizeResult,
  minimize,
} from './minimize.js'
export { type Noise, noise } from './noise.js'
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
  type Objective,
  type ObjectiveName,
  objectives,
  type Point,
  rastrigin,
  rosenbrock,
  saddle,
  styblinskiTang,
  type TestObjective,
  threeHumpCamel,
  type View,
} from './objectives/index.js'
export { type LoadOptions, Optimizer } from './optimizer.js'
export type { Accumulation, OptimizerOptions } from './options.js'
export type { Described, Match } from './patterns.js'
export type { Rule, SimpleRule } from './rules/definitions.js'
export { delayedStart } from './rules/delayed-start.js'
export * from './rules/index.js'
export type { DelayedStart } from './rules/rule.js'
export type { Saved, SavedTensor, Structure } from './saved.js'
export * from './schedules/index.js'
export { evaluate, observe, type Scheduled } from './schedules.js'
export type { States, TensorState } from './state.js'
export type { Reason } from './steps.js'
export type { Gradients, Merged, Parameters, Shapes, Tree, Views } from './tensors.js'
export { centralized, type Unitwise, unitwise } from './unitwise.js'
