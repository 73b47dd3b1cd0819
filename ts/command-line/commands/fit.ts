import { type Command, InvalidArgumentError, Option } from 'commander'
import { planFits } from '../../chunks/plan/build-plan.js'
import { displayName, isUrl, openStream } from '../../chunks/plan/data.js'
import { findColumns, hasColumns, readBlocks, toTable } from '../../chunks/plan/read-columns.js'
import { AntigradError, OptionError } from '../../core/errors.js'
import { formatCount, toKebabCase, toPrintable } from '../../core/text.js'
import { omitUndefined } from '../../core/untrusted-input.js'
import { engineNames } from '../../engines/select-engine.js'
import { profile } from '../../fits/analysis/profile.js'
import { type Fit, FitManyResult } from '../../fits/fit/result.js'
import { rout } from '../../fits/fit/rout.js'
import { covarianceMatrix } from '../../fits/fit/whitening.js'
import { losses } from '../../fits/problem/loss.js'
import { fitReasons, type ProfileEndReason, profileEndReasons } from '../../fits/problem/reasons.js'
import type { ProfileColumns } from '../../fits/profiles/profile-result.js'
import { SharedFit } from '../../fits/shared/result.js'
import type { SharedProfile } from '../../fits/shared-solve/profile.js'
import { SharedRun } from '../../fits/shared-solve/run.js'
import {
  compareModels,
  type ExecutionOptions,
  type FitCallOptions,
  type FitColumns,
  type FitsRequest,
  isColumn,
  type ModelComparison,
  makeFitSettings,
  type ResolvedFits,
  readFits,
  startFits,
  toJson,
  withoutDerived,
} from '../../jobs/fits.js'
import { type ModelInput, modelNames, parseFixed, parseNumbers } from '../../jobs/model.js'
import { execute } from '../../many/engines/execute.js'
import { integerBetween } from '../../options/kinds.js'
import type { Decimal } from '../../tables/format.js'
import { readCsv, type Table, type TableRequest } from '../../tables/read-csv.js'
import { readMatrix } from '../../tables/read-matrix.js'
import { checkElsewhere } from '../atomic-write.js'
import { describeFit, describeGroups } from '../fits/describe.js'
import { describeShared, type GroupProfileMaps, sharedInJson } from '../fits/describe-shared.js'
import {
  checkGroups,
  describeUnknowns,
  estimateUnknowns,
  requestUnknowns,
  type UnknownTable,
} from '../fits/unknowns.js'
import { writer } from '../plot/file.js'
import type { DrawableFit } from '../plot/fit.js'
import { describeRate } from '../sweep/progress.js'
import { MISUSE, print, reporter, STOPPED, say, showProgress } from '../terminal.js'
import {
  addPlanOptions,
  checkPlanOptions,
  type PlanOptions,
  planTitle,
  readSizing,
  writePlan,
} from './plan.js'
import { checkGiven, choice, makeParser, parseFile, parseMaxIterations, parseTolerance } from './shared.js'

/** Exit status if a fit has not converged. */
const NOT_CONVERGED = 1

/**
 * The shared parameters: parameters with one value for all groups (`all`), and parameters with one value per label of
 * a column.
 */
interface Sharing {
  readonly all: readonly string[]
  readonly sharedBy: Readonly<Record<string, string>>
}

interface FitCommandOptions extends FitsRequest, ExecutionOptions, PlanOptions {
  readonly group?: string
  readonly shared?: Sharing
  readonly delimiter?: string
  readonly decimal?: Decimal
  readonly comment: string
  readonly dropInvalid?: true
  readonly covariance?: string
  readonly outliers?: number
  readonly dropOutliers?: true
  readonly unknown?: string
  readonly sample?: string
  readonly json?: boolean
  readonly correlations?: true
  readonly plot?: string
  readonly logX?: true
  readonly logY?: true
}

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
    .option(
      '--model <model>',
      `an expression such as 'a*exp(-b*t) + c', or a built-in model that guesses its starting values: ${modelNames.join(', ')}`,
    )
    .option(
      '--x <name>',
      'an independent variable; t="time (s)" reads the variable t from the column "time (s)"; repeatable (default: "x")',
      collectColumn,
    )
    .option('--y <column>', 'the dependent variable (response)', 'y')
    .addOption(
      new Option(
        '--sigma <column>',
        "column of the standard deviations of y, or a formula of the model's value f and --x, such as '=0.1*f'",
      ).conflicts('weights'),
    )
    .option(
      '--weights <column>',
      "column of the weights of the squared residuals (such as 1/σ²), or a formula such as '=1/f^2'",
    )
    .addOption(
      new Option(
        '--covariance <file>',
        'covariance matrix of y, a table of numbers without a header; replaces --sigma and --weights',
      ).conflicts(['sigma', 'weights', 'dropInvalid']),
    )
    .option('--absolute-sigma', 'take σ as known: standard errors do not depend on how well the model fits')
    .option('--group <column>', 'column of group labels; each group is fitted separately')
    .option(
      '--shared <list>',
      'fit all groups at once with shared parameters: top,bottom have one value for all groups, slope:plate has one ' +
        'value per label of the column plate; all other parameters have one value per group',
      parseSharing,
    )
    .option(
      '--start <list>',
      'starting values of parameters, such as a=1,b=0.5 (default: 1)',
      parseNumbers('--start'),
    )
    .option('--min <list>', 'lower bounds of parameters', parseNumbers('--min'))
    .option('--max <list>', 'upper bounds of parameters', parseNumbers('--max'))
    .option(
      '--fixed <list>',
      'fixed parameters, such as c=0; a name alone (b) fixes the parameter at its starting value',
      parseFixed,
    )
    .option(
      '--positive <list>',
      'positive parameters, such as a,b; they are fitted as logarithms',
      parseNames,
    )
    .option(
      '--expr <name=text>',
      'a parameter defined by an expression, such as c=2*a; repeatable',
      collectText,
    )
    .option('--derive <name=text>', "a derived quantity, such as 'half=log(2)/b'; repeatable", collectText)
    .option('--compare <model>', 'also fit this model, and compare the two models by F test and AICc')
    .option('--profile', 'print profile-likelihood intervals instead of value ± t·error')
    .option(
      '--outliers <q>',
      'mark outliers by the ROUT method at the false discovery rate q, such as 0.01; plots draw them as open circles',
      parseFraction,
    )
    .option('--drop-outliers', 'repeat fits without the outliers (--outliers)')
    .option(
      '--unknown <file>',
      'a table of new responses in the column of --y: print the x of each response on the fitted curve',
    )
    .option(
      '--sample <column>',
      'column of the --unknown table whose equal labels mark replicates of one unknown',
    )
    .addOption(
      choice('--loss <name>', 'loss function of the residuals', Object.keys(losses).map(toKebabCase)).default(
        'squared',
      ),
    )
    .option(
      '--loss-scale <number>',
      'residual, in units of σ, beyond which a robust loss is not quadratic (default: 1)',
      parseScale,
    )
    .option(
      '--multi-start <count>',
      'number of starting points between --min and --max',
      makeParser(integerBetween(1, 4096)),
    )
    .option(
      '--tolerance <number>',
      'relative change of χ² or of the parameters that counts as converged',
      parseTolerance,
      1e-10,
    )
    .option('--max-iterations <number>', 'maximum number of evaluations', parseMaxIterations, 1000)
    .addOption(choice('--engine <name>', 'engine to run on', engineNames))
    .option('--threads <number>', 'number of threads', makeParser(integerBetween(1, 256)))
    .option(
      '--delimiter <character>',
      'field delimiter, or tab (default: the one of tab, semicolon, space and comma that yields the most numeric cells)',
      parseDelimiter,
    )
    .addOption(
      choice(
        '--decimal <sign>',
        'decimal sign of the numbers; the other sign separates thousands (default: detected)',
        ['.', ','],
      ),
    )
    .option('--comment <text>', 'comment prefix: lines that begin with the prefix are skipped', '#')
    .option('--drop-invalid', 'drop rows in which a used column has no valid number, and report them')
    .option('--json', 'print JSON, one line per fit')
    .option('--correlations', 'print the correlations of the parameters below the table')
    .option(
      '--plot <file>',
      'draw data, curve, 95% confidence band and residuals into this .svg or .png file',
      parseFile,
    )
    .option('--log-x', 'draw a logarithmic x axis')
    .option('--log-y', 'draw a logarithmic y axis')
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

async function run(file: string, options: FitCommandOptions, command: Command): Promise<void> {
  checkGiven(command, '--model <model>', options.model)
  const { group, delimiter, decimal, comment, dropInvalid } = options
  if (options.shared !== undefined) checkShared(options)
  const read = readFits(options)
  const { model, other, x, columns } = read
  checkCombinations(file, options)
  if (options.plan !== undefined) return writeChunkPlan(file, options.plan, options)
  const draw = options.plot === undefined ? null : await drawing(options.plot, model, x, options)
  const name = file === '-' ? 'standard input' : named(file)
  const table = await readTable(file, {
    name,
    columns,
    delimiter,
    decimal,
    comment,
    dropsInvalid: dropInvalid === true,
    group: group === undefined ? undefined : { option: '--group', column: group },
    labels: columnsOfSubsets(options).map((column) => ({ option: '--shared', column })),
    onProgress: reporter((_, rows: number) => `${formatCount(rows)} rows read`),
  })
  showProgress('')
  reportDroppedRows(name, table)
  const asked = options.unknown === undefined ? undefined : await readUnknowns(options.unknown, x, options)
  checkGroups(asked, table.groups)
  if (table.groups.length === 0) throw new AntigradError(`${name}: no rows are left to fit`)
  draw?.check(table)
  reportDefaultedStarts(read)
  if (options.shared !== undefined) return fitTogether(table, model, options, draw)
  const source = { ...table, covariance: await readCovariance(options) }
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
  const beside = isStopped ? undefined : await fitsBeside(source, found, read, options)
  if (isStopped && other !== undefined) say('the comparison (--compare) was skipped')
  await printFits(fits, groups, { beside, unknowns: asked && estimateUnknowns(asked, groups, fits) }, options)
  if (fits.length > 0)
    draw?.now({ ...table, groups, columns: table.columns.map((values) => done.map((k) => values[k])) }, fits)
  const failed = fits.filter(({ reason }) => reason !== 'converged').length
  if (failed === 0) return
  say(`${formatCount(failed)} of ${formatCount(fits.length)} fits did not converge`)
  process.exitCode ??= NOT_CONVERGED
}

function reportStop(done: number, total: number): void {
  const all = total === 1 ? 'the fit was' : `all ${formatCount(total)} fits were`
  say(`stopped before ${all} done${done === 0 ? '' : `: the fits of ${formatCount(done)} groups follow`}`)
  process.exitCode = STOPPED
}

interface PrintedExtras {
  /** The comparison with the `--compare` model, per fit. */
  readonly beside: readonly ModelComparison[] | undefined
  /** The unknowns of each fit. */
  readonly unknowns: ReturnType<typeof estimateUnknowns> | undefined
}

async function printFits(
  fits: readonly Fit[],
  groups: readonly string[],
  { beside, unknowns }: PrintedExtras,
  { group, json, profile, correlations }: FitCommandOptions,
): Promise<void> {
  const isProfiled = profile === true
  if (json) {
    for (const [k, fit] of fits.entries()) {
      const label = group === undefined ? undefined : groups[k]
      await print(`${toJson(fit, label, isProfiled, beside?.[k], unknowns?.[k])}\n`)
    }
  } else if (fits.length > 0) {
    const text =
      group === undefined
        ? describeFit(fits[0], isProfiled, correlations === true, beside?.[0])
        : describeGroups(group, groups, fits, isProfiled, beside)
    await print(`${text}\n`)
    if (unknowns) await print(`\n${describeUnknowns(unknowns, group, groups)}\n`)
  }
}

/** The file's name for messages. URLs contain no credentials. */
const named = (file: string) => (isUrl(file) ? displayName(file) : file)

async function readTable(file: string, request: TableRequest): Promise<Table> {
  if (!hasColumns(file)) return readCsv(file === '-' ? process.stdin : await openStream(file), request)
  const source = await findColumns(file, request)
  return toTable(readBlocks(file, source), source.columns, request)
}

function reportDefaultedStarts({ model, other }: ResolvedFits): void {
  const unsaid = [...new Set([...model.defaultedStarts, ...(other?.defaultedStarts ?? [])])]
  if (unsaid.length === 0) return
  say(
    `${unsaid.join(', ')} ${unsaid.length === 1 ? 'starts' : 'start'} at 1 by default (--start sets other values)`,
  )
}

function reportDroppedRows(
  name: string,
  { leftOut, rows, reasons }: Pick<Table, 'leftOut' | 'rows' | 'reasons'>,
): void {
  for (const reason of reasons) say(`${name}: ${reason}: the row was dropped`)
  if (leftOut > reasons.length) {
    const more = formatCount(leftOut - reasons.length)
    say(`${name}: and ${more} more: ${formatCount(leftOut)} of ${formatCount(rows)} rows were dropped`)
  }
}

/** The covariance of y in the `--covariance` file. */
async function readCovariance({ covariance: file, delimiter, decimal, comment }: FitCommandOptions) {
  if (file === undefined) return undefined
  return covarianceMatrix(
    await readMatrix(await openStream(file), named(file), { delimiter, decimal, comment }),
  )
}

/** The table of unknowns, which has the format options of the first table. */
async function readUnknowns(
  file: string,
  x: readonly string[],
  options: FitCommandOptions,
): Promise<UnknownTable> {
  const { delimiter, decimal, comment, dropInvalid } = options
  const name = named(file)
  const columns = requestUnknowns(x, options)
  const format = { delimiter, decimal, comment, dropsInvalid: dropInvalid === true }
  const table = await readTable(file, { name, ...columns, ...format, onProgress: () => {} })
  reportDroppedRows(name, table)
  return { ...table, name, options }
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
async function fitsBeside(
  source: FitColumns,
  found: FitManyResult,
  { model, other, x }: ResolvedFits,
  options: FitCommandOptions,
): Promise<ModelComparison[] | undefined> {
  if (other === undefined) return undefined
  const means = { ...options, outliers: undefined }
  const others = await fitTable(source, other, x, withoutDerived(options), means)
  const beside = compareModels(found, others, [model.text, other.text])
  if (beside !== undefined) return beside
  say('stopped during --compare: the comparison was skipped')
  process.exitCode = STOPPED
  return undefined
}

/** The distinct columns whose labels share parameters. */
function columnsOfSubsets({ shared }: FitCommandOptions): string[] {
  return [...new Set(Object.values(shared?.sharedBy ?? {}))]
}

/** Runs one fit of all groups with shared parameters. The result is undefined after Ctrl-C. */
async function fitTogether(
  table: Table,
  model: ModelInput,
  options: FitCommandOptions,
  draw: Awaited<ReturnType<typeof drawing>> | null,
): Promise<void> {
  const stop = new AbortController()
  const { group, shared, json, multiStart, derive } = options
  const { all, sharedBy } = shared as Sharing
  const { data, settings } = makeFitSettings(table.columns, Object.values(model.x), model, options, {
    ...options,
    outliers: undefined,
    signal: stop.signal,
  })
  // The columns are renamed, so that their names in the file cannot collide with other data.
  const columns = columnsOfSubsets(options)
  const nameOf = (column: string) => `${settings.y}_by${columns.indexOf(column)}`
  const labels = columns.map((column, k) => [nameOf(column), table.labels[k]] as const)
  const run = new SharedRun(
    model.model,
    { ...data, ...Object.fromEntries(labels) },
    {
      ...settings,
      shared: all,
      ...omitUndefined({ multiStart, derive }),
      sharedBy: Object.fromEntries(Object.entries(sharedBy).map(([name, column]) => [name, nameOf(column)])),
    },
  )
  const done = await untilStopped(stop, async () => {
    const ended = await execute(run.choice, run.calls(), stop.signal, () => run.release())
    const found = new SharedFit(run, ended, table.groups)
    return { found, profiles: options.profile ? await computeProfiles(found, stop.signal) : undefined }
  })
  if (done === undefined) {
    say('stopped before the fit was done')
    process.exitCode = STOPPED
    return
  }
  const { found, profiles } = done
  if (json) for (const line of sharedInJson(found, profiles)) await print(`${line}\n`)
  else await print(`${describeShared(group as string, found, profiles)}\n`)
  draw?.now(
    table,
    found.groups.map((_, k) => found.at(k)),
  )
  if (found.reason === 'converged') return
  say('the fit did not converge')
  process.exitCode ??= NOT_CONVERGED
}

/** Profiles of the shared parameters, and of the local parameters and derived quantities of each group. */
async function computeProfiles(found: SharedFit, signal: AbortSignal): Promise<GroupProfileMaps> {
  const onProgress = reporter((seconds, done: number, total: number) =>
    describeRate('profiles', done, total, seconds),
  )
  const all = await profile(found, undefined, { signal, onProgress })
  const pick = ({ low, high, lowReason, highReason }: ProfileColumns, k: number): SharedProfile => {
    const reasonOf = (codes: Uint8Array) => profileEndReasons[codes[k]] as ProfileEndReason
    return { low: low[k], high: high[k], lowReason: reasonOf(lowReason), highReason: reasonOf(highReason) }
  }
  const subsets = Object.entries(found.subsetLabels).flatMap(([name, labels]) =>
    labels.map((label, k) => [`${name}[${label}]`, pick(all.sharedBy[name], k)] as const),
  )
  const profiles = new Map([...Object.entries(all.shared), ...subsets])
  const columns = Object.entries({ ...all.local, ...all.derived })
  return {
    shared: new Map(found.shared.map((name) => [name, profiles.get(name) as SharedProfile])),
    local: found.groups.map(
      (_, group) => new Map(columns.map(([name, column]) => [name, pick(column, group)])),
    ),
  }
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

/** @throws OptionError if an option cannot be combined with --shared */
function checkShared(options: FitCommandOptions): void {
  const { group, correlations, compare, covariance, outliers, unknown, sample } = options
  if (group === undefined)
    throw new OptionError('--shared', '--group as well (the groups share the parameters)', 'none')
  const others = { correlations, compare, covariance, outliers, unknown, sample }
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) throw new OptionError(`--${toKebabCase(name)}`, 'no value with --shared', value)
  }
}

/** Runs the work and returns the result, or undefined if Ctrl-C stops the work. */
async function untilStopped<T>(stop: AbortController, work: () => Promise<T>): Promise<T | undefined> {
  // Only the first Ctrl-C is handled. A second Ctrl-C ends the process at once.
  const end = () => stop.abort()
  process.once('SIGINT', end)
  try {
    return await work()
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown
    return undefined
  } finally {
    showProgress('')
    process.off('SIGINT', end)
  }
}

/** Prepares the plot of the fits. Errors that would prevent the plot are reported before any fit runs. */
async function drawing(
  output: string,
  model: ModelInput,
  [x, ...others]: readonly string[],
  { model: given, y, group, sigma, logX, logY }: FitCommandOptions,
) {
  const [column] = Object.keys(model.x)
  if (column === undefined || others.length > 0) {
    throw new OptionError(
      '--plot',
      'exactly one --x column (the horizontal axis)',
      column === undefined ? 0 : others.length + 1,
    )
  }
  const write = await writer(output)
  const { drawFits } = await import('../plot/fit.js')
  const { MAX_LINES } = await import('../plot/picture.js')
  return {
    check({ groups, columns }: Table): void {
      if (groups.length > MAX_LINES) {
        throw new OptionError('--plot', `at most ${MAX_LINES} groups in a plot`, groups.length)
      }
      for (const [is, option, lists] of [
        [logX, '--log-x', columns[0]],
        [logY, '--log-y', columns[1]],
      ] as const) {
        const below = lists.reduce(
          (sum, list) => sum + list.reduce((count, x) => count + Number(x <= 0), 0),
          0,
        )
        if (is !== true || below === 0) continue
        if (lists.every((list) => list.every((x) => x <= 0))) {
          throw new OptionError(option, 'at least one positive value to draw', 'none')
        }
        say(
          `${option}: ${formatCount(below)} ${below === 1 ? 'value is' : 'values are'} not positive and cannot be drawn`,
        )
      }
    },
    now({ columns, groups }: Table, fits: readonly DrawableFit[]): void {
      const all = fits.map((fit, k) => {
        const name = group === undefined ? '' : toPrintable(`${group} ${groups[k]}`)
        const bars = isColumn(sigma) ? Array.from(columns[2][k]) : null
        return { name, x: Array.from(columns[0][k]), y: Array.from(columns[1][k]), bars, fit }
      })
      write(
        drawFits(all, {
          title: shorten(`${toPrintable(y)}${given === model.text ? ' = ' : ': '}${toPrintable(given)}`),
          x: toPrintable(x),
          y: toPrintable(y),
          column,
          logX: logX === true,
          logY: logY === true,
        }),
      )
    },
  }
}

/** Number of characters of a title that fit into the picture. */
const MAX_TITLE = 90

const shorten = (title: string) => (title.length > MAX_TITLE ? `${title.slice(0, MAX_TITLE - 1)}…` : title)

function collectColumn(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, column] = /^([^=]+)(?:=(.+))?$/.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected a name, or name=column.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Expected distinct names.')
  return { ...before, [name]: column ?? name }
}

/** Adds the text after the first `=` under the name before this `=`. The text may contain further `=`. */
function collectText(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected name=expression.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Expected distinct names.')
  return { ...before, [name]: value }
}

/** Parses names of parameters. A parameter with `:column` has one value per label of this column. */
function parseSharing(text: string): Sharing {
  const parts = parseNames(text).map((part) => part.split(/:(.*)/s))
  const subsets = parts.filter(([, column]) => column !== undefined)
  if (new Set(subsets.map(([name]) => name.trim())).size < subsets.length)
    throw new InvalidArgumentError('Expected distinct names.')
  return {
    all: parts.filter(([, column]) => column === undefined).map(([name]) => name),
    sharedBy: Object.fromEntries(subsets.map(([name, column]) => [name.trim(), column.trim()])),
  }
}

function parseNames(text: string): string[] {
  return text.split(',').map((name) => name.trim())
}

function parseScale(text: string): number {
  const x = Number(text)
  if (text.trim() !== '' && x > 0 && x < Infinity) return x
  throw new InvalidArgumentError('Expected a number > 0.')
}

function parseFraction(text: string): number {
  const x = Number(text)
  if (text.trim() !== '' && x > 0 && x < 1) return x
  throw new InvalidArgumentError('Expected a number between 0 and 1.')
}

function parseDelimiter(text: string): string {
  if (text === 'tab' || text === '\\t') return '\t'
  if (/^[^"\r\n]$/u.test(text)) return text
  throw new InvalidArgumentError('Expected a single character, or tab.')
}
