/** Groups the end points of runs by their distance. */

import { ROWS_PER_SLICE, type Slices, sortInSlices } from '../core/slices.js'

/** End points that are one point, up to rounding. */
export interface Cluster {
  /** Index of the run with the lowest value. */
  readonly run: number
  /** Count of runs. */
  count: number
}

/** A cluster with the number by which clusters are ordered, and its index in the result. */
interface KeyedCluster {
  readonly key: number
  readonly cluster: Cluster
  readonly order: number
}

/** Points by column, and the distance along each parameter within which two points are the same. */
interface Points {
  readonly x: readonly Float64Array[]
  readonly value: Float64Array
  readonly radius: readonly number[]
}

/**
 * Groups the runs by their end points, lowest value first. A run joins the first cluster whose lowest point is within
 * the radius along every parameter. Clusters are ordered by a sum of the coordinates with different weights, so that
 * few of them are compared.
 */
export function* clustersOf(runs: readonly number[], { x, value, radius }: Points): Slices<Cluster[]> {
  const order = yield* sortInSlices(Uint32Array.from(runs), (a, b) => value[a] - value[b] || a - b)
  const weights = radius.map((r, p) => 1 / (r * Math.sqrt(p + 2)))
  const keyOf = (run: number) => x.reduce((sum, column, p) => sum + column[run] * weights[p], 0)
  // Two points within the radius have keys that differ by at most this width, up to rounding.
  const width = 1.001 * radius.reduce((sum, r, p) => sum + r * weights[p], 0)
  const found: Cluster[] = []
  const sorted: KeyedCluster[] = []
  let compared = 0
  for (const run of order) {
    const key = keyOf(run)
    const slack = width + 1e-12 * Math.abs(key)
    let home: KeyedCluster | undefined
    for (let k = firstFrom(sorted, key - slack); k < sorted.length && sorted[k].key <= key + slack; k++) {
      const there = sorted[k].cluster.run
      const isSame = x.every((column, p) => Math.abs(column[run] - column[there]) <= radius[p])
      if (isSame && (home === undefined || sorted[k].order < home.order)) home = sorted[k]
      compared++
    }
    if (home !== undefined) home.cluster.count++
    else {
      const cluster = { run, count: 1 }
      sorted.splice(firstFrom(sorted, key), 0, { key, cluster, order: found.length })
      found.push(cluster)
      // An insertion moves all later entries, 256 of them in about the time of a comparison.
      compared += sorted.length >> 8
    }
    compared += x.length
    if (compared > ROWS_PER_SLICE) {
      compared = 0
      yield
    }
  }
  return found
}

/** Index of the first entry whose key is at least `key`. */
function firstFrom(sorted: readonly { readonly key: number }[], key: number): number {
  let [from, to] = [0, sorted.length]
  while (from < to) {
    const middle = (from + to) >> 1
    if (sorted[middle].key < key) from = middle + 1
    else to = middle
  }
  return from
}
