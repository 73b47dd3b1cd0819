/** The options of `antigrad fit`. */

import type { TableContents } from '../../fits/tables/options.js'
import type { ExecutionOptions, FitsRequest } from '../../jobs/fits.js'
import type { Decimal } from '../../tables/format.js'
import type { ReplicateRule } from '../../tables/wide.js'
import type { PlanOptions } from '../commands/plan.js'

/** A distribution by its name on the command line. */
export type DistributionChoice =
  | 'normal'
  | 'lognormal'
  | 'student'
  | 'poisson'
  | 'negative-binomial'
  | 'binomial'
  | 'gamma'

/**
 * The shared parameters: parameters with one value for all groups (`all`), and parameters with one value per label of
 * a column.
 */
export interface Sharing {
  readonly all: readonly string[]
  readonly sharedBy: Readonly<Record<string, string>>
}

export interface FitCommandOptions extends FitsRequest, ExecutionOptions, PlanOptions {
  readonly group?: string
  readonly shared?: Sharing
  readonly wide?: ReplicateRule
  readonly delimiter?: string
  readonly decimal?: Decimal
  /** Further models of a repeated `--model`. */
  readonly rivals: readonly string[]
  readonly comment: string
  readonly dateFormat?: string
  readonly distribution?: DistributionChoice
  readonly trials?: string
  readonly below?: string
  readonly above?: string
  readonly dropInvalid?: true
  readonly covariance?: string
  readonly outliers?: number
  readonly dropOutliers?: true
  readonly unknown?: string
  readonly sample?: string
  readonly json?: boolean
  readonly csv?: true
  readonly contents?: TableContents
  readonly correlations?: true
  readonly plot?: string
  readonly logX?: true
  readonly logY?: true
}

/** The options as they are parsed: `--model` is repeatable. */
export interface ParsedFitOptions extends Omit<FitCommandOptions, 'model' | 'rivals' | 'ode'> {
  /** File of a model of differential equations. */
  readonly ode?: string
  readonly model?: readonly string[]
}
