/** The bootstrap of fits with shared parameters: all groups are drawn and fitted again, as one fit. */

import { OptionError } from '../../ground/errors.js'
import { plural } from '../../ground/text.js'
import type { Column } from '../../many/data.js'
import type { Call } from '../../many/drive.js'
import { Words } from '../../many/random.js'
import type { ValuesOf } from '../../options/kinds.js'
import { type bootstrapManyTable, drawers, MOST } from '../bootstrap.js'
import { CONVERGED } from '../reasons.js'
import { NONE } from './arrow.js'
import { type Ended, ending } from './ending.js'
import type { FamilyGiven, Output } from './family.js'
import type { Alone } from './group.js'
import { NEAR_BY } from './profile.js'
import type { SharedRun } from './run.js'

type Values = ValuesOf<typeof bootstrapManyTable>

/** What refits have come to: a column by shared parameter; by family and own parameter, those of a group side by side. */
export interface SharedRefits {
  readonly reason: Uint8Array
  readonly shared: readonly Float64Array[]
  readonly own: readonly (readonly Float64Array[])[]
}

/** @throws OptionError where these cannot be made again so, or not so often */
export function checkRefits({ read, arrow, options }: SharedRun, { kind, count }: Values): void {
  if (kind === 'residuals' && options.loss === 'poisson')
    throw new OptionError('kind', "'cases' or 'parametric', of counts", kind)
  const numbers = arrow.families.reduce((sum, { own, groups }) => sum + own * groups.length, arrow.size)
  const most = Math.floor(MOST / numbers)
  const of = `${plural(read.labels.length, 'group')} with ${plural(numbers, 'parameter')}`
  if (count > most) throw new OptionError('count', `at most ${most}, of ${of}`, count)
}

/** @param alone groups by themselves, in the order of labels; none where nothing can be drawn */
export function* refitShared(
  run: SharedRun,
  { stop }: Ended,
  alone: readonly (readonly Alone[])[],
  options: Values,
): Generator<Call, SharedRefits> {
  const { count, onProgress } = options
  const { families, size } = run.arrow
  const columns = (length: number, of: number) =>
    Array.from({ length }, () => new Float64Array(of * count).fill(NaN))
  const shared = columns(size, 1)
  const own = families.map((family) => columns(family.own, family.groups.length))
  const reason = new Uint8Array(count)
  const draw = drawn(run.read.families, alone, options)
  for (let replicate = 0; alone.length > 0 && replicate < count; replicate++) {
    const arrow = run.makeArrow(draw(replicate))
    const end = yield* arrow.solve(stop.point, run.most, NONE, NEAR_BY)
    const { reason: why, values } = yield* ending(arrow, end, run.isAbsolute, run.options.loss)
    arrow.leave()
    reason[replicate] = why
    onProgress?.(replicate + 1, count)
    yield
    if (why !== CONVERGED) continue
    for (const [k, x] of values.shared.entries()) shared[k][replicate] = x
    for (const [f, of] of values.own.entries()) {
      for (const [i, column] of of.entries()) {
        const to = own[f][i]
        for (let at = 0; at < column.length; at++) to[at * count + replicate] = column[at]
      }
    }
  }
  return { reason, shared, own }
}

/** The families of a refit: rows are drawn group by group, from a stream for each. */
function drawn(
  families: readonly FamilyGiven[],
  alone: readonly (readonly Alone[])[],
  options: Values,
): (replicate: number) => FamilyGiven[] {
  const { kind, seed, firstFit } = options
  const draws = alone.map((values) => values.map((of) => new drawers[kind](of, 0)))
  return (replicate) => {
    const streams = alone.map((_, group) => new Words().seed(seed, (firstFit + group) >>> 0, replicate))
    return families.map((family) => {
      const outputs = family.outputs.map((output, k): Output => {
        const { columns, compiled, rows } = output
        const names = kind === 'cases' ? [...columns.keys()] : [compiled.problem.y]
        const offsets = new Float64Array(rows.length + 1)
        for (let group = 0; group < rows.length; group++) offsets[group + 1] = offsets[group] + rows[group]
        const made = new Map<string, Column>(columns)
        for (const name of names) made.set(name, { numbers: new Float64Array(offsets[rows.length]), offsets })
        const to = names.map((name) => (made.get(name) as Column).numbers)
        for (const group of family.groups) draws[group][k].draw(streams[group], names, to, offsets[group], 1)
        return { ...output, columns: made }
      })
      return { ...family, outputs }
    })
  }
}
