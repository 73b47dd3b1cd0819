/**
 * Nonlinear least squares: fits a model to data, with standard errors, confidence intervals and bands.
 *
 * ```ts
 * import { expression } from 'antigrad'
 * import { fit } from 'antigrad/fit'
 *
 * const t = [0, 1, 2, 3, 4, 5]
 * const y = [5, 3.1, 2, 1.6, 1.2, 1.1]
 * const found = fit(expression('a*exp(-b*t) + c'), { t, y }, { start: { a: 1, b: 1, c: 0 } })
 * found.values.b // 0.639…
 * found.errors.b // 0.035…
 * found.intervals(0.95).b // [low, high]
 * ```
 *
 * `fit` runs one fit, `fitMany` thousands of independent fits, `fitStream` the groups of a stream, and
 * `fitShared` fits groups that share parameters. `profile`, `contour`, `bootstrap` and `compare` analyze the results. A model is an
 * `expression`, one of the built-in `models`, or a JavaScript function.
 *
 * A fit passes through the following folders of the source:
 *
 * 1. `problem` reads the options, the parameters and the data columns. `problem` also drops unused rows and turns the
 *   model into an expression graph.
 * 2. `models` contains the built-in models. The built-in models guess the starting values that `start` omits.
 * 3. `programs` compiles the graph to programs: one Levenberg-Marquardt step, the covariance, and profile
 *   traces.
 * 4. `solve` runs the compiled programs for batches of fits on an engine. Ill-conditioned fits are repeated with QR.
 *   Function models and models with more than 16 free parameters are solved one at a time by a dense
 *   trust-region method.
 * 5. `uncertainty` and `profiles` compute statistics, bands, bootstrap replicates and profile likelihoods of the solved
 * fits.
 * 6. `fit` starts the run and assembles the result. The folder `fit` also repeats the run if weights depend on the
 * model or if y has a covariance matrix.
 * 7. `shared-solve` and `shared` solve fits with shared parameters and assemble their results.
 * 8. `stream` fits the groups of a stream in batches.
 * 9. `analysis` contains the functions that analyze the result of a fit.
 * 10. `tables` converts results to tables and text.
 */

// The import comes first, so that models precede the text of the WebAssembly module in bundles (fit/wasm-module.ts).
import { models } from './models/index.js'

export { bootstrap, bootstrapSync } from './analysis/bootstrap.js'
export { type CompareOptions, type Comparison, compare, type RankedModel } from './analysis/compare.js'
export {
  type CompareSharingOptions,
  compareSharing,
  compareSharingSync,
  type SharingComparison,
} from './analysis/compare-sharing.js'
export { contour } from './analysis/contour.js'
export { type DerivedQuantity, type DeriveOptions, derive } from './analysis/derive.js'
export { type InverseEstimate, type InverseOptions, type InverseReason, inverse } from './analysis/inverse.js'
export { type LackOfFit, lackOfFit } from './analysis/lack-of-fit.js'
export { profile, profileSync } from './analysis/profile.js'
export { type StudentizedResiduals, studentizedResiduals } from './analysis/studentized-residuals.js'
export { fit, fitMany, fitManySync } from './fit/fit-many.js'
export type { FitManyOptions, FitOptions, WithDistribution } from './fit/options.js'
export type { OutlierMethod } from './fit/outlier-method.js'
export type { ResponseCovariance } from './fit/response-covariance.js'
export type { Fit, FitManyResult } from './fit/result.js'
export { type RoutOptions, rout } from './fit/rout.js'
export { ruleMethod } from './fit/rule-method.js'
export { covarianceMatrix } from './fit/whitening.js'
export type { LikelihoodComparison, RankedLikelihood } from './likelihood/comparison.js'
export {
  type BinomialOptions,
  binomial,
  type GammaOptions,
  gamma,
  lognormal,
  type NegativeBinomialOptions,
  type NormalOptions,
  negativeBinomial,
  normal,
  type PoissonOptions,
  poisson,
  type StudentOptions,
  student,
} from './likelihood/distributions.js'
export type { DistributionName } from './likelihood/families.js'
export type { ResidualKind, ResidualOptions } from './likelihood/residuals.js'
export type { LikelihoodFit, LikelihoodResult } from './likelihood/result.js'
export type { LikelihoodGroup, SharedLikelihoodFit } from './likelihood/shared-result.js'
export type { OriginOptions } from './models/define.js'
export type { ModelName } from './models/index.js'
export type { InhibitionKind, InhibitionOptions } from './models/inhibition.js'
export type { FitModel, ModelOptions } from './models/model.js'
export type { PeakShape } from './models/peak-shapes.js'
export type { PeakBaseline, PeaksOptions } from './models/peaks.js'
export type { PolynomialOptions } from './models/polynomial.js'
export type { DoseOptions } from './models/sigmoids.js'
export type { SinusoidOptions } from './models/sinusoid.js'
export { type OdeModel, ode } from './odes/ode-model.js'
export type { OdeDose, OdeExpression, OdeInput, OdeOptions } from './odes/options.js'
export { type SimulateOptions, type Simulation, simulate } from './odes/simulate.js'
export type { FiniteDifferences } from './problem/finite-differences.js'
export type {
  CurveModel,
  DataColumns,
  FunctionModel,
  ParameterValues,
  ResidualModel,
  RowFunction,
} from './problem/function-model.js'
export type { Loss } from './problem/loss.js'
export type { FitMinimum, MultiStart } from './problem/multi-start.js'
export type { FitColumn, FitData, FitRow, NoiseByQuantity } from './problem/options.js'
export type { Outlier } from './problem/outlier.js'
export type { FitDerivedQuantities, FitParameter, FitParameters } from './problem/parameters.js'
export {
  type FitReason,
  fitReasons,
  type ProfileEndReason,
  profileEndReasons,
} from './problem/reasons.js'
export type { GroupLabel, SharedParameterValues } from './problem/shared-parameters.js'
export type { Contour, ContourOptions } from './profiles/contour.js'
export { type ProfileIntervalOptions, profileIntervals } from './profiles/profile-intervals.js'
export type {
  Profile,
  ProfileColumns,
  ProfileManyOptions,
  ProfileOptions,
} from './profiles/profile-result.js'
export { fitShared, fitSharedSync, type SharedData } from './shared/fit-shared.js'
export type { SharedGroup } from './shared/group.js'
export type { SharedFit } from './shared/result.js'
export type { SharedProfiles } from './shared/shared-profiles.js'
export type { SharedOptions } from './shared-solve/options.js'
export type { SharedProfile } from './shared-solve/profile.js'
export type { SharedModel } from './shared-solve/read.js'
export type { Distribution } from './solve/distribution.js'
export type { FitMethod } from './solve/fit-method.js'
export type { IntervalMethod } from './solve/interval-method.js'
export type { NonFinite } from './solve/message.js'
export { fitStream, type StreamGroup, type StreamSource } from './stream/fit-stream.js'
export type { GroupFit } from './stream/group-fit.js'
export type { FitStreamOptions, StreamModel } from './stream/options.js'
export type { ComparisonResult, NamedProfiles } from './tables/analyses.js'
export type { LabeledFit, SeveralFits, SingleFit } from './tables/fit-list.js'
export { fromWide, type WideOptions, type WideTable } from './tables/from-wide.js'
export type { CsvOptions, TableContents, TableOptions } from './tables/options.js'
export { type ReportOptions, report } from './tables/report.js'
export {
  type BootstrapTable,
  type ComparisonTable,
  type CurveTable,
  type DerivedTable,
  type InverseTable,
  type ParameterTable,
  type ProfileTable,
  type ResidualTable,
  type StatisticsTable,
  type TableByContents,
  type TabularResult,
  toCsv,
  toTable,
} from './tables/to-table.js'
export type { BandOptions } from './uncertainty/bands.js'
export type { BootstrapManyOptions, BootstrapOptions } from './uncertainty/bootstrap.js'
export type {
  Bootstrap,
  BootstrapBandOptions,
  BootstrapMany,
  BootstrapMethod,
} from './uncertainty/bootstrap-result.js'
export type { SharedBootstrap } from './uncertainty/shared-bootstrap-result.js'
export { models }
