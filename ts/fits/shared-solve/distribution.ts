/** Reads a fit with shared parameters and a distribution: its groups, and the roles of its parameters. */

import { OptionError } from '../../core/errors.js'
import { checkName } from '../../expressions/names.js'
import { readTable } from '../problem/data-table.js'
import type { FitValues } from '../problem/options.js'
import type { GroupLabel } from '../problem/shared-parameters.js'
import type { Distribution, SharedDistributionFits } from '../solve/distribution.js'
import { readGroups } from './groups.js'
import type { SharedValues } from './options.js'
import {
  checkStarts,
  placeShared,
  readModels,
  readRoles,
  readSubsets,
  responseColumn,
  usedColumns,
} from './read.js'

/**
 * Validates the arguments of `fitShared` with a distribution, and creates its fit.
 *
 * @param given labels of the groups; default: the labels in the data
 */
export function createSharedFits(
  distribution: Distribution,
  model: unknown,
  allData: unknown,
  allOptions: SharedValues,
  given?: readonly GroupLabel[],
): SharedDistributionFits {
  const models = readModels(model)
  const [{ outputs }] = models
  if (
    models.length > 1 ||
    outputs.length > 1 ||
    outputs[0].y !== null ||
    allOptions.modelColumn !== undefined
  )
    throw new OptionError(
      'model',
      'one model if distribution is set (a column can choose among observables)',
      `${models.length > 1 ? `${models.length} models` : 'outputs by name'}`,
    )
  const exact = outputs[0].functionModel?.exact
  const { data, options } = exact?.prepare(allData, allOptions) ?? { data: allData, options: allOptions }
  const ofLabels = Object.values(options.sharedBy ?? {})
  const table = readTable('data', data)
  for (const name of table.keys()) checkName('data', name)
  const named = [
    { ...models[0], outputs: [{ ...outputs[0], names: [...outputs[0].names, ...distribution.uses] }] },
  ]
  const y = responseColumn(named, table, options.y, [...ofLabels, options.group]) as string
  const { x, extraColumns } = outputs[0]
  const guessed = [x, ...extraColumns].filter((name) => table.has(name))
  const grouped = readGroups(table, [...usedColumns(named, y), ...guessed], options.group, ofLabels)
  const { columns, labels, lists } = grouped
  const subsets = readSubsets(grouped, options)
  const { weights } = options
  const settings = {
    ...options,
    y,
    weights: weights === undefined || typeof weights === 'string' ? weights : lists('weights', weights),
  } as unknown as FitValues
  return distribution.createSharedFits({
    model,
    data: Object.fromEntries(columns),
    options: settings,
    labels: given ?? labels,
    place: (parameters) => {
      const roles = readRoles(options, parameters)
      checkStarts(parameters, roles, labels.length)
      const { shared, placesOf, sharedBy } = placeShared(roles, (name) => subsets.get(name) ?? [])
      return { joint: shared, placesOf, sharedBy }
    },
  })
}
