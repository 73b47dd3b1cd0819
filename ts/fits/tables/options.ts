/** Options of `toTable` and `toCsv`. */

import { OptionError } from '../../core/errors.js'
import { toBoundedArray } from '../../core/untrusted-input.js'
import {
  choice,
  customOption,
  flag,
  type GivenOf,
  integerBetween,
  option,
  optional,
  passThrough,
  type ValuesOf,
} from '../../options/kinds.js'
import { probability } from '../problem/confidence-level.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import { bandTable } from '../uncertainty/bands.js'
import type { RequestedColumns } from '../uncertainty/linearize.js'

/** Contents of a table of fits. */
export type TableContents = 'parameters' | 'statistics' | 'residuals' | 'curve'

const MAX_POINTS = 1_000_000
const MAX_LABELS = 10_000_000

const labels = customOption<readonly GroupLabel[]>((argument, given) => {
  const list = toBoundedArray(given, MAX_LABELS)
  const other = list?.findIndex((label) => typeof label !== 'string' && typeof label !== 'number') ?? 0
  if (list === undefined) throw new OptionError(argument, 'an array of labels', given)
  if (other < 0) return list as GroupLabel[]
  throw new OptionError(`${argument}[${other}]`, 'a label (a string or a number)', list[other])
})

export const tableOptions = {
  /**
   * Contents of the table: 'parameters' with one row per parameter (default), or 'statistics' with one row per fit.
   * 'residuals' has one row per row of the data, and 'curve' has points of the fitted curve and its band.
   */
  contents: choice('parameters', 'statistics', 'residuals', 'curve'),
  /** Confidence level of intervals and bands, between 0 and 1. Default 0.95. */
  level: probability,
  /** Kind of band: 'confidence' for the curve, or 'prediction' for a new observation. Default 'confidence'. */
  kind: bandTable.kind,
  /**
   * Number of points of each curve. The points cover the range of x in the data of the fit. They are evenly spaced, or
   * evenly spaced in log x if x > 0 and the largest x is at least 100 times the smallest. A model with several columns
   * has no such points, and its curve is computed at the rows of the data. Default 101.
   */
  points: integerBetween(2, MAX_POINTS, 101),
  /** Columns of the model at which curves are computed, as for `predict`, instead of `points`. */
  at: passThrough<RequestedColumns>(),
  /** Labels of the fits, one per fit. Default: the labels of the result, or the indices of the fits. */
  groups: optional(labels),
}

/** Options of `toTable`. */
export interface TableOptions<Contents extends TableContents = TableContents>
  extends Omit<GivenOf<typeof tableOptions>, 'contents'> {
  /**
   * Contents of the table: 'parameters' with one row per parameter (default), or 'statistics' with one row per fit.
   * 'residuals' has one row per row of the data, and 'curve' has points of the fitted curve and its band.
   */
  readonly contents?: Contents | undefined
}
export type TableValues = ValuesOf<typeof tableOptions>

export const csvOptions = {
  ...tableOptions,
  /** Delimiter of the cells: one character other than a quote, a line end, a digit or a letter. Default ','. */
  delimiter: option<string, string>(
    'one character that is not a letter, a digit, a sign, a point, a quote or a line end',
    ',',
    (x) => typeof x === 'string' && /^[^\p{L}\p{N}+\-."\r\n]$/u.test(x),
  ),
  /** End of each line: '\r\n' as in RFC 4180, or '\n'. Default '\r\n'. */
  lineEnd: choice('\r\n', '\n'),
  /** Whether the first line contains the names of the columns. Default true. */
  header: flag(true),
  /**
   * Whether text that a spreadsheet would run as a formula gets a leading apostrophe: text that begins with =, +, − or
   * @, unless the text is a number. With false, all text is written unchanged. Default true.
   */
  escapeFormulas: flag(true),
}

/** Options of `toCsv`: the options of `toTable`, and the format of the text. */
export interface CsvOptions extends GivenOf<typeof csvOptions> {}
export type CsvValues = ValuesOf<typeof csvOptions>
