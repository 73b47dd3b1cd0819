/** Confidence intervals of all parameters of a fit with shared parameters. */

import { mapRecord } from '../../core/untrusted-input.js'
import type { SharedParameterValues } from '../problem/shared-parameters.js'
import { symmetricIntervals } from './bands.js'

/** Lower and upper endpoints of confidence intervals, with one number per parameter. */
export interface SharedIntervals {
  readonly low: SharedParameterValues
  readonly high: SharedParameterValues
}

/** Intervals from estimates and standard errors, by {@link symmetricIntervals}. */
export function sharedIntervals(
  values: SharedParameterValues,
  errors: SharedParameterValues,
  distribution: Parameters<typeof symmetricIntervals>[0],
  level: number,
): SharedIntervals {
  const interval = symmetricIntervals(distribution, level)
  const ends = (end: 0 | 1): SharedParameterValues => {
    const columns = (role: 'sharedBy' | 'local') =>
      mapRecord(values[role], (column, name) =>
        column.map((x, k) => interval(name, x, errors[role][name][k])[end]),
      )
    return {
      shared: mapRecord(values.shared, (x, name) => interval(name, x, errors.shared[name])[end]),
      sharedBy: columns('sharedBy'),
      local: columns('local'),
    }
  }
  return { low: ends(0), high: ends(1) }
}
