import { basename } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { AntigradError, OptionError } from '../../core/errors.js'
import { toCamelCase, toKebabCase, toTitle } from '../../core/text.js'
import { parseValue } from '../../jobs/values.js'
import { bowl, type ObjectiveName, objectives, type Point } from '../../objectives/index.js'
import { integerBetween } from '../../options/kinds.js'
import { countUpdates, parseSchedule } from '../../schedules/text.js'
import { writer } from '../plot/file.js'
import type { MetricColumns } from '../plot/read-metrics.js'
import type { NamedSchedule } from '../plot/schedule.js'
import { entrantNames, ruleOptions } from '../race.js'
import { MISUSE, print, say, showProgress } from '../terminal.js'
import { addRunOptions, parsePoint, runOptions, runSettings } from './runs.js'
import { checkGiven, choice, makeParser, parseFile } from './shared.js'

/** Rules that are drawn by default. */
const PLOTTED_RULES = ['gradient-descent', 'momentum', 'adagrad', 'rmsprop', 'adam', 'radam']

/** The file name that means standard output. */
const STDOUT = '-'

/** Maximum number of updates in a plot of schedules. */
const MAX_UPDATES = 1_000_000

/** Options that only plots of rules on an objective have. */
const pathOptions = ['function', 'condition', 'start', 'rule', ...runOptions, ...ruleOptions.keys()]
/** Options of plots of metrics. */
const metricsOptions = ['x', 'y', 'log', 'linear']

function addSchedule(text: string, before: readonly NamedSchedule[] = []): NamedSchedule[] {
  try {
    return [...before, { text, schedule: parseSchedule(text, 'schedule') }]
  } catch (error) {
    throw error instanceof AntigradError ? new InvalidArgumentError(error.message) : error
  }
}

export function configurePlot(command: Command): void {
  command
    .description(
      'Draws the paths on which rules minimize a function of two variables, both on its contours (at ' +
        'logarithmic levels) and on its surface, or the values of schedules, or the metrics in a file. PNG needs ' +
        'the package @resvg/resvg-js.',
    )
    .argument('[file]', 'metrics to draw instead of paths: NDJSON such as {"step":1,"loss":0.5} in each line')
    .option(
      '-o, --output <file>',
      'output file: a name that ends in .svg or .png, or - for SVG on standard output',
      (text) => (text === STDOUT ? text : parseFile(text)),
    )
    .addOption(
      choice('--function <name>', 'function to minimize', Object.keys(objectives).map(toKebabCase)).default(
        'rosenbrock',
      ),
    )
    .option('--condition <number>', "ratio of the bowl's curvatures (default: 100)", parseValue)
    .option('--start <x,y>', 'starting point (default: a point that suits the function)', parsePoint)
    .addOption(choice('--rule <name...>', 'rules to draw', entrantNames).default(PLOTTED_RULES))
    .addOption(
      new Option('--schedule <text...>', 'draw these schedules instead, written as in code or as JSON')
        .argParser(addSchedule)
        .conflicts([...pathOptions, ...metricsOptions]),
    )
    .option(
      '--updates <number>',
      'number of updates of schedules to draw (default: until all schedules are constant, or 1000 if a schedule is never constant)',
      makeParser(integerBetween(2, MAX_UPDATES)),
    )
    .option(
      '--x <column>',
      'column of the file on the horizontal axis (default: step, iteration, update, epoch, time or timestamp; ' +
        'else the line number)',
    )
    .option('--y <column...>', 'columns of the file to draw (default: all other columns with numbers)')
    .option(
      '--log',
      'draw a logarithmic y axis (default if all values are positive and span more than 2 decades)',
    )
    .addOption(new Option('--linear', 'draw a linear y axis').conflicts('log'))
  addRunOptions(command)
  command.addHelpText(
    'after',
    `
Stars mark minima, a ring marks the starting point, and dots mark the points after 1, 10, 100, … updates.
Paths that coincide have different widths. The default options of the rules are those of \`antigrad race\`,
which suit Rosenbrock's function.

  antigrad plot --rule adam adagrad --function himmelblau --start 0,-4 -o himmelblau.svg
  antigrad plot --schedule 'warmup(cosine(1e-3, { steps: 1000 }), { steps: 100 })' -o rate.svg
  antigrad plot losses.ndjson -o losses.svg
  antigrad plot -o - > paths.svg

Exit status: ${MISUSE} if the command line is invalid, or a file cannot be read or written.`,
  )

  command.action(async (file: string | undefined, options: Record<string, unknown>) => {
    checkGiven(command, '-o, --output <file>', options.output)
    const isGiven = (name: string) => command.getOptionValueSource(name) === 'cli'
    const others = file === undefined ? metricsOptions : [...pathOptions, 'schedule', 'updates']
    const other = others.find(isGiven)
    if (other !== undefined) {
      const expected = `no value with${file === undefined ? 'out' : ''} a file of metrics`
      throw new OptionError(`--${toKebabCase(other)}`, expected, options[other])
    }
    if (file !== undefined) return drawFile(file, options)
    const updates = options.updates as number | undefined
    if (options.schedule !== undefined)
      return drawing(options.schedule as readonly NamedSchedule[], options, updates)
    if (updates !== undefined) throw new OptionError('--updates', 'no value without --schedule', updates)
    const name = options.function as string
    const condition = options.condition as number | undefined
    if (condition !== undefined && name !== 'bowl') {
      throw new OptionError('--condition', 'no value without --function bowl', condition)
    }
    const objective =
      condition === undefined ? objectives[toCamelCase(name) as ObjectiveName]() : bowl({ condition })
    const write = await makeWriter(options.output as string)
    const { plot } = await import('../plot/plot.js')
    const svg = plot(
      {
        ...runSettings(options),
        objective,
        title: toTitle(name) + (condition === undefined ? '' : ` of condition ${condition}`),
        start: (options.start as Point | undefined) ?? objective.start,
      },
      showProgress,
    )
    showProgress('')
    await write(svg)
  })
}

async function drawFile(file: string, { output, x, y, log, linear }: Record<string, unknown>): Promise<void> {
  const write = await makeWriter(output as string)
  const { readMetrics } = await import('../plot/read-metrics.js')
  const { drawMetrics } = await import('../plot/metrics.js')
  const { isCut, ...found } = readMetrics(file, { x, y } as MetricColumns)
  if (isCut) say(`${file}: the last line is incomplete and is not drawn`)
  const isLogarithmic = log === undefined && linear === undefined ? undefined : log === true
  await write(drawMetrics({ ...found, title: basename(file), isLogarithmic }))
}

async function drawing(
  schedules: readonly NamedSchedule[],
  { output }: Record<string, unknown>,
  updates: number | undefined,
): Promise<void> {
  const write = await makeWriter(output as string)
  const { drawSchedules } = await import('../plot/schedule.js')
  const last = countUpdates(schedules.map(({ schedule }) => schedule))
  await write(drawSchedules(schedules, updates ?? Math.min(MAX_UPDATES, last)))
}

/** Makes a function that writes SVG to a file or to standard output. */
const makeWriter = async (output: string): Promise<(svg: string) => unknown> =>
  output === STDOUT ? print : await writer(output)
