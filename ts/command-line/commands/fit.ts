import { type Command, InvalidArgumentError, Option } from 'commander'
import { isAddress, shown, streamOf } from '../../chunks/data.js'
import { planFits } from '../../chunks/make.js'
import { blocksIn, findColumns, hasColumns, tableOf } from '../../chunks/read-columns.js'
import { engineNames } from '../../engines/choice.js'
import { losses } from '../../fits/loss.js'
import { fitReasons } from '../../fits/reasons.js'
import { FitManyResult } from '../../fits/result.js'
import type { SharedProfile } from '../../fits/shared/profile.js'
import { SharedFit } from '../../fits/shared/result.js'
import { SharedRun } from '../../fits/shared/run.js'
import { AntigradError, OptionError } from '../../ground/errors.js'
import { present } from '../../ground/given.js'
import { grouped, inKebabCase, printable } from '../../ground/text.js'
import { drive } from '../../many/drive.js'
import { wholeTo } from '../../options/kinds.js'
import type { Decimal } from '../../tables/format.js'
import { type Request, readCsv, type Table } from '../../tables/read-csv.js'
import { readMatrix } from '../../tables/read-matrix.js'
import {
  type Beside,
  besides,
  type FitsAsked,
  type FitsRead,
  fitsFrom,
  inJson,
  isColumn,
  type Means,
  readFits,
  type Source,
  settingsOf,
  withoutDerived,
} from '../../work/fits.js'
import { type Model, modelNames, parseFixed, parseNumbers } from '../../work/model.js'
import { describeFit, describeGroups } from '../fits/describe.js'
import { describeShared, type SharedProfiles, sharedInJson } from '../fits/describe-shared.js'
import { writer } from '../plot/file.js'
import type { FitDrawn } from '../plot/fit.js'
import { describeRate } from '../sweep/progress.js'
import { checkElsewhere } from '../whole.js'
import { addPlanOptions, checkPlanned, namedIn, type PlanOptions, sizingOf, writePlan } from './plan.js'
import {
  checkGiven,
  choice,
  MISUSE,
  parseFile,
  parseMaxIterations,
  parserOf,
  parseTolerance,
  print,
  reporter,
  STOPPED,
  say,
  showProgress,
} from './shared.js'

/** A fit has not converged. */
const NOT_CONVERGED = 1

/** Parameters that all groups share, and columns whose labels others are shared by. */
interface Sharing {
  readonly all: readonly string[]
  readonly subsets: Readonly<Record<string, string>>
}

interface Options extends FitsAsked, Means, PlanOptions {
  readonly group?: string
  readonly shared?: Sharing
  readonly delimiter?: string
  readonly decimal?: Decimal
  readonly comment: string
  readonly drop?: true
  readonly covariance?: string
  readonly json?: boolean
  readonly correlations?: true
  readonly plot?: string
  readonly logX?: true
  readonly logY?: true
}

export function addFit(program: Command): void {
  const command = program
    .command('fit')
    .summary('fit a model to columns of a table by least squares, also to each group of its rows')
    .description(
      'Fits a model to columns of a table with the Levenberg-Marquardt method, and gives the parameters with ' +
        'their standard errors. A table is CSV (what is between cells, and whether commas are decimal ones, is found ' +
        'in the file), NDJSON, or a .safetensors file whose tensors are columns.',
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
    .option('--y <column>', 'the column that the model is to meet', 'y')
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
      ).conflicts(['sigma', 'weights', 'drop']),
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
    .option('--min <list>', 'what parameters are at least', parseNumbers('--min'))
    .option('--max <list>', 'what parameters are at most', parseNumbers('--max'))
    .option('--fixed <list>', 'parameters that stay, as in c=0, or b where it starts', parseFixed)
    .option('--positive <list>', 'parameters above 0, which are fitted as logarithms, as in a,b', parseNames)
    .option(
      '--expr <name=text>',
      'a parameter that follows from others, as in c=2*a; once for each',
      collectText,
    )
    .option(
      '--derive <name=text>',
      "what is wanted beside the parameters, as in 'half=log(2)/b'; once for each",
      collectText,
    )
    .option('--compare <model>', 'fit this model too, and tell which of both the data want: F test and AICc')
    .option('--profile', 'intervals by profile likelihood, instead of value ± t·error')
    .addOption(
      choice('--loss <name>', 'of residuals', Object.keys(losses).map(inKebabCase)).default('squared'),
    )
    .option(
      '--loss-scale <number>',
      'the residual, in units of σ, from which a loss bends (default: 1)',
      parseScale,
    )
    .option(
      '--multi-start <count>',
      'start from so many points between min and max',
      parserOf(wholeTo(1, 4096)),
    )
    .option(
      '--tolerance <number>',
      'the part of χ² or of the parameters that is small enough',
      parseTolerance,
      1e-10,
    )
    .option('--max-iterations <number>', 'evaluations at most', parseMaxIterations, 1000)
    .addOption(choice('--engine <name>', 'on this engine', engineNames))
    .option('--threads <number>', 'on so many threads', parserOf(wholeTo(1, 256)))
    .option(
      '--delimiter <character>',
      'between cells, or tab (default: that of tab ; blank , by which most cells are numbers)',
      parseDelimiter,
    )
    .addOption(
      choice('--decimal <sign>', 'in numbers; the other one is between thousands (default: as they show)', [
        '.',
        ',',
      ]),
    )
    .option('--comment <text>', 'what lines begin with that are no rows', '#')
    .option('--drop', 'leave out rows in which a column that is used has no number, and tell of them')
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

Exit status: ${NOT_CONVERGED} if a fit has not converged, ${MISUSE} if the command line makes no sense, the file cannot be read or an
engine cannot run, ${STOPPED} after Ctrl-C, where fits that are done are not lost.`,
    )
    .action(run)
}

async function run(file: string, options: Options, command: Command): Promise<void> {
  checkGiven(command, '--model <model>', options.model)
  const { group, delimiter, decimal, comment, drop, json } = options
  if (options.shared !== undefined) checkShared(options)
  const read = readFits(options)
  const { model, other, x, wanted } = read
  if (options.plan !== undefined) return planOf(file, options.plan, options)
  const draw = options.plot === undefined ? null : await drawing(options.plot, model, x, options)
  const name = file === '-' ? 'standard input' : named(file)
  const table = await tableIn(file, {
    ...{ name, wanted, delimiter, decimal, comment, drops: drop === true },
    group: group === undefined ? undefined : { option: '--group', column: group },
    labels: columnsOfSubsets(options).map((column) => ({ option: '--shared', column })),
    onProgress: reporter((_, rows: number) => `${grouped(rows)} rows read`),
  })
  showProgress('')
  tellLeftOut(name, table)
  if (table.groups.length === 0) throw new AntigradError(`${name}: no row is left to be fitted`)
  draw?.check(table)
  tellUnsaid(read)
  if (options.shared !== undefined) return fitTogether(table, model, options, draw)
  const source = { ...table, covariance: await covarianceOf(options) }
  const found = await fitTable(source, model, x, options, options)
  const done = [...table.groups.keys()].filter((k) => fitReasons[found.reason[k]] !== null)
  const isProfiled = options.profile === true
  const isStopped = done.length < table.groups.length
  const fits = done.map((k) => found.at(k))
  const groups = done.map((k) => table.groups[k])
  if (isStopped) {
    const all = table.groups.length === 1 ? 'the fit was' : `all ${grouped(table.groups.length)} fits were`
    say(
      `stopped before ${all} done${done.length === 0 ? '' : `: those of ${grouped(done.length)} groups follow`}`,
    )
    process.exitCode = STOPPED
    if (done.length === 0) return
  }
  const beside = isStopped ? undefined : await fitsBeside(source, found, read, options)
  if (isStopped && other !== undefined) say('--compare is left out')
  if (json) {
    for (const [k, fit] of fits.entries()) {
      await print(`${inJson(fit, group === undefined ? undefined : groups[k], isProfiled, beside?.[k])}\n`)
    }
  } else if (fits.length > 0) {
    const text =
      group === undefined
        ? describeFit(fits[0], isProfiled, options.correlations === true, beside?.[0])
        : describeGroups(group, groups, fits, isProfiled, beside)
    await print(`${text}\n`)
  }
  if (fits.length > 0)
    draw?.now({ ...table, groups, columns: table.columns.map((of) => done.map((k) => of[k])) }, fits)
  const failed = fits.filter(({ reason }) => reason !== 'converged').length
  if (failed === 0) return
  say(`${grouped(failed)} of ${grouped(fits.length)} fits did not converge`)
  process.exitCode ??= NOT_CONVERGED
}

/** A file as messages have it. */
const named = (file: string) => (isAddress(file) ? shown(file) : file)

async function tableIn(file: string, request: Request): Promise<Table> {
  if (!hasColumns(file)) return readCsv(file === '-' ? process.stdin : await streamOf(file), request)
  const source = await findColumns(file, request)
  return tableOf(blocksIn(file, source), source.columns, request)
}

function tellUnsaid({ model, other }: FitsRead): void {
  const unsaid = [...new Set([...model.unsaid, ...(other?.unsaid ?? [])])]
  if (unsaid.length === 0) return
  say(
    `${unsaid.join(', ')} ${unsaid.length === 1 ? 'starts' : 'start'} at 1, as --start does not say otherwise`,
  )
}

function tellLeftOut(
  name: string,
  { leftOut, rows, reasons }: Pick<Table, 'leftOut' | 'rows' | 'reasons'>,
): void {
  for (const reason of reasons) say(`${name}: ${reason}: the row is left out`)
  if (leftOut > reasons.length) {
    const more = grouped(leftOut - reasons.length)
    say(`${name}: and ${more} more: ${grouped(leftOut)} of ${grouped(rows)} rows are left out`)
  }
}

/** Numbers of the file given as --covariance. */
async function covarianceOf({ covariance: file, delimiter, decimal, comment }: Options) {
  if (file === undefined) return undefined
  return await readMatrix(await streamOf(file), named(file), { delimiter, decimal, comment })
}

/** What `--shared` fits is one fit, and a covariance one matrix: neither has parts. */
const UNPLANNED = [
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
async function planOf(file: string, plan: string, options: Options): Promise<void> {
  const { group, delimiter, decimal, comment, drop } = options
  checkPlanned(options, UNPLANNED)
  if (group === undefined) throw new OptionError('--plan', '--group too, as chunks are of groups', plan)
  if (file === '-') throw new OptionError('--plan', 'a file, which workers read again', 'standard input')
  await checkElsewhere('--plan', plan, file)
  const made = await planFits(file, askedIn(options), {
    ...{ ...sizingOf(options), name: namedIn(plan, file) },
    ...{ group, delimiter, decimal, comment, drop },
  })
  showProgress('')
  tellLeftOut(named(file), made.table)
  tellUnsaid(readFits(options))
  await writePlan(plan, made, 'groups')
}

/** What is asked of fits, and nothing of how it is shown. */
function askedIn(options: Options): FitsAsked {
  const { model, x, start, min, max, fixed, expr, positive, y, sigma, weights, absoluteSigma } = options
  const { loss, lossScale, compare, derive, profile, multiStart, tolerance, maxIterations } = options
  return {
    ...{ model, y, sigma, weights, absoluteSigma, loss, lossScale, compare, derive, profile, multiStart },
    ...{ tolerance, maxIterations },
    ...present<unknown>({ x, start, min, max, fixed, expr, positive }),
  }
}

/** All fits at once; after Ctrl-C those that were done have a reason. */
async function fitTable(
  source: Source,
  model: Model,
  x: readonly string[],
  asked: FitsAsked,
  means: Means,
): Promise<FitManyResult> {
  const stop = new AbortController()
  const fits = fitsFrom(source, model, x, asked, {
    ...{ ...means, signal: stop.signal },
    onProgress: reporter((seconds, done: number, of: number) => describeRate('fits', done, of, seconds)),
  })
  const isDone = await untilStopped(stop, async () => {
    await drive(fits.choice, fits.calls(), stop.signal, () => fits.leave())
    return true
  })
  // An engine may be at work still: its memory is left alone.
  return isDone ? fits.result() : new FitManyResult(fits.done())
}

/** The fits of the other model, beside those that were found. */
async function fitsBeside(
  source: Source,
  found: FitManyResult,
  { model, other, x }: FitsRead,
  options: Options,
): Promise<Beside[] | undefined> {
  if (other === undefined) return undefined
  const others = await fitTable(source, other, x, withoutDerived(options), options)
  const beside = besides(found, others, [model.text, other.text])
  if (beside !== undefined) return beside
  say('stopped before --compare was done: it is left out')
  process.exitCode = STOPPED
  return undefined
}

/** Columns whose labels parameters are shared by, each once. */
function columnsOfSubsets({ shared }: Options): string[] {
  return [...new Set(Object.values(shared?.subsets ?? {}))]
}

/** One fit of all groups, with parameters that they share; after Ctrl-C nothing is known of it. */
async function fitTogether(
  table: Table,
  model: Model,
  options: Options,
  draw: Awaited<ReturnType<typeof drawing>> | null,
): Promise<void> {
  const stop = new AbortController()
  const { group, shared, json, multiStart, derive } = options
  const { all, subsets } = shared as Sharing
  const { data, settings } = settingsOf(table.columns, Object.values(model.x), model, options, {
    ...{ ...options, signal: stop.signal },
  })
  // Whatever the file calls them, as y.
  const columns = columnsOfSubsets(options)
  const nameOf = (column: string) => `${settings.y}_by${columns.indexOf(column)}`
  const labels = columns.map((column, k) => [nameOf(column), table.labels[k]] as const)
  const run = new SharedRun(
    model.model,
    { ...data, ...Object.fromEntries(labels) },
    {
      ...{ ...settings, shared: all, ...present({ multiStart, derive }) },
      subsets: Object.fromEntries(Object.entries(subsets).map(([name, column]) => [name, nameOf(column)])),
    },
  )
  const done = await untilStopped(stop, async () => {
    const ended = await drive(run.choice, run.calls(), stop.signal, () => run.leave())
    const found = new SharedFit(run, ended, table.groups)
    return { found, profiles: options.profile ? await profilesOf(found, stop.signal) : undefined }
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
async function profilesOf(found: SharedFit, signal: AbortSignal): Promise<SharedProfiles> {
  const shared: SharedProfiles['shared'] = new Map()
  for (const name of found.shared) shared.set(name, await found.profile(name, { signal }))
  const own: SharedProfiles['own'][number][] = []
  const tell = reporter((seconds, done: number, of: number) => describeRate('profiles', done, of, seconds))
  for (const k of found.groups.keys()) {
    const group = found.at(k)
    const names = group.free.filter((name) => Object.hasOwn(found.values.own, name))
    const ends = new Map<string, SharedProfile>()
    for (const name of names) ends.set(name, await group.profile(name, { signal }))
    own.push(ends)
    tell(own.length, found.length)
  }
  return { shared, own }
}

/** @throws OptionError where others do not go with --shared */
function checkShared(options: Options): void {
  const { group, correlations, compare, covariance } = options
  if (group === undefined)
    throw new OptionError('--shared', '--group too, which says what shares them', 'none')
  const others = { correlations, compare, covariance }
  for (const [name, value] of Object.entries(others)) {
    if (value !== undefined) throw new OptionError(`--${inKebabCase(name)}`, 'none beside --shared', value)
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
  model: Model,
  [x, ...others]: readonly string[],
  { y, group, sigma, logX, logY }: Options,
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
  const { drawFits, MOST_FITS } = await import('../plot/fit.js')
  return {
    check({ groups, columns }: Table): void {
      if (groups.length > MOST_FITS) {
        throw new OptionError('--plot', `at most ${MOST_FITS} groups in a picture`, groups.length)
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
          `${option}: ${grouped(below)} ${below === 1 ? 'number is' : 'numbers are'} not above 0, and not drawn`,
        )
      }
    },
    now({ columns, groups }: Table, fits: readonly FitDrawn[]): void {
      const all = fits.map((fit, k) => {
        const name = group === undefined ? '' : printable(`${group} ${groups[k]}`)
        const bars = isColumn(sigma) ? Array.from(columns[2][k]) : null
        return { name, x: Array.from(columns[0][k]), y: Array.from(columns[1][k]), bars, fit }
      })
      write(
        drawFits(all, {
          ...{ title: `${printable(y)} = ${model.text}`, x: printable(x), y: printable(y), column },
          ...{ logX: logX === true, logY: logY === true },
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
    subsets: Object.fromEntries(subsets.map(([name, column]) => [name.trim(), column.trim()])),
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
