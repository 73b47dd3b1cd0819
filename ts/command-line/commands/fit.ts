import { createReadStream } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { engineNames } from '../../engines/choice.js'
import type { EngineName } from '../../engines/engine.js'
import { fitMany } from '../../fits/fit-many.js'
import { type Loss, losses } from '../../fits/loss.js'
import type { FitManyOptions } from '../../fits/options.js'
import type { Fit, FitManyResult } from '../../fits/result.js'
import { AntigradError, OptionError } from '../../ground/errors.js'
import { grouped, printable } from '../../ground/text.js'
import type { DataByRun } from '../../many/data.js'
import { wholeTo } from '../../options/kinds.js'
import type { Decimal } from '../../tables/format.js'
import { readCsv, type Table, type Wanted } from '../../tables/read-csv.js'
import { describeFit, describeGroups, inJson } from '../fits/describe.js'
import { writer } from '../plot/file.js'
import { describeRate } from '../sweep/progress.js'
import {
  type Model,
  type ModelOptions,
  modelNames,
  parseFixed,
  parseNumbers,
  readModel,
} from './fit-model.js'
import {
  checkGiven,
  choice,
  inCamelCase,
  inKebabCase,
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

interface Options extends ModelOptions {
  readonly y: string
  readonly sigma?: string
  readonly weights?: string
  readonly absoluteSigma?: true
  readonly group?: string
  readonly delimiter?: string
  readonly decimal?: Decimal
  readonly comment: string
  readonly drop?: true
  readonly loss: string
  readonly lossScale?: number
  readonly multiStart?: number
  readonly tolerance: number
  readonly maxIterations: number
  readonly engine?: EngineName
  readonly threads?: number
  readonly json?: boolean
  readonly plot?: string
}

export function addFit(program: Command): void {
  program
    .command('fit')
    .summary('fit a model to columns of a CSV file by least squares, also to each group of its rows')
    .description(
      'Fits a model to columns of a CSV file with the Levenberg-Marquardt method, and gives the parameters with ' +
        'their standard errors. What is between cells, and whether commas are decimal ones, is found in the file.',
    )
    .argument('<file>', 'with a header; - is standard input')
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
    .addOption(new Option('--sigma <column>', 'standard deviations of y').conflicts('weights'))
    .option('--weights <column>', 'weights of the squared residuals, such as 1/σ²')
    .option('--absolute-sigma', 'errors do not depend on how well the model fits: σ is known')
    .option('--group <column>', 'fit the rows of each value in this column by themselves')
    .option('--start <list>', 'where parameters start, as in a=1,b=0.5 (default: 1)', parseNumbers('--start'))
    .option('--min <list>', 'what parameters are at least', parseNumbers('--min'))
    .option('--max <list>', 'what parameters are at most', parseNumbers('--max'))
    .option('--fixed <list>', 'parameters that stay, as in c=0, or b where it starts', parseFixed)
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
    .option(
      '--plot <file>',
      'draw data, curve, its 95 % band and residuals, into this .svg or .png',
      parseFile,
    )
    .addHelpText(
      'after',
      `
  antigrad fit decay.csv --model 'a*exp(-b*t) + c' --x t --start a=5,b=0.5 --plot decay.svg
  antigrad fit wells.csv --model 'vmax*s/(km + s)' --x s --y rate --group well --min vmax=0,km=0 --json

Exit status: ${NOT_CONVERGED} if a fit has not converged, ${MISUSE} if the command line makes no sense, the file cannot be read or an
engine cannot run, ${STOPPED} after Ctrl-C.`,
    )
    .action(run)
}

async function run(file: string, options: Options, command: Command): Promise<void> {
  checkGiven(command, '--model <model>', options.model)
  const { group, delimiter, decimal, comment, drop, json } = options
  const model = readModel(options)
  const draw = options.plot === undefined ? null : await drawing(options.plot, model, options)
  const name = file === '-' ? 'standard input' : file
  const table = await readCsv(file === '-' ? process.stdin : createReadStream(file), {
    ...{ name, wanted: wantedOf(model, options), delimiter, decimal, comment, drops: drop === true },
    group: group === undefined ? undefined : { option: '--group', column: group },
    onProgress: reporter((_, rows: number) => `${grouped(rows)} rows read`),
  })
  showProgress('')
  tellLeftOut(name, table)
  if (table.groups.length === 0) throw new AntigradError(`${name}: no row is left to be fitted`)
  draw?.check(table)
  if (model.unsaid.length > 0) {
    say(
      `${model.unsaid.join(', ')} ${model.unsaid.length === 1 ? 'starts' : 'start'} at 1, as --start does not say otherwise`,
    )
  }
  const found = await fitTable(table, model, options)
  if (found === null) return
  const fits = table.groups.map((_, k) => found.at(k))
  if (json) {
    for (const [k, fit] of fits.entries()) {
      await print(`${inJson(fit, group === undefined ? undefined : table.groups[k])}\n`)
    }
  } else
    await print(`${group === undefined ? describeFit(fits[0]) : describeGroups(group, table.groups, fits)}\n`)
  draw?.now(table, fits)
  const failed = fits.filter(({ reason }) => reason !== 'converged').length
  if (failed === 0) return
  say(`${grouped(failed)} of ${grouped(fits.length)} fits did not converge`)
  process.exitCode = NOT_CONVERGED
}

/** Columns in the order in which they are read: the model's, y, and σ or weights. */
function wantedOf({ x }: Model, { y, sigma, weights, loss }: Options): Wanted[] {
  const wanted: Wanted[] = Object.values(x).map((column) => ({ option: '--x', column }))
  wanted.push({ option: '--y', column: y, ...(loss === 'poisson' && { sign: 'at least 0' }) })
  if (sigma !== undefined) wanted.push({ option: '--sigma', column: sigma, sign: 'above 0' })
  if (weights !== undefined) wanted.push({ option: '--weights', column: weights, sign: 'at least 0' })
  return wanted
}

function tellLeftOut(name: string, { leftOut, rows, reasons }: Table): void {
  for (const reason of reasons) say(`${name}: ${reason}: the row is left out`)
  if (leftOut > reasons.length) {
    const more = grouped(leftOut - reasons.length)
    say(`${name}: and ${more} more: ${grouped(leftOut)} of ${grouped(rows)} rows are left out`)
  }
}

/** All fits at once; null after Ctrl-C. */
async function fitTable(
  { columns, groups }: Table,
  model: Model,
  options: Options,
): Promise<FitManyResult | null> {
  const { tolerance, maxIterations, engine, threads, multiStart, lossScale, absoluteSigma } = options
  const names = Object.keys(model.x)
  // Whatever the file calls it: a name that the model has not.
  let y = 'y'
  while (model.names.includes(y)) y += '_'
  // The one fit of all rows has columns, and not lists of one: copies are smaller.
  const given = columns.map((lists) => (lists.length === 1 ? lists[0] : lists))
  const own = [...names, y].map((name, k) => [name, given[k]] as const)
  const weight = given[names.length + 1]
  const stop = new AbortController()
  // Only once: whoever presses it again has it end at once.
  const end = () => stop.abort()
  process.once('SIGINT', end)
  const settings: FitManyOptions = {
    ...{ start: model.start, y, tolerance, maxIterations, signal: stop.signal },
    loss: inCamelCase(options.loss) as Loss,
    ...(options.sigma !== undefined && { sigma: weight }),
    ...(options.weights !== undefined && { weights: weight }),
    ...Object.fromEntries(
      Object.entries({ engine, threads, multiStart, lossScale, absoluteSigma }).filter(
        ([, given]) => given !== undefined,
      ),
    ),
    onProgress: reporter((seconds, done: number, of: number) => describeRate('fits', done, of, seconds)),
  }
  try {
    const fits = await fitMany(model.model, Object.fromEntries(own) as DataByRun, settings)
    showProgress('')
    return fits
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown
    showProgress('')
    say(
      `stopped before ${groups.length === 1 ? 'the fit was' : `all ${grouped(groups.length)} fits were`} done`,
    )
    process.exitCode = STOPPED
    return null
  } finally {
    process.off('SIGINT', end)
  }
}

/** What draws fits into a file; what keeps it from that is found out as early as it can be. */
async function drawing(output: string, model: Model, { y, group }: Options) {
  const [[column, x], ...others] = Object.entries(model.x)
  if (others.length > 0) throw new OptionError('--plot', 'one column --x to draw over', others.length + 1)
  const write = await writer(output)
  const { drawFits, MOST_FITS } = await import('../plot/fit.js')
  return {
    check({ groups }: Table): void {
      if (groups.length <= MOST_FITS) return
      throw new OptionError('--plot', `at most ${MOST_FITS} groups in a picture`, groups.length)
    },
    now({ columns, groups }: Table, fits: readonly Fit[]): void {
      const all = fits.map((fit, k) => {
        const name = group === undefined ? '' : printable(`${group} ${groups[k]}`)
        return { name, x: Array.from(columns[0][k]), y: Array.from(columns[1][k]), fit }
      })
      write(
        drawFits(all, { title: `${printable(y)} = ${model.text}`, x: printable(x), y: printable(y), column }),
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
