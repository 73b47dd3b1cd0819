/** `antigrad fit --csv`: results as CSV. This module loads the writer only if it is requested. */

import { OptionError } from '../../core/errors.js'
import type { ComparisonResult } from '../../fits/tables/analyses.js'
import type { LabeledFit, SingleFit } from '../../fits/tables/fit-list.js'
import { print } from '../terminal.js'
import type { FitCommandOptions } from './options.js'

export const csvContents = ['parameters', 'statistics', 'residuals', 'curve'] as const

/** Prints the fits of all groups. Without `--group`, the table has no column of groups. */
export async function printFitsAsCsv(
  fits: readonly SingleFit[] | readonly LabeledFit[],
  groups: readonly string[],
  { group, contents }: FitCommandOptions,
): Promise<void> {
  const { toCsv } = await import('../../fits/tables/to-table.js')
  const options = { contents: contents ?? 'parameters', lineEnd: '\n' } as const
  await print(group === undefined ? toCsv(fits[0], options) : toCsv(fits, { ...options, groups }))
}

/**
 * Prints comparisons or rankings of models.
 *
 * @param groups labels of the groups, if there are several
 */
export async function printComparisonAsCsv(
  found: ComparisonResult,
  groups: readonly string[] | undefined,
): Promise<void> {
  const { toCsv } = await import('../../fits/tables/to-table.js')
  await print(toCsv(found, { lineEnd: '\n', ...(groups && { groups }) }))
}

/** @throws OptionError if an option cannot be combined with `--csv` */
export function checkCsv({ csv, contents, json, unknown, rivals }: FitCommandOptions): void {
  if (csv === undefined) {
    if (contents !== undefined) throw new OptionError('--contents', '--csv as well', contents)
    return
  }
  if (json) throw new OptionError('--csv', 'no value with --json', true)
  if (unknown !== undefined) throw new OptionError('--csv', 'no value with --unknown', true)
  if (rivals.length > 0 && contents !== undefined)
    throw new OptionError(
      '--contents',
      'no value with several --model options (the table is the ranking)',
      contents,
    )
}
