/** The outcome of a call of a batch or fit in one place of a program. */

import type { MinimizeManyOptions, Rule } from 'antigrad'
import type { Fit, FitManyOptions, FitModel } from 'antigrad/fit'
import { arrayOf } from '../bits.js'
import type { Variant } from '../support.js'
import type { FitsProgram, RunsProgram } from './calls.js'
import { antigrad } from './library.js'
import { inText, Mine } from './outcome.js'
import { revive } from './plain.js'

type Program = RunsProgram | FitsProgram

/** An object without a prototype, because Object.prototype may be polluted. */
const own = (given: object): Record<string, unknown> => ({ __proto__: null, ...given })

/** Options that may be read only once. A second read of an option returns a different value. */
function fickle<T extends object>(options: T): T {
  const seen = new Set<PropertyKey>()
  return new Proxy(options, {
    get(target, key) {
      const isSecond = seen.has(key)
      seen.add(key)
      return isSecond && typeof key === 'string' ? Symbol('read twice') : Reflect.get(target, key)
    },
  })
}

/** A list of `count` elements, filled by repetition. */
const inTurns = <T>(list: readonly T[], count: number): T[] =>
  Array.from({ length: count }, (_, i) => list[i % list.length])

/** Repeats the elements of arrays per run, up to the number of runs. Shared data stay unchanged. */
const byRun = <T>(data: Readonly<Record<string, T>>, count: number) =>
  Object.fromEntries(
    Object.entries(data).map(([name, column]) => [
      name,
      Array.isArray(column) && Array.isArray(column[0]) ? inTurns(column, count) : column,
    ]),
  )

/** The options of a program's runs. */
function optionsOf(program: Program): Readonly<Record<string, unknown>> {
  const options = own(revive(program.options, () => {}) as object)
  const { data, each, start } = options
  const isOne = program.isOne && program.abort === null
  const count = isOne ? 1 : program.kind === 'runs' ? program.runs : program.fits
  const turned = (record: unknown) =>
    Object.fromEntries(
      Object.entries(record as object).map(([name, column]) => [
        name,
        Array.isArray(column) ? inTurns(column, count) : column,
      ]),
    )
  const weighed: Record<string, unknown> = {}
  if (program.kind === 'fits') {
    const { y } = byRun(program.data, count)
    for (const name of ['sigma', 'weights']) {
      const list = options[name] as number[] | undefined
      if (list === undefined) continue
      const ofRows = (rows: unknown) => inTurns(list, (rows as number[]).length)
      weighed[name] = Array.isArray(y[0]) ? y.map(ofRows) : ofRows(y)
    }
  }
  return {
    ...options,
    ...weighed,
    ...(data !== undefined && { data: byRun(data as Record<string, unknown>, count) }),
    ...(each !== undefined && { each: turned(each) }),
    ...(start !== undefined && { start: turned(start) }),
  }
}

/** Runs a call. The reference place makes the call without a promise and with plain options. */
export async function callIn(
  program: Program,
  { name: _, ...forced }: Variant,
  isSteady: boolean,
): Promise<string> {
  const isAsync = program.abort !== null || (!isSteady && program.isAsync)
  const controller = new AbortController()
  const reason = new Mine('ended')
  if (program.abort === 'before') controller.abort(reason)
  const { method: rule, ...given } = optionsOf(program) as { readonly method?: Rule }
  const plain = {
    ...given,
    ...forced,
    ...(rule && { method: antigrad().ruleMethod(rule) }),
    ...(program.abort !== null && {
      signal: controller.signal,
      onProgress: () => controller.abort(reason),
    }),
  }
  const options = !isSteady && program.isFickle ? fickle(plain) : plain
  return inText(
    program.kind === 'runs' ? await runs(program, options, isAsync) : await fits(program, options, isAsync),
  )
}

async function runs(program: RunsProgram, options: MinimizeManyOptions, isAsync: boolean): Promise<object> {
  const { expression, minimize, minimizeMany, minimizeManySync } = antigrad()
  const Floats = arrayOf[program.dtype]
  const objective = expression(program.text)
  const rule = revive(program.rule, () => {}) as Rule
  if (program.isOne && program.abort === null) {
    const { data } = own(program.options) as { data?: Record<string, number[]> }
    const bound = data === undefined ? objective : objective.with(data)
    const alone = own(options)
    delete alone.data
    const { engine: _, ...result } = minimize(bound, Floats.from(program.starts[0]), rule, alone)
    return result
  }
  const starts = Floats.from(inTurns(program.starts, program.runs).flat())
  const { engine: _, ...result } = isAsync
    ? await minimizeMany(objective, starts, rule, options)
    : minimizeManySync(objective, starts, rule, options)
  return result
}

async function fits(program: FitsProgram, options: FitManyOptions, isAsync: boolean): Promise<unknown> {
  const { expression, fit: fitOne, fitMany, fitManySync, models } = antigrad()
  const { model: given, isOne } = program
  const data = byRun(program.data, program.fits)
  const model =
    typeof given === 'string'
      ? expression(given)
      : (models as unknown as Record<string, (options: object) => FitModel>)[given.name](given.options)
  if (isOne && program.abort === null) {
    const { threads: _, ...alone } = options
    return seen(fitOne(model as never, data as never, alone as never))
  }
  const many = isAsync
    ? await fitMany(model as never, data, options)
    : fitManySync(model as never, data, options)
  return Array.from(many.reason, (_, i) => seen(many.at(i)))
}

function seen(fit: Fit): object {
  const { values, errors, covariance, chiSquared, evaluations, reason, observations, free, minima } = fit
  const { rSquared, aic, bic, residuals } = fit
  return {
    ...{ values, errors, covariance, chiSquared, evaluations, reason, rows: observations, free, minima },
    ...{ rSquared, aic, bic, residuals, intervals: fit.intervals(0.9) },
  }
}
