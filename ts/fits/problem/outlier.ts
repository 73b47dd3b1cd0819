/** A row that the option `outliers` marked. */
export interface Outlier {
  /** Index of the row, from 0, among all rows that the user passed. */
  readonly row: number
  /** Residual y − f of the robust fit, without weights. */
  readonly residual: number
  /** Ratio |√w·residual|/RSDR, where RSDR is the robust standard deviation of the weighted residuals. */
  readonly t: number
  /** Two-sided probability of a t statistic at least this large. */
  readonly pValue: number
  /** Largest p-value at which the row counts as an outlier, by the rank of its residual. */
  readonly threshold: number
}
