/** The bootstrap of fits by likelihood of groups that share parameters. */

import { OptionError } from '../../core/errors.js'
import { plural } from '../../core/text.js'
import { createRecord } from '../../core/untrusted-input.js'
import { CallProgress } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import { WordStream } from '../../random/random.js'
import { CONVERGED, SINGULAR } from '../problem/reasons.js'
import { fromInternalInterval } from '../programs/internal-parameters.js'
import type { BootstrapRun } from '../solve/distribution.js'
import { type BootstrapManyValues, MAX_REPLICATES, type Replicates } from '../uncertainty/bootstrap.js'
import type { Bootstrap } from '../uncertainty/bootstrap-result.js'
import { derivedPrograms } from '../uncertainty/estimates.js'
import { SharedBootstrap } from '../uncertainty/shared-bootstrap-result.js'
import { multiplyHalves } from './arrowhead.js'
import { makeBootstrap } from './bootstrap.js'
import { type Draw, drawMethod, manyTable } from './draws.js'
import { createEvaluator } from './evaluate.js'
import type { SharedLikelihoodFits } from './shared-source.js'
import { valuesByRole } from './shared-values.js'

/** Replicates of the internal values of all parameters: one column per place. */
interface PlaceReplicates {
  readonly columns: readonly Float64Array[]
  readonly reason: Uint8Array
}

/** Each replicate draws the rows of every group, and fits all groups together. */
export function bootstrapShared(fits: SharedLikelihoodFits, given: object): BootstrapRun {
  const options = readOptions('options', given, manyTable) as BootstrapManyValues
  const { solution, labels, base } = fits
  const size = solution.x.length
  const most = Math.floor(MAX_REPLICATES / Math.max(1, size))
  if (options.count > most) {
    const name = `${plural(labels.length, 'group')} with ${plural(size, 'parameter')}`
    throw new OptionError('count', `at most ${most} for ${name}`, options.count)
  }
  const progress = new CallProgress(options.onProgress)
  progress.total = options.count
  function* calls() {
    const found = yield* runReplicates(fits, options, progress)
    return makeResult(fits, found, options)
  }
  return { choice: base.choice, calls: calls(), progress, signal: options.signal }
}

function* runReplicates(
  fits: SharedLikelihoodFits,
  { kind, count, seed, fitOffset }: BootstrapManyValues,
  progress: CallProgress,
): Generator<undefined, PlaceReplicates> {
  const { solution, base, labels, isActive } = fits
  const reason = new Uint8Array(count)
  const columns = Array.from(solution.x, () => new Float64Array(count).fill(NaN))
  if (solution.reason !== CONVERGED) return { columns, reason }
  const draws = labels.map((_, fit): Draw | undefined =>
    isActive[fit] === 1 ? drawMethod({ run: base, fit }, kind) : undefined,
  )
  const words = new WordStream()
  for (let replicate = 0; replicate < count; replicate++) {
    const rows = draws.map((draw, group) => {
      words.seed(seed, (fitOffset + group) >>> 0, replicate)
      return draw && drawnRows(fits, group, draw(words))
    })
    const refit = yield* fits.solve(solution.x, (group, around) =>
      createEvaluator(base.likelihood, rows[group] as Float64Array[], around),
    )
    reason[replicate] = refit.reason
    const lost = [...refit.unidentifiable].find((place) => !solution.unidentifiable.has(place))
    if (lost !== undefined && refit.reason === CONVERGED) reason[replicate] = SINGULAR
    if (reason[replicate] === CONVERGED)
      for (const [place, column] of columns.entries())
        if (!solution.unidentifiable.has(place)) column[replicate] = refit.x[place]
    progress.advance(replicate + 1)
    yield
  }
  return { columns, reason }
}

/** The rows of a group in the order of the objective's columns. Fixed parameters keep their columns. */
function drawnRows(
  { base }: SharedLikelihoodFits,
  group: number,
  drawn: Readonly<Record<string, Float64Array>>,
): Float64Array[] {
  const rows = base.rowsOf(group)
  return base.likelihood.columns.map((name, k) => (Object.hasOwn(drawn, name) ? drawn[name] : rows[k]))
}

function makeResult(
  fits: SharedLikelihoodFits,
  found: PlaceReplicates,
  options: BootstrapManyValues,
): SharedBootstrap {
  const { labels, free, isActive, base } = fits
  const influences = new Influences(fits)
  const made = new Map<number, Bootstrap>()
  const at = (group: number): Bootstrap => {
    const known = made.get(group)
    if (known) return known
    const replicates = { values: groupValues(fits, group, found), reason: found.reason }
    const contributions = (slopes: readonly number[]) => influences.onQuantity(group, slopes)
    const one = makeBootstrap({ run: base, fit: group }, replicates, options, contributions)
    made.set(group, one)
    return one
  }
  return new SharedBootstrap(found.reason, labels.length, at, (read) => {
    const all = labels.map((_, group) => (isActive[group] === 1 ? read(group) : undefined))
    const names = free.map(({ name }) => name)
    return valuesByRole(
      fits,
      createRecord(names, (name) => Float64Array.from(all, (own) => own?.[name] ?? NaN)),
    )
  })
}

/** Replicates of the free and derived parameters of a group. */
function groupValues(
  { base, layout, free, isActive }: SharedLikelihoodFits,
  group: number,
  { columns, reason }: PlaceReplicates,
): Replicates['values'] {
  const { problem } = base.likelihood
  const values = Object.fromEntries(
    free.map((parameter, i) => {
      const toExternal = fromInternalInterval(parameter)
      const column = columns[layout.places[group][i]]
      return [parameter.name, isActive[group] === 1 ? column.map(toExternal) : column]
    }),
  )
  const fixed = problem.fixed.map((name) => base.starts.get(name)?.[group] ?? NaN)
  const inputs = problem.free.map((name) => values[name])
  for (const [name, compute] of Object.entries(derivedPrograms(problem)))
    values[name] = Float64Array.from(reason, (_, k) => compute([...inputs.map((own) => own[k]), ...fixed])[0])
  return values
}

/** Influences of the rows of all groups on quantities of a group. */
class Influences {
  readonly #fits: SharedLikelihoodFits
  #gradients: readonly (readonly Float64Array[])[] | undefined

  constructor(fits: SharedLikelihoodFits) {
    this.#fits = fits
  }

  /** @param slopes derivatives of the quantity with respect to the free parameters of the group */
  onQuantity(group: number, slopes: readonly number[]): Float64Array {
    const { layout, base, solution, free } = this.#fits
    const { inverse, unidentifiable } = solution
    this.#gradients ??= layout.places.map((_, g) => this.#rowGradients(g))
    const { isLogarithm } = base.likelihood.inSteps
    const along = new Map(
      free.flatMap((_, i): [number, number][] => {
        const place = layout.places[group][i]
        const isOpen = slopes[i] === 0 || solution.atBound.has(place) || unidentifiable.has(place)
        return isOpen ? [] : [[place, slopes[i] * (isLogarithm[i] ? base.solutions.free[i][group] : 1)]]
      }),
    )
    const target = inverse?.half(along) ?? null
    return Float64Array.from(
      this.#gradients.flatMap((rows, g) => {
        if (rows.length === 0) return []
        const weights = layout.places[g].map((place) => {
          const weight = multiplyHalves(target, inverse?.half(new Map([[place, 1]])) ?? null)
          return Number.isNaN(weight) ? 0 : weight
        })
        // The covariance is twice the inverse Hessian of −2 log L, and the score is half its gradient.
        return rows.map((gradient) => weights.reduce((sum, weight, i) => sum - weight * gradient[i], 0))
      }),
    )
  }

  /** Gradients of −2 log L of the rows of a group. */
  #rowGradients(group: number): Float64Array[] {
    const { base, isActive, solution } = this.#fits
    if (isActive[group] === 0) return []
    const rows = base.rowsOf(group)
    const x = this.#fits.pointOf(group, solution.x)
    return Array.from(rows[0], (_, row) => {
      const own = rows.map((column) => column.subarray(row, row + 1))
      return createEvaluator(base.likelihood, own)(x).gradient
    })
  }
}
