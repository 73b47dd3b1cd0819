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
import { losses } from '../../fits/problem/loss.js'
import { fitReasons } from '../../fits/problem/reasons.js'
import { SharedFit } from '../../fits/shared/result.js'
import type { SharedProfile } from '../../fits/shared-solve/profile.js'
import { SharedRun } from '../../fits/shared-solve/run.js'
import {
  compareModels,
  type ExecutionOptions,
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
import { describeShared, type SharedProfiles, sharedInJson } from '../fits/describe-shared.js'
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

/** A fit has not converged. */
const NOT_CONVERGED = 1

/** Parameters that all groups share, and columns whose labels others are shared by. */
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
  readonly json?: boolean
  readonly correlations?: true
  readonly plot?: string
  readonly logX?: true
  readonly logY?: true
}

export function configureFit(command: Command): void {
  command
    .description(
      'Fits a model to columns of a table with the Levenberg-Marquardt method, and gives the parameters with ' +
        'their standard errors. A table is CSV (the field delimiter and the decimal sign are ' +
        'detected), NDJSON, or a .safetensors file whose tensors are columns.',
    )
    .argument('<file>', 'CSV with a header, or NDJSON, of which - is standard input; or .safetensors')
    .option(
      '--model <model>',
      `an expression as in 'a*exp(-b*t) + c', or a model whose starts are guessed: ${modelNames.join(', ')}`,
    )
    .option(
      '--x <name>',
      'a column in the model, or as in t="time (s)" one with another name; once for each (default: "x")',
      collectColumn,
    )
    .option('--y <column>', 'the dependent variable (response)', 'y')
    .addOption(
      new Option(
        '--sigma <column>',
        "standard deviations of y; or as in '=0.1*f' how they follow from the model's value f and --x",
      ).conflicts('weights'),
    )
    .option('--weights <column>', "weights of the squared residuals, such as 1/σ²; or as in '=1/f^2'")
    .addOption(
      new Option(
        '--covariance <file>',
        'the covariance of y, as a table of numbers without a header, instead of both',
      ).conflicts(['sigma', 'weights', 'dropInvalid']),
    )
    .option('--absolute-sigma', 'errors do not depend on how well the model fits: σ is known')
    .option('--group <column>', 'fit the rows of each value in this column by themselves')
    .option(
      '--shared <list>',
      'fit all groups at once: these parameters have one value for all, as in top,bottom, or as in slope:plate one ' +
        'for each label of a column, and others one for each group',
      parseSharing,
    )
    .option('--start <list>', 'where parameters start, as in a=1,b=0.5 (default: 1)', parseNumbers('--start'))
    .option('--min <list>', 'lower bounds of parameters', parseNumbers('--min'))
    .option('--max <list>', 'upper bounds of parameters', parseNumbers('--max'))
    .option('--fixed <list>', 'fixed parameters, as in c=0, or b at its start', parseFixed)
    .option('--positive <list>', 'positive parameters, fitted as logarithms, as in a,b', parseNames)
    .option(
      '--expr <name=text>',
      'a parameter defined by an expression, as in c=2*a; once for each',
      collectText,
    )
    .option('--derive <name=text>', "a derived quantity, as in 'half=log(2)/b'; once for each", collectText)
    .option(
      '--compare <model>',
      'fit this model too, and tell which of the two the data support: F test and AICc',
    )
    .option('--profile', 'intervals by profile likelihood, instead of value ± t·error')
    .addOption(
      choice('--loss <name>', 'of residuals', Object.keys(losses).map(toKebabCase)).default('squared'),
    )
    .option(
      '--loss-scale <number>',
      'the residual, in units of σ, at which a loss becomes robust (default: 1)',
      parseScale,
    )
    .option(
      '--multi-start <count>',
      'number of starting points between min and max',
      makeParser(integerBetween(1, 4096)),
    )
    .option(
      '--tolerance <number>',
      'the part of χ² or of the parameters that is small enough',
      parseTolerance,
      1e-10,
    )
    .option('--max-iterations <number>', 'maximum number of evaluations', parseMaxIterations, 1000)
    .addOption(choice('--engine <name>', 'on this engine', engineNames))
    .option('--threads <number>', 'on so many threads', makeParser(integerBetween(1, 256)))
    .option(
      '--delimiter <character>',
      'field delimiter, or tab (default: that of tab ; blank , by which most cells are numbers)',
      parseDelimiter,
    )
    .addOption(
      choice('--decimal <sign>', 'in numbers; the other one is between thousands (default: as they show)', [
        '.',
        ',',
      ]),
    )
    .option('--comment <text>', 'comment prefix: lines that begin with it are skipped', '#')
    .option('--drop-invalid', 'drop rows in which a used column has no valid number, and report them')
    .option('--json', 'print JSON, a line a fit')
    .option('--correlations', 'print those of the parameters below the table')
    .option(
      '--plot <file>',
      'draw data, curve, its 95 % band and residuals, into this .svg or .png',
      parseFile,
    )
    .option('--log-x', 'a logarithmic axis of x in the picture')
    .option('--log-y', 'a logarithmic axis of y in the picture')
  addPlanOptions(command, 'groups')
    .addHelpText(
      'after',
      `
  antigrad fit decay.csv --model 'a*exp(-b*t) + c' --x t --start a=5,b=0.5 --plot decay.svg
  antigrad fit wells.csv --model 'vmax*s/(km + s)' --x s --y rate --group well --min vmax=0,km=0 --json

Exit status: ${NOT_CONVERGED} if a fit has not converged, ${MISUSE} if the command line is invalid, the file cannot be read or an
engine cannot run, ${STOPPED} after Ctrl-C, where fits that are done are not lost.`,
    )
    .action(run)
}

async function run(file: string, options: FitCommandOptions, command: Command): Promise<void> {
  checkGiven(command, '--model <model>', options.model)
  const { group, delimiter, decimal, comment, dropInvalid } = options
  if (options.shared !== undefined) checkShared(options)
  const read = readFits(options)
  const { model, other, x, columns } = read
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
  if (table.groups.length === 0) throw new AntigradError(`${name}: no row is left to be fitted`)
  draw?.check(table)
  reportDefaultedStarts(read)
  if (options.shared !== undefined) return fitTogether(table, model, options, draw)
  const source = { ...table, covariance: await readCovariance(options) }
  const found = await fitTable(source, model, x, options, options)
  const done = [...table.groups.keys()].filter((k) => fitReasons[found.reason[k]] !== null)
  const isStopped = done.length < table.groups.length
  const fits = done.map((k) => found.at(k))
  const groups = done.map((k) => table.groups[k])
  if (isStopped) {
    reportStop(done.length, table.groups.length)
    if (done.length === 0) return
  }
  const beside = isStopped ? undefined : await fitsBeside(source, found, read, options)
  if (isStopped && other !== undefined) say('--compare is left out')
  await printFits(fits, groups, beside, options)
  if (fits.length > 0)
    draw?.now({ ...table, groups, columns: table.columns.map((values) => done.map((k) => values[k])) }, fits)
  const failed = fits.filter(({ reason }) => reason !== 'converged').length
  if (failed === 0) return
  say(`${formatCount(failed)} of ${formatCount(fits.length)} fits did not converge`)
  process.exitCode ??= NOT_CONVERGED
}

function reportStop(done: number, total: number): void {
  const all = total === 1 ? 'the fit was' : `all ${formatCount(total)} fits were`
  say(`stopped before ${all} done${done === 0 ? '' : `: those of ${formatCount(done)} groups follow`}`)
  process.exitCode = STOPPED
}

/** @param beside of each fit, how `--compare` compares with it */
async function printFits(
  fits: readonly Fit[],
  groups: readonly string[],
  beside: readonly ModelComparison[] | undefined,
  { group, json, profile, correlations }: FitCommandOptions,
): Promise<void> {
  const isProfiled = profile === true
  if (json) {
    for (const [k, fit] of fits.entries()) {
      await print(`${toJson(fit, group === undefined ? undefined : groups[k], isProfiled, beside?.[k])}\n`)
    }
  } else if (fits.length > 0) {
    const text =
      group === undefined
        ? describeFit(fits[0], isProfiled, correlations === true, beside?.[0])
        : describeGroups(group, groups, fits, isProfiled, beside)
    await print(`${text}\n`)
  }
}

/** A file as messages have it. */
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
    `${unsaid.join(', ')} ${unsaid.length === 1 ? 'starts' : 'start'} at 1, as --start does not say otherwise`,
  )
}

function reportDroppedRows(
  name: string,
  { leftOut, rows, reasons }: Pick<Table, 'leftOut' | 'rows' | 'reasons'>,
): void {
  for (const reason of reasons) say(`${name}: ${reason}: the row is left out`)
  if (leftOut > reasons.length) {
    const more = formatCount(leftOut - reasons.length)
    say(`${name}: and ${more} more: ${formatCount(leftOut)} of ${formatCount(rows)} rows are left out`)
  }
}

/** Numbers of the file given as --covariance. */
async function readCovariance({ covariance: file, delimiter, decimal, comment }: FitCommandOptions) {
  if (file === undefined) return undefined
  return await readMatrix(await openStream(file), named(file), { delimiter, decimal, comment })
}

/** What `--shared` fits is one fit, and a covariance one matrix: neither has parts. */
const UNPLANNED_OPTIONS = [
  'shared',
  'covariance',
  'plot',
  'logX',
  'logY',
  'correlations',
  'engine',
  'threads',
] as const

/** Writes a plan of chunks, each of which has some of the groups. */
async function writeChunkPlan(file: string, plan: string, options: FitCommandOptions): Promise<void> {
  const { group, delimiter, decimal, comment, dropInvalid } = options
  checkPlanOptions(options, UNPLANNED_OPTIONS)
  if (group === undefined) throw new OptionError('--plan', '--group too, as chunks are of groups', plan)
  if (file === '-') throw new OptionError('--plan', 'a file, which workers read again', 'standard input')
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

/** What is asked of fits, and nothing of how it is shown. */
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

/** All fits at once; after Ctrl-C those that were done have a reason. */
async function fitTable(
  source: FitColumns,
  model: ModelInput,
  x: readonly string[],
  asked: FitsRequest,
  means: ExecutionOptions,
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
  // An engine may be at work still: its memory is left alone.
  return isDone ? fits.result() : new FitManyResult(fits.done())
}

/** The fits of the other model, beside those that were found. */
async function fitsBeside(
  source: FitColumns,
  found: FitManyResult,
  { model, other, x }: ResolvedFits,
  options: FitCommandOptions,
): Promise<ModelComparison[] | undefined> {
  if (other === undefined) return undefined
  const others = await fitTable(source, other, x, withoutDerived(options), options)
  const beside = compareModels(found, others, [model.text, other.text])
  if (beside !== undefined) return beside
  say('stopped before --compare was done: it is left out')
  process.exitCode = STOPPED
  return undefined
}

/** Columns whose labels parameters are shared by, each once. */
function columnsOfSubsets({ shared }: FitCommandOptions): string[] {
  return [...new Set(Object.values(shared?.sharedBy ?? {}))]
}

/** One fit of all groups, with parameters that they share; after Ctrl-C nothing is known of it. */
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
    signal: stop.signal,
  })
  // Whatever the file calls them, as y.
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

/** Those of what is shared, and of each group's own parameters, while all others follow. */
async function computeProfiles(found: SharedFit, signal: AbortSignal): Promise<SharedProfiles> {
  const shared: SharedProfiles['shared'] = new Map()
  for (const name of found.shared) shared.set(name, await profile(found, name, { signal }))
  const local: SharedProfiles['local'][number][] = []
  const tell = reporter((seconds, done: number, total: number) =>
    describeRate('profiles', done, total, seconds),
  )
  for (const k of found.groups.keys()) {
    const group = found.at(k)
    const names = group.free.filter((name) => Object.hasOwn(found.values.local, name))
    const ends = new Map<string, SharedProfile>()
    for (const name of names) ends.set(name, await profile(group, name, { signal }))
    local.push(ends)
    tell(local.length, found.length)
  }
  return { shared, local }
}

/** @throws OptionError where others do not go with --shared */
function checkShared(options: FitCommandOptions): void {
  const { group, correlations, compare, covariance } = options
  if (group === undefined)
    throw new OptionError('--shared', '--group too, which says what shares them', 'none')
  const others = { correlations, compare, covariance }
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) throw new OptionError(`--${toKebabCase(name)}`, 'none beside --shared', value)
  }
}

/** What work comes to, unless Ctrl-C stops it. */
async function untilStopped<T>(stop: AbortController, work: () => Promise<T>): Promise<T | undefined> {
  // Only once: whoever presses it again has it end at once.
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

/** What draws fits into a file; what keeps it from that is found out as early as it can be. */
async function drawing(
  output: string,
  model: ModelInput,
  [x, ...others]: readonly string[],
  { y, group, sigma, logX, logY }: FitCommandOptions,
) {
  const [column] = Object.keys(model.x)
  if (column === undefined || others.length > 0) {
    throw new OptionError(
      '--plot',
      'one column --x to draw over',
      column === undefined ? 0 : others.length + 1,
    )
  }
  const write = await writer(output)
  const { drawFits, MAX_FITS } = await import('../plot/fit.js')
  return {
    check({ groups, columns }: Table): void {
      if (groups.length > MAX_FITS) {
        throw new OptionError('--plot', `at most ${MAX_FITS} groups in a picture`, groups.length)
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
          throw new OptionError(option, 'some number above 0 to be drawn', 'none')
        }
        say(
          `${option}: ${formatCount(below)} ${below === 1 ? 'number is' : 'numbers are'} not above 0, and not drawn`,
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
          title: `${toPrintable(y)} = ${model.text}`,
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

function collectColumn(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, column] = /^([^=]+)(?:=(.+))?$/.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected a name, or name=column.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Expected each name once.')
  return { ...before, [name]: column ?? name }
}

/** A text by the name before the first =, which expressions may have too. */
function collectText(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected name=expression.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Expected each name once.')
  return { ...before, [name]: value }
}

/** Names, of which those with a column behind them are shared by its labels. */
function parseSharing(text: string): Sharing {
  const parts = parseNames(text).map((part) => part.split(/:(.*)/s))
  const subsets = parts.filter(([, column]) => column !== undefined)
  if (new Set(subsets.map(([name]) => name.trim())).size < subsets.length)
    throw new InvalidArgumentError('Expected each name once.')
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

function parseDelimiter(text: string): string {
  if (text === 'tab' || text === '\\t') return '\t'
  if (/^[^"\r\n]$/u.test(text)) return text
  throw new InvalidArgumentError('Expected a character, or tab.')
}
