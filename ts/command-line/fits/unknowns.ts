/** `antigrad fit --unknown`: the x of new responses on the fitted curves. */

import { OptionError } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { type InverseEstimate, inverse } from '../../fits/analysis/inverse.js'
import type { Fit } from '../../fits/fit/result.js'
import type { LikelihoodFit } from '../../fits/likelihood/result.js'
import { isColumn } from '../../jobs/fits.js'
import type { ColumnRequest, Table, TableRequest } from '../../tables/read-csv.js'
import { columns } from '../report.js'
import { short } from './describe.js'
import { isTrialsColumn, usesLikelihood } from './error-model.js'
import type { FitCommandOptions } from './options.js'

interface UnknownOptions
  extends Pick<FitCommandOptions, 'y' | 'sigma' | 'weights' | 'group' | 'sample' | 'trials'>,
    Pick<FitCommandOptions, 'distribution' | 'below' | 'above'> {}

/** A table of new responses. Its groups are the samples, if `--sample` names them, or else the groups of the fits. */
export interface UnknownTable extends Pick<Table, 'columns' | 'groups' | 'labels'> {
  readonly name: string
  readonly options: UnknownOptions
}

/** An unknown with the label of its sample. Without `--sample` the label is the number of the row in its group. */
export interface UnknownEstimate extends InverseEstimate {
  readonly sample: string
}

/** The second column of the table of unknowns: the standard deviations, weights or trials of new responses, if any. */
function requestWeighting(options: UnknownOptions): ColumnRequest[] {
  const { sigma, weights, trials } = options
  if (usesLikelihood(options))
    return isTrialsColumn(trials) ? [{ option: '--trials', column: trials, sign: 'above 0' }] : []
  if (isColumn(sigma)) return [{ option: '--sigma', column: sigma, sign: 'above 0' }]
  return isColumn(weights) ? [{ option: '--weights', column: weights, sign: 'above 0' }] : []
}

/** Columns of the table of unknowns. */
export function requestUnknowns(
  x: readonly string[],
  options: UnknownOptions,
): Pick<TableRequest, 'columns' | 'group' | 'labels'> {
  if (x.length !== 1) throw new OptionError('--unknown', 'a model with one --x column', x.length)
  const { y, group, sample } = options
  const own: ColumnRequest[] = [{ option: '--y', column: y }, ...requestWeighting(options)]
  const ofGroups = group === undefined ? [] : [{ option: '--group', column: group }]
  return sample === undefined
    ? { columns: own, group: ofGroups[0], labels: [] }
    : { columns: own, group: { option: '--sample', column: sample }, labels: ofGroups }
}

/** @throws OptionError if an unknown belongs to a group that has no curve */
export function checkGroups(table: UnknownTable | undefined, groups: readonly string[]): void {
  if (table === undefined || table.options.group === undefined) return
  const { name, options } = table
  const stranger = curvesOf(table).find((group) => !groups.includes(group))
  if (stranger === undefined) return
  throw new OptionError(
    '--unknown',
    `labels of fitted groups in the column ${options.group} of ${name}`,
    stranger,
  )
}

/** The label of the curve of each group of the table. */
const curvesOf = ({ groups, labels, options }: UnknownTable) =>
  options.group === undefined ? groups.map(() => '') : options.sample === undefined ? groups : labels[0]

/** Computes the unknowns of each fit. */
export function estimateUnknowns(
  table: UnknownTable,
  groups: readonly string[],
  fits: readonly (Fit | LikelihoodFit)[],
): UnknownEstimate[][] {
  const { sample, weights } = table.options
  const [y, weighting] = table.columns
  const name = usesLikelihood(table.options) ? 'trials' : 'sigma'
  const toSigma = (column: Float64Array) => (isColumn(weights) ? column.map((w) => 1 / Math.sqrt(w)) : column)
  const curves = curvesOf(table)
  const rowNumbers = y.map((list) => Array.from(list, (_, row) => `${row + 1}`))
  return fits.map((fit, k) => {
    const own = [...curves.keys()].filter(
      (i) => curves[i] === (table.options.group === undefined ? '' : groups[k]),
    )
    const split = <T>(read: (i: number) => T, each: (list: T) => T[]): T[] =>
      sample === undefined ? own.flatMap((i) => each(read(i))) : own.map(read)
    const single = (list: Float64Array) => Array.from(list, (x) => Float64Array.of(x))
    const options = weighting && { [name]: split((i) => toSigma(weighting[i]), single) }
    const labels = sample === undefined ? own.flatMap((i) => rowNumbers[i]) : own.map((i) => table.groups[i])
    const found = inverse(
      fit,
      split((i) => y[i], single),
      options,
    )
    return found.map((one, i) => ({ sample: labels[i], ...one }))
  })
}

/** A table with one line per unknown. */
export function describeUnknowns(
  unknowns: readonly (readonly UnknownEstimate[])[],
  group: string | undefined,
  groups: readonly string[],
): string {
  const by = group === undefined ? [] : [toPrintable(group)]
  const head = [...by, 'unknown', 'responses', 'y', 'x', 'error', '95% from', 'to', '']
  const lines = unknowns.flatMap((own, k) =>
    own.map(({ sample, replicates, y, value, error, low, high, reason, message }) => [
      ...(group === undefined ? [] : [toPrintable(groups[k])]),
      toPrintable(sample),
      `${replicates}`,
      ...[y, value].map((x) => short(x)),
      short(error, 3),
      ...[low, high].map((x) => short(x)),
      reason === 'found' ? '' : `${reason}: ${message}`,
    ]),
  )
  const numbers = head.map((_, i) => i).slice(by.length + 1, -1)
  return columns([head, ...lines], numbers)
}
