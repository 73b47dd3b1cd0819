export type { EngineName, EngineReport } from './engines/engine.js'
export { engines } from './engines/index.js'
export { describe } from './equations/describe.js'
export { type EquationOptions, equations } from './equations/equations.js'
export { EquationError } from './equations/error.js'
export { type BoundExpression, type Data, type Expression, expression } from './expressions/expression.js'
export type { BandOptions } from './fits/bands.js'
export type { BootstrapManyOptions, BootstrapOptions } from './fits/bootstrap.js'
export type {
  CurveModel,
  FitPoint,
  FunctionModel,
  OwnColumns,
  ResidualModel,
  RowFunction,
} from './fits/called.js'
export { type CompareOptions, type Comparison, compare } from './fits/compare.js'
export type { Contour, ContourOptions } from './fits/contour.js'
export type { Differences } from './fits/differences.js'
export { fit, fitMany, fitManySync } from './fits/fit-many.js'
export type { Loss } from './fits/loss.js'
export type { NonFinite } from './fits/message.js'
export type { OriginOptions } from './fits/models/define.js'
export { type ModelName, models } from './fits/models/index.js'
export type { InhibitionKind, InhibitionOptions } from './fits/models/inhibition.js'
export type { FitModel, ModelOptions } from './fits/models/model.js'
export type { PeakShape } from './fits/models/peak-shapes.js'
export type { PeakGround, PeaksOptions } from './fits/models/peaks.js'
export type { PolynomialOptions } from './fits/models/polynomial.js'
export type { DoseOptions } from './fits/models/sigmoids.js'
export type { SinusoidOptions } from './fits/models/sinusoid.js'
export type { Minimum, MultiStart } from './fits/multi-start.js'
export type { FitColumn, FitData, FitManyOptions, FitOptions, Intervals } from './fits/options.js'
export type { FitDerived, FitParameter, FitParameters } from './fits/parameters.js'
export type {
  Profile,
  ProfileColumns,
  ProfileManyOptions,
  ProfileOptions,
} from './fits/profiled.js'
export { type EndReason, endReasons, type FitReason, fitReasons } from './fits/reasons.js'
export type {
  Bootstrap,
  BootstrapBandOptions,
  BootstrapMany,
  BootstrapMethod,
} from './fits/refitted.js'
export type { Fit, FitManyResult } from './fits/result.js'
export { fitShared, fitSharedSync, type SharedData } from './fits/shared/fit-shared.js'
export type { SharedGroup } from './fits/shared/group.js'
export type { Label } from './fits/shared/groups.js'
export type { SharedNumbers } from './fits/shared/numbers.js'
export type { SharedOptions } from './fits/shared/options.js'
export type { SharedModel } from './fits/shared/read.js'
export type { SharedBootstrap } from './fits/shared/refitted.js'
export type { SharedFit } from './fits/shared/result.js'
export type { Clip, Noise, TensorClip, Unitwise } from './gradients/clip.js'
export { noise } from './gradients/noise.js'
export { centralized, unitwise } from './gradients/unitwise.js'
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
} from './ground/errors.js'
export type { Gradients, Merged, Params, Shapes, Tree, Views } from './ground/tensors.js'
export type { DataByRun, Starts } from './many/data.js'
export { minimizeMany, minimizeManySync } from './many/minimize-many.js'
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
export { type Workers, type WorkersOptions, workers } from './many/workers.js'
export { type Lbfgs, lbfgs } from './minimize/lbfgs.js'
export type { Method } from './minimize/method.js'
export {
  type Evaluations,
  type MethodOptions,
  Minimization,
  type MinimizeOptions,
  type MinimizeReason,
  type MinimizeResult,
  minimize,
} from './minimize/minimize.js'
export {
  type StandardErrors,
  type StandardErrorsOptions,
  type StandardErrorsReason,
  standardErrors,
} from './minimize/standard-errors.js'
export { type Average, type Ema, ema, type Lookahead, type Swa, swa } from './model/averages.js'
export { type Group, layerwise, noDecay } from './model/groups.js'
export type { Accumulation, OptimizerOptions } from './model/options.js'
export type { Described, Match } from './model/patterns.js'
export type { States, TensorState } from './model/state.js'
export type { Bound, Bounds, LimitByRun } from './objectives/bounds.js'
export { type CheckGradientOptions, checkGradient, type GradientCheck } from './objectives/check-gradient.js'
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
export type { TwiceDifferentiable } from './objectives/objective.js'
export { type LoadOptions, Optimizer } from './optimizer.js'
export type { OwnRule, Rule, SimpleRule } from './rules/definitions.js'
export { delayedStart } from './rules/delayed-start.js'
export type {
  Declared,
  EquationOption,
  EquationRule,
  EquationStart,
  EquationState,
  Equations,
} from './rules/equation-rule.js'
export * from './rules/index.js'
export type { DelayedStart } from './rules/rule.js'
export type { Saved, SavedTensor, Structure } from './saved/write.js'
export * from './schedules/index.js'
export { evaluate, observe, type Scheduled } from './schedules/schedule.js'
export type { Reason } from './step/progress.js'
export type { Last, OptimizerReport, TensorReport } from './step/report.js'
export { type RowIndices, type Rows, rows } from './step/rows.js'
export { sumGradients } from './step/sum-gradients.js'
