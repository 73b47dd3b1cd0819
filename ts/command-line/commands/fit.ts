import type { Command } from 'commander'
import { planFits } from '../../chunks/plan/build-plan.js'
import { AntigradError, OptionError } from '../../core/errors.js'
import { formatCount, toKebabCase } from '../../core/text.js'
import { omitUndefined } from '../../core/untrusted-input.js'
import { type Fit, FitManyResult } from '../../fits/fit/result.js'
import { rout } from '../../fits/fit/rout.js'
import { fitReasons } from '../../fits/problem/reasons.js'
import {
  compareModels,
  type ExecutionOptions,
  type FitCallOptions,
  type FitColumns,
  type FitsRequest,
  type ModelComparison,
  type ResolvedFits,
  readFits,
  startFits,
  toJson,
  withoutDerived,
} from '../../jobs/fits.js'
import type { ModelInput } from '../../jobs/model.js'
import { execute } from '../../many/engines/execute.js'
import type { Table } from '../../tables/read-csv.js'
import { WIDE_GROUP } from '../../tables/wide-rows.js'
import { checkElsewhere } from '../atomic-write.js'
import { addFitOptions } from '../fits/command-options.js'
import { checkCsv, printComparisonAsCsv, printFitsAsCsv } from '../fits/csv.js'
import { describeFit, describeGroups } from '../fits/describe.js'
import { drawing, type FitDrawing } from '../fits/drawing.js'
import { readErrorModel, usesLikelihood } from '../fits/error-model.js'
import {
  type DateUnits,
  describeDates,
  findDateUnits,
  named,
  readCovariance,
  readTable,
  readUnknowns,
  reportDroppedRows,
  requestDates,
  sayDates,
} from '../fits/input.js'
import type { FitCommandOptions, ParsedFitOptions } from '../fits/options.js'
import {
  describeRivalGroups,
  describeRivals,
  type FitsOfModel,
  rankPerGroup,
  rivalsInJson,
} from '../fits/rivals.js'
import { checkShared, columnsOfSubsets, fitTogether } from '../fits/together.js'
import { checkGroups, describeUnknowns, estimateUnknowns } from '../fits/unknowns.js'
import { NOT_CONVERGED, reportFailures, untilStopped } from '../fits/until-stopped.js'
import { describeRate } from '../sweep/progress.js'
import { MISUSE, print, reporter, STOPPED, say, showProgress } from '../terminal.js'
import { addPlanOptions, checkPlanOptions, planTitle, readSizing, writePlan } from './plan.js'
import { checkGiven } from './shared.js'

export function configureFit(command: Command): void {
  command
    .description(
      'Fits a model to columns of a table with the Levenberg-Marquardt method, and prints the parameters with ' +
        'their standard errors. A table is CSV (the field delimiter and the decimal sign are ' +
        'detected), NDJSON, or a .safetensors file whose tensors are columns.',
    )
    .argument(
      '<file>',
      'a table: CSV with a header, NDJSON or .safetensors; - reads CSV or NDJSON from standard input',
    )
  addFitOptions(command)
  addPlanOptions(command, 'groups')
    .addHelpText(
      'after',
      `
  antigrad fit decay.csv --model 'a*exp(-b*t) + c' --x t --start a=5,b=0.5 --plot decay.svg
  antigrad fit wells.csv --model 'vmax*s/(km + s)' --x s --y rate --group well --min vmax=0,km=0 --json

Exit status: ${NOT_CONVERGED} if a fit has not converged, ${MISUSE} if the command line is invalid, the file cannot be read or an
engine cannot run, ${STOPPED} after Ctrl-C (fits that are done by then are printed).`,
    )
    .action(run)
}

async function run(file: string, given: ParsedFitOptions, command: Command): Promise<void> {
  if (given.ode === undefined) checkGiven(command, '--model <model>', given.model)
  const { options, errorModel } = await readModelOptions(given)
  if (options.shared !== undefined) checkShared(options)
  if (options.rivals.length > 0) checkRivals(options)
  const read = readFits(options, options.rivals, errorModel)
  checkCombinations(file, options)
  checkCsv(options)
  if (options.plan !== undefined) return writeChunkPlan(file, options.plan, options)
  const inputs = await readInputs(file, read, options)
  const { table, draw, dates, unknown } = inputs
  if (options.shared !== undefined) return fitTogether(table, read, options, { draw, dates, errorModel })
  if (errorModel !== undefined) {
    const { fitByLikelihood } = await import('../fits/likelihood.js')
    return fitByLikelihood(table, read, options, errorModel, { draw, dates, unknown })
  }
  const source = { ...table, covariance: await readCovariance(options) }
  if (options.rivals.length > 0) return fitRivals(source, table.groups, read, options, inputs)
  return fitEachGroup(source, read, options, inputs)
}

interface CommandInputs {
  readonly table: Table
  readonly draw: FitDrawing | null
  readonly dates: DateUnits
  /** The table of unknowns. */
  readonly unknown: Awaited<ReturnType<typeof readUnknowns>> | undefined
}

/** Reads the tables. A plot is checked before anything is fitted. */
async function readInputs(
  file: string,
  read: ResolvedFits,
  options: FitCommandOptions,
): Promise<CommandInputs> {
  const { model, x, columns } = read
  const { group, wide, delimiter, decimal, comment, dropInvalid } = options
  const draw = options.plot === undefined ? null : await drawing(options.plot, model, x, options)
  const name = file === '-' ? 'standard input' : named(file)
  const table = await readTable(file, {
    name,
    columns: requestDates(columns, options),
    delimiter,
    decimal,
    comment,
    dropsInvalid: dropInvalid === true,
    wide,
    group: group === undefined ? undefined : { option: '--group', column: group },
    labels: columnsOfSubsets(options).map((column) => ({ option: '--shared', column })),
    onProgress: reporter((_, rows: number) => `${formatCount(rows)} rows read`),
  })
  showProgress('')
  reportDroppedRows(name, table)
  const unknown = options.unknown === undefined ? undefined : await readUnknowns(options.unknown, x, options)
  const dates = findDateUnits(columns, table, options)
  checkGroups(unknown, table.groups)
  if (table.groups.length === 0) throw new AntigradError(`${name}: no rows are left to fit`)
  draw?.check(table)
  reportDefaultedStarts(read)
  return { table, draw, dates, unknown }
}

/** Fits the model to each group, and prints the fits that ended before Ctrl-C. */
async function fitEachGroup(
  source: FitColumns,
  read: ResolvedFits,
  options: FitCommandOptions,
  { table, draw, dates, unknown }: CommandInputs,
): Promise<void> {
  const { model, other, x } = read
  const { outliers: q, dropOutliers } = options
  const outliers = q === undefined ? undefined : rout({ q, refit: dropOutliers === true })
  const found = await fitTable(source, model, x, options, { ...options, outliers })
  const done = [...table.groups.keys()].filter((k) => fitReasons[found.reason[k]] !== null)
  const isStopped = done.length < table.groups.length
  const fits = done.map((k) => found.at(k))
  const groups = done.map((k) => table.groups[k])
  if (isStopped) {
    reportStop(done.length, table.groups.length)
    if (done.length === 0) return
  }
  const comparisons = isStopped ? undefined : await compareWithOther(source, found, read, options)
  if (isStopped && other !== undefined) say('the comparison (--compare) was skipped')
  await printFits(
    fits,
    groups,
    { comparisons, dates, unknowns: unknown && estimateUnknowns(unknown, groups, fits) },
    options,
  )
  if (fits.length > 0)
    draw?.now(
      { ...table, groups, columns: table.columns.map((values) => done.map((k) => values[k])) },
      fits,
      dates,
    )
  reportFailures(fits)
}

/** Loads a model of differential equations and a distribution, if they are requested. */
async function readModelOptions({ ode: file, ...given }: ParsedFitOptions) {
  const { model: [first, ...rivals] = [], ...plain } = given
  const hasGroups = plain.wide !== undefined && plain.wide !== 'all'
  const others = hasGroups ? { ...plain, group: WIDE_GROUP } : plain
  let options: FitCommandOptions = { ...others, model: first, rivals }
  if (file !== undefined) {
    const { checkOdeOptions, readOdeFile } = await import('../fits/ode-file.js')
    checkOdeOptions(given)
    const ode = readOdeFile(file)
    options = { ...others, model: ode.text, rivals: [], ode }
  }
  if (!usesLikelihood(options)) return { options, errorModel: undefined }
  const errorModel = await readErrorModel(options)
  return { options: { ...options, extraNames: errorModel.names }, errorModel }
}

function reportStop(done: number, total: number): void {
  const all = total === 1 ? 'the fit was' : `all ${formatCount(total)} fits were`
  say(`stopped before ${all} done${done === 0 ? '' : `: the fits of ${formatCount(done)} groups follow`}`)
  process.exitCode = STOPPED
}

interface PrintedExtras {
  /** The comparison with the `--compare` model, per fit. */
  readonly comparisons: readonly ModelComparison[] | undefined
  readonly dates: DateUnits
  /** The unknowns of each fit. */
  readonly unknowns: ReturnType<typeof estimateUnknowns> | undefined
}

async function printFits(
  fits: readonly Fit[],
  groups: readonly string[],
  { comparisons, dates, unknowns }: PrintedExtras,
  options: FitCommandOptions,
): Promise<void> {
  const { group, json, csv, profile, correlations } = options
  const isProfiled = profile === true
  const hasDates = Object.keys(dates).length > 0
  if (csv) {
    if (fits.length > 0) await printFitsAsCsv(fits, groups, options)
    sayDates(dates)
  } else if (json) {
    for (const [k, fit] of fits.entries()) {
      const label = group === undefined ? undefined : groups[k]
      await print(
        `${toJson(fit, label, isProfiled, comparisons?.[k], { unknowns: unknowns?.[k], ...(hasDates && { dates }) })}\n`,
      )
    }
  } else if (fits.length > 0) {
    const text =
      group === undefined
        ? describeFit(fits[0], isProfiled, correlations === true, comparisons?.[0])
        : describeGroups(group, groups, fits, isProfiled, comparisons)
    await print(`${text}\n${describeDates(dates)}`)
    if (unknowns) await print(`\n${describeUnknowns(unknowns, group, groups)}\n`)
  }
}

function reportDefaultedStarts({ model, other, rivals }: ResolvedFits): void {
  const models = [model, ...(other ? [other] : []), ...rivals]
  const unsaid = [...new Set(models.flatMap(({ defaultedStarts }) => defaultedStarts))]
  if (unsaid.length === 0) return
  say(
    `${unsaid.join(', ')} ${unsaid.length === 1 ? 'starts' : 'start'} at 1 by default (--start sets other values)`,
  )
}

/** Fits each model to all groups, and prints the ranking of the models. */
async function fitRivals(
  source: FitColumns,
  groups: readonly string[],
  { model, rivals, x }: ResolvedFits,
  options: FitCommandOptions,
  { draw, dates, table }: CommandInputs,
): Promise<void> {
  const models: FitsOfModel[] = []
  for (const [k, each] of [model, ...rivals].entries()) {
    const asked = k === 0 ? options : withoutDerived(options)
    const found = await fitTable(source, each, x, asked, { ...options, outliers: undefined })
    if (found.reason.some((reason) => fitReasons[reason] === null)) {
      say('stopped before all models were fitted')
      process.exitCode = STOPPED
      return
    }
    models.push({ text: [options.model, ...options.rivals][k], fits: groups.map((_, i) => found.at(i)) })
  }
  const rankings = rankPerGroup(models)
  const { group, json, csv, profile, correlations } = options
  const [isProfiled, hasCorrelations] = [profile === true, correlations === true]
  if (csv) {
    await printComparisonAsCsv(
      group === undefined ? rankings[0] : rankings,
      group === undefined ? undefined : groups,
    )
    sayDates(dates)
  } else if (json) {
    const labels = groups.map((label) => (group === undefined ? undefined : label))
    for (const line of rivalsInJson(models, rankings, labels, { isProfiled, dates })) await print(`${line}\n`)
  } else {
    const text =
      group === undefined
        ? describeRivals(models, rankings[0], { isProfiled, hasCorrelations })
        : describeRivalGroups(group, groups, models, rankings)
    await print(`${text}\n${describeDates(dates)}`)
  }
  draw?.now(
    table,
    rankings.map(([{ index }], k) => models[index].fits[k]),
    dates,
    rankings.map(([{ index }]) => [model, ...rivals][index]),
  )
  reportFailures(models.flatMap(({ fits }) => fits))
}

/** @throws OptionError if an option cannot be combined with several models */
function checkRivals(options: FitCommandOptions): void {
  for (const name of ['compare', 'shared', 'outliers', 'dropOutliers', 'unknown', 'plan'] as const) {
    const value = options[name]
    if (value === undefined) continue
    const given = typeof value === 'object' ? 'a list' : value
    throw new OptionError(`--${toKebabCase(name)}`, 'no value with several --model options', given)
  }
}

/** Options that exclude `--plan`. A shared fit and a covariance matrix cannot be divided into chunks. */
const UNPLANNED_OPTIONS = [
  'shared',
  'covariance',
  'outliers',
  'dropOutliers',
  'unknown',
  'sample',
  'plot',
  'logX',
  'logY',
  'correlations',
  'csv',
  'contents',
  'dateFormat',
  'ode',
  'distribution',
  'trials',
  'below',
  'above',
  'engine',
  'threads',
] as const

/** Writes a plan that divides the groups into chunks. */
async function writeChunkPlan(file: string, plan: string, options: FitCommandOptions): Promise<void> {
  const { group, delimiter, decimal, comment, dropInvalid } = options
  checkPlanOptions(options, UNPLANNED_OPTIONS)
  if (group === undefined)
    throw new OptionError('--plan', '--group as well (a plan divides the groups into chunks)', plan)
  if (file === '-') throw new OptionError('--plan', 'a file that workers can read again', 'standard input')
  await checkElsewhere('--plan', plan, file)
  const made = await planFits(file, readRequest(options), {
    ...readSizing(options),
    name: planTitle(plan, file),
    group,
    delimiter,
    decimal,
    comment,
    dropInvalid,
  })
  showProgress('')
  reportDroppedRows(named(file), made.table)
  reportDefaultedStarts(readFits(options))
  await writePlan(plan, made, 'groups')
}

/** The options that determine the fits, without the options that determine the output. */
function readRequest(options: FitCommandOptions): FitsRequest {
  const { model, x, start, min, max, fixed, expr, positive, y, sigma, weights, absoluteSigma } = options
  const { loss, lossScale, compare, derive, profile, multiStart, tolerance, maxIterations } = options
  return {
    model,
    y,
    sigma,
    weights,
    absoluteSigma,
    loss,
    lossScale,
    compare,
    derive,
    profile,
    multiStart,
    tolerance,
    maxIterations,
    ...omitUndefined<unknown>({ x, start, min, max, fixed, expr, positive }),
  }
}

/** Runs all fits as one batch. After Ctrl-C, only completed fits have an end reason. */
async function fitTable(
  source: FitColumns,
  model: ModelInput,
  x: readonly string[],
  asked: FitsRequest,
  means: ExecutionOptions & Pick<FitCallOptions, 'outliers'>,
): Promise<FitManyResult> {
  const stop = new AbortController()
  const fits = startFits(source, model, x, asked, {
    ...means,
    signal: stop.signal,
    onProgress: reporter((seconds, done: number, total: number) =>
      describeRate('fits', done, total, seconds),
    ),
  })
  const isDone = await untilStopped(stop, async () => {
    await execute(fits.choice, fits.calls(), stop.signal, () => fits.release())
    return true
  })
  // After Ctrl-C an engine may still be running, so its memory must not be released.
  return isDone ? fits.result() : new FitManyResult(fits.done())
}

/** Fits the `--compare` model and compares the results with the given fits. The result is undefined after Ctrl-C. */
async function compareWithOther(
  source: FitColumns,
  found: FitManyResult,
  { model, other, x }: ResolvedFits,
  options: FitCommandOptions,
): Promise<ModelComparison[] | undefined> {
  if (other === undefined) return undefined
  const means = { ...options, outliers: undefined }
  const others = await fitTable(source, other, x, withoutDerived(options), means)
  const comparisons = compareModels(found, others, [model.text, other.text])
  if (comparisons !== undefined) return comparisons
  say('stopped during --compare: the comparison was skipped')
  process.exitCode = STOPPED
  return undefined
}

/** @throws OptionError if an option lacks another option, or cannot be combined with another option */
function checkCombinations(file: string, options: FitCommandOptions): void {
  if (file === '-' && options.unknown === '-')
    throw new OptionError('--unknown', 'another file (the fits read standard input)', '-')
  if (options.sample !== undefined && options.unknown === undefined)
    throw new OptionError('--sample', '--unknown as well (the samples are its rows)', 'none')
  if (options.dropOutliers && options.outliers === undefined)
    throw new OptionError('--drop-outliers', '--outliers as well', 'none')
  if (options.dropOutliers && options.compare !== undefined)
    throw new OptionError(
      '--drop-outliers',
      'none with --compare (both models must have the same rows)',
      true,
    )
}
