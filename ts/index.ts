// Bundlers order the modules by the order of these imports. The engines come first, so that the text of the WebAssembly
// module precedes all code. The code then fits into gzip's window of 32 KiB, which saves 300 bytes in a page with one
// rule.

export { engines } from './engines/index.js'

// Errors and rules come after the engines.

export {
  AntigradError,
  ArgumentError,
  BusyError,
  type CheckpointDifference,
  CheckpointError,
  EngineError,
  EquationError,
  ExpressionError,
  MemoryError,
  NonFiniteError,
  OptionError,
  TensorError,
} from './core/errors.js'
export * from './rules/index.js'

// The remaining modules follow in alphabetical order.

export type { SavedRun, SavedTensor, Structure } from './checkpoint/write.js'
export type { Gradients, MergedParams, Params, Shapes, Tree, Views } from './core/tensors.js'
export type { EngineName, EngineReport } from './engines/engine.js'
export { describeRule } from './equations/describe.js'
export { defineRule, type EquationOptions } from './equations/equations.js'
export {
  type BoundExpression,
  type Data,
  type Expression,
  type ExpressionOptions,
  expression,
} from './expressions/expression.js'
export { recurrence } from './expressions/recurrences.js'
export type { Clip, Noise, TensorClip, Unitwise } from './gradients/clip.js'
export { noise } from './gradients/noise.js'
export { centralized, unitwise } from './gradients/unitwise.js'
export type { PerRunData, Starts } from './many/batch/data.js'
export { type Workers, type WorkersOptions, workers } from './many/engines/workers.js'
export { minimizeMany, minimizeManySync } from './many/minimize-many.js'
export type { ConstrainedManyOptions, MinimizeManyOptions } from './many/options.js'
export type { ConstrainedManyResult, MinimizeManyResult, Paths } from './many/result.js'
export { type Lbfgs, lbfgs } from './methods/lbfgs.js'
export { type NelderMead, nelderMead } from './methods/nelder-mead.js'
export { type Newton, newton } from './methods/newton.js'
export {
  type FindMinimaResult,
  findMinima,
  findMinimaSync,
  type MinimaOutcomes,
  type Minimum,
} from './minima/find-minima.js'
export type { FindMinimaOptions, StartPoints } from './minima/options.js'
export type { Unseen } from './minima/unseen.js'
export type {
  Constraint,
  ConstraintColumns,
  ConstraintLimits,
  ConstraintReport,
} from './minimize/constraints.js'
export type { Method } from './minimize/method.js'
export {
  type ConstrainedOptions,
  type ConstrainedResult,
  type Evaluations,
  type MethodOptions,
  Minimization,
  type MinimizeOptions,
  type MinimizeResult,
  minimize,
  type NamedConstrainedResult,
  type NamedMinimizeResult,
  type NamedObjective,
  type NamedStart,
} from './minimize/minimize.js'
export { type ConstrainedReason, type MinimizeReason, minimizeReasons } from './minimize/reasons.js'
export {
  type StandardErrors,
  type StandardErrorsOptions,
  type StandardErrorsReason,
  standardErrors,
} from './minimize/standard-errors.js'
export { type Average, type Ema, ema, type Lookahead, type Swa, swa } from './model/averages.js'
export { type Group, layerDecay, noDecay } from './model/groups.js'
export type { Accumulation, OptimizerOptions } from './model/options.js'
export type { Match, TensorDescription } from './model/patterns.js'
export type { States, TensorState } from './model/state.js'
export type { Bound, Bounds, PerRunLimit } from './objectives/bounds.js'
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
export {
  type LinearConstraint,
  type QpReason,
  type QpResult,
  type QuadraticProblem,
  qp,
} from './quadratic/qp.js'
export {
  type Box,
  type GridOptions,
  gridStarts,
  latinHypercubeStarts,
  type StartColumns,
  type StartsOptions,
  sobolStarts,
  uniformStarts,
} from './random/starts.js'
export type { BuiltInRule, CustomRule, Rule } from './rules/definitions.js'
export { delayedStart } from './rules/delayed-start.js'
export type {
  EquationOption,
  EquationRule,
  EquationStart,
  EquationState,
  ResolvedRuleDefinition,
  RuleDefinition,
} from './rules/equation-rule.js'
export type { DelayedStart } from './rules/rule.js'
export * from './schedules/index.js'
export { evaluateSchedule, observeMetric, type Scheduled } from './schedules/schedule.js'
export { type Sqp, sqp } from './sqp/sqp.js'
export type { SkipReason } from './step/progress.js'
export type { OptimizerReport, StepReport, TensorReport } from './step/report.js'
export { type RowIndices, type SparseRows, sparseRows } from './step/rows.js'
export { sumGradients } from './step/sum-gradients.js'
