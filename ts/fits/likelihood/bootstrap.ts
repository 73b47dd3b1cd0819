/** The bootstrap of fits by likelihood. */

import { OptionError } from '../../core/errors.js'
import { plural } from '../../core/text.js'
import { mapRecord } from '../../core/untrusted-input.js'
import { CallProgress, type EngineCall } from '../../many/engines/execute.js'
import { readOptions } from '../../options/read.js'
import { WordStream } from '../../random/random.js'
import { fitReasons } from '../problem/reasons.js'
import { triangleIndex } from '../programs/ldlt.js'
import { replaceStarts } from '../solve/fit-context.js'
import {
  type BootstrapManyValues,
  type BootstrapValues,
  CONVERGED,
  MAX_REPLICATES,
  type Replicates,
} from '../uncertainty/bootstrap.js'
import { Bootstrap, BootstrapMany } from '../uncertainty/bootstrap-result.js'
import { parameterColumns } from '../uncertainty/estimates.js'
import { drawMethod, manyTable, table } from './draws.js'
import { createEvaluator } from './evaluate.js'
import type { LikelihoodFits, LikelihoodSource } from './source.js'

/** Maximum number of replicates, and of numbers of their data, that are fitted side by side. */
const MAX_RUNS = 4096
const MAX_NUMBERS = 1 << 20
/** Bootstraps one fit. */
export function* bootstrapFit(source: LikelihoodSource, given: object): Generator<EngineCall, Bootstrap> {
  const options = readOptions('options', given, table) as BootstrapValues
  checkCount(source.run, 1, options)
  return makeBootstrap(source, yield* runReplicates(source, options), options)
}

/** Bootstraps all fits of a run, one after the other. */
export function bootstrapFits(run: LikelihoodFits, given: object) {
  const options = readOptions('options', given, manyTable) as BootstrapManyValues
  const { count } = options
  checkCount(run, run.count, options)
  const progress = new CallProgress(options.onProgress)
  progress.total = run.count * count
  function* calls() {
    const all: Bootstrap[] = []
    for (let fit = 0; fit < run.count; fit++) {
      const source = { run, fit }
      all.push(makeBootstrap(source, yield* runReplicates(source, options), options))
      progress.advance((fit + 1) * count)
      yield
    }
    return new BootstrapMany((fit) => all[fit], run.count, count)
  }
  return { choice: run.choice, calls: calls(), progress, signal: options.signal }
}

function checkCount({ parameters }: LikelihoodFits, fits: number, { count }: BootstrapValues): void {
  const names = parameters.filter(({ isFixed, expr }) => !isFixed || expr !== null).length
  const most = Math.floor(MAX_REPLICATES / (fits * names))
  if (count > most)
    throw new OptionError(
      'count',
      `at most ${most} for ${plural(fits, 'fit')} with ${plural(names, 'parameter')}`,
      count,
    )
}

/** @param contributions influence of the rows on a quantity; default: of the rows of the fit */
export function makeBootstrap(
  { run, fit }: LikelihoodSource,
  replicates: Replicates,
  options: BootstrapValues,
  contributions = (slopes: readonly number[]) => rowInfluences({ run, fit }, slopes),
): Bootstrap {
  const { likelihood, selection, solutions, starts, parameters, data, count } = run
  const { problem } = likelihood
  const context = {
    problem,
    columns: selection.columns,
    observations: selection.observations,
    starts,
    data,
    isAbsolute: true,
    solved: solutions,
    weightAt: null,
    whitened: null,
  }
  const { values } = parameterColumns({ problem, solved: solutions, starts, parameters }, count)
  const original = {
    context,
    fit,
    values: mapRecord(values, (column) => column[fit]),
    contributions,
  }
  return new Bootstrap(original, replicates, options)
}

/** Influence of each row on a quantity: the covariance times the derivatives of the log-likelihood of the row. */
function rowInfluences({ run, fit }: LikelihoodSource, slopes: readonly number[]): Float64Array {
  const { likelihood, solutions } = run
  const { isLogarithm } = likelihood.inSteps
  const rows = run.rowsOf(fit)
  const x = run.internalPoint(fit)
  const along = slopes.map((_, j) =>
    slopes.reduce((sum, slope, i) => {
      const entry = solutions.covariance[triangleIndex(Math.max(i, j), Math.min(i, j))][fit]
      return Number.isNaN(entry) ? sum : sum + slope * entry
    }, 0),
  )
  return Float64Array.from({ length: rows[0].length }, (_, row) => {
    const own = rows.map((column) => column.subarray(row, row + 1))
    const { gradient } = createEvaluator(likelihood, own)(x)
    return along.reduce((sum, weight, i) => {
      const external = isLogarithm[i] ? gradient[i] / solutions.free[i][fit] : gradient[i]
      return weight === 0 ? sum : sum - (weight * external) / 2
    }, 0)
  })
}

/** Fits the replicates of one fit. */
function* runReplicates(
  source: LikelihoodSource,
  options: BootstrapValues,
): Generator<EngineCall, Replicates> {
  const { run, fit } = source
  const { count } = options
  const names = run.parameters
    .filter(({ isFixed, expr }) => !isFixed || expr !== null)
    .map(({ name }) => name)
  const values = Object.fromEntries(names.map((name) => [name, new Float64Array(count).fill(NaN)]))
  const reason = new Uint8Array(count)
  if (fitReasons[run.solutions.reason[fit]] !== 'converged') return { values, reason }
  const draw = drawMethod(source, options.kind)
  const { free } = run.likelihood.problem
  const start = replaceStarts(run, (name) => {
    const at = free.indexOf(name)
    const column = at < 0 ? (run.starts.get(name) as Float64Array) : run.solutions.free[at]
    return [column[fit]]
  })
  const size = run.selection.observations[fit] * run.likelihood.columns.length
  const chunk = Math.max(1, Math.min(MAX_RUNS, Math.floor(MAX_NUMBERS / size)))
  const words = new WordStream()
  for (let from = 0; from < count; from += chunk) {
    const length = Math.min(chunk, count - from)
    const drawn = Array.from({ length }, (_, k) => {
      words.seed(options.seed, (options.fitOffset + fit) >>> 0, from + k)
      return draw(words)
    })
    // A start per replicate tells the number of fits, even if no column differs.
    const starts = mapRecord(start, (one) =>
      typeof one === 'object' && 'start' in one && Array.isArray(one.start)
        ? { ...one, start: new Float64Array(length).fill(one.start[0]) }
        : one,
    )
    const columns = mapRecord(drawn[0], (_, name) => drawn.map((own) => own[name]))
    const refits = run.refit(columns, starts)
    yield* refits.calls()
    const { likelihood, solutions, parameters } = refits
    const found = parameterColumns(
      { problem: likelihood.problem, solved: solutions, starts: refits.starts, parameters },
      length,
    )
    for (let k = 0; k < length; k++) {
      reason[from + k] = solutions.reason[k]
      if (solutions.reason[k] !== CONVERGED) continue
      for (const name of names) values[name][from + k] = found.values[name][k]
    }
  }
  return { values, reason }
}
