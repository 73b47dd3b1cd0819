#!/usr/bin/env node
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { closestMatch } from 'leven'
import { diagnose } from './doctor.js'
import type { EngineName, EngineReport } from './engines/engine.js'
import { engineNames, engines, requestedEngine } from './engines/index.js'
import { AntigradError, EngineError, OptionError } from './errors.js'
import { bowl, type ObjectiveName, objectives, type Point, rosenbrock } from './objectives/index.js'
import { version } from './package.js'
import { obstacle, writer } from './plot/file.js'
import { entrantNames, MAX_ITERATIONS, race, ruleOptions, type Settings } from './race.js'
import { describeDiagnosis, describeEngines, describeOptions, describeRace } from './report.js'
import { documentation } from './rules/documentation.js'
import { SCHEDULES } from './rules/options.js'

/** Exit statuses: engines disagree; the command line makes no sense, or what it asks for cannot be done. */
const DISAGREEMENT = 1
const MISUSE = 2

/** Rules to be drawn unless others are asked for. */
const PLOTTED = ['gradient-descent', 'momentum', 'adagrad', 'rmsprop', 'adam', 'radam']

const say = (line: string) => process.stderr.write(`antigrad: ${line}\n`)

const program = new Command('antigrad')
  .description('First-order optimizers, with the same bits on every engine.')
  .version(version)
  .exitOverride()
  // Commander puts its suggestions on a second line.
  .configureOutput({ outputError: (text) => say(text.replace('error: ', '').trim().replace(/\s+/g, ' ')) })

program
  .command('doctor')
  .summary('show what runs here and why the rest does not, and whether all engines give the same bits')
  .description(
    'Shows what a bug report needs: versions, the machine, which engines run here, with which instruction ' +
      'sets, why others do not, and whether each rule gives the same bits on all of them.',
  )
  .addHelpText('after', `\nExit status: ${DISAGREEMENT} if engines disagree.`)
  .action(() => {
    const diagnosis = diagnose()
    console.log(describeDiagnosis(version, diagnosis, engines()))
    if (diagnosis.differences.length > 0) process.exitCode = DISAGREEMENT
  })

const raceCommand = program
  .command('race')
  .summary("let the rules minimise Rosenbrock's function on each engine")
  .description(
    'Each rule minimises (1 − x)² + 100·(y − x²)² on each engine that is available, or on the one in the ' +
      'environment variable ANTIGRAD_ENGINE, until no parameter changes by as much as the tolerance. ' +
      'The parameters of all engines are compared, bit by bit, after every update.',
  )
  .option('--from <x,y>', 'where to start', parsePoint, [-1.5, 2])
  .addOption(choice('--rule <name...>', 'only these rules', entrantNames))
  .addOption(choice('--engine <name...>', 'only these engines', engineNames))
  .option('--json', 'print JSON and nothing else')
  .option('--plot <file>', 'draw the paths too, into this .svg or .png', parseFile)
addRunOptions(raceCommand)
raceCommand.addHelpText(
  'after',
  `\nExit status: ${DISAGREEMENT} if engines disagree, ${MISUSE} if the command line makes no sense or an engine cannot run.`,
)

const plotCommand = program
  .command('plot')
  .summary('draw the paths that rules take down a function, as SVG or PNG')
  .description(
    "Each rule minimises a function of two variables; the picture has the function's contours at " +
      'logarithmic levels and its surface, with the paths on both. PNG needs the package @resvg/resvg-js.',
  )
  .requiredOption(
    '-o, --output <file>',
    'where the picture goes: a name that ends in .svg or .png',
    parseFile,
  )
  .addOption(
    choice('--function <name>', 'what to minimise', Object.keys(objectives).map(inKebabCase)).default(
      'rosenbrock',
    ),
  )
  .option('--condition <number>', "of the bowl's curvatures (default: 100)", parseValue)
  .option('--from <x,y>', 'where to start (default: a point that suits the function)', parsePoint)
  .addOption(choice('--rule <name...>', 'these rules', entrantNames).default(PLOTTED))
addRunOptions(plotCommand)
plotCommand.addHelpText(
  'after',
  `
Stars are minima, the ring is the start; dots are after 1, 10, 100, … updates. Paths that lie on each other
have different widths. The rules' own options are those of \`antigrad race\`, which suit Rosenbrock's function.

  antigrad plot --rule adam adagrad --function himmelblau --from 0,-4 -o himmelblau.svg

Exit status: ${MISUSE} if the command line makes no sense or the file cannot be written.`,
)

/** An option that is one of some names, or several; where a name is misspelt, the closest one is named. */
function choice(flags: string, description: string, names: readonly string[]): Option {
  const option = new Option(flags, description).choices(names)
  const { parseArg } = option
  return option.argParser((name, previous) => {
    const closest = names.includes(name) ? undefined : closestMatch(name, names, { maxDistance: 3 })
    if (closest === undefined) return parseArg?.(name, previous)
    throw new InvalidArgumentError(`Did you mean ${closest}? Allowed choices are ${names.join(', ')}.`)
  })
}

/** What the option is in each rule; those in which it is the same are named together. */
function documentationOf(name: string, rules: readonly string[]): string {
  const byText = new Map<string, string[]>()
  for (const rule of rules) {
    const text = (documentation[rule]?.[name] ?? '').replaceAll('`', '')
    byText.set(text, [...(byText.get(text) ?? []), rule])
  }
  return [...byText].map(([text, same]) => `${same.join(', ')}: ${text}`).join('; ')
}

/** What `race` and `plot` have in common. */
function addRunOptions(command: Command): void {
  command
    .addOption(
      new Option('--dtype <dtype>', 'of the parameters').choices(['float64', 'float32']).default('float64'),
    )
    .option('--tolerance <number>', 'the change that is small enough to stop', parseTolerance, 1e-9)
    .option('--max-iterations <number>', 'updates at most', parseMaxIterations, 50_000)
    .optionsGroup('Options of rules (all chosen rules must have them):')
  for (const [name, rules] of ruleOptions) {
    const isSwitch = [...rules.values()].every(({ accepts }) => accepts(true))
    const option = new Option(
      `--${inKebabCase(name)} ${isSwitch ? '[true|false]' : '<value>'}`,
      documentationOf(name, [...rules.keys()]),
    )
    command.addOption(option.argParser(parseValue))
  }
}

type RunSettings = Omit<Settings, 'engines' | 'from'>

/** The settings that `race` and `plot` have in common. */
function runSettings({ rule, dtype, tolerance, maxIterations, ...others }: Record<string, unknown>) {
  const overrides = Object.fromEntries(Object.entries(others).filter(([name]) => ruleOptions.has(name)))
  return { rules: rule ?? entrantNames, overrides, dtype, tolerance, maxIterations } as RunSettings
}

raceCommand.action(async (options: Record<string, unknown>) => {
  const report = engines()
  const settings: Settings = {
    ...runSettings(options),
    engines: chooseEngines(options.engine as EngineName[] | undefined, report),
    from: options.from as Point,
  }
  const file = options.plot as string | undefined
  const write = file === undefined ? null : await writer(file)
  const picture =
    write && new (await import('./plot/picture.js')).Picture('Rosenbrock', rosenbrock(), settings.from)
  const finishes = race(settings, showProgress, (finish, path) =>
    picture?.add({ ...finish, options: describeOptions(finish), path }),
  )
  showProgress('')
  const sameBits = finishes.every((finish) => finish.sameBits)
  if (options.json) {
    const { rules: _, overrides, engines: raced, ...rest } = settings
    console.log(
      JSON.stringify({ ...rest, overrides, raced, sameBits, rules: finishes, engines: report }, null, 2),
    )
  } else {
    console.log(`${describeRace(finishes, settings.engines)}\n\n${describeEngines(report)}`)
  }
  if (picture) write?.(picture.toSvg())
  if (sameBits) return
  process.exitCode = DISAGREEMENT
  for (const { name, engines: laps } of finishes) {
    for (const [engine, { differsAt }] of Object.entries(laps)) {
      if (differsAt !== null)
        say(`${name}: ${engine} differs from ${settings.engines[0]} at update ${differsAt}`)
    }
  }
})

plotCommand.action(async (options: Record<string, unknown>) => {
  const name = options.function as string
  const condition = options.condition as number | undefined
  if (condition !== undefined && name !== 'bowl') {
    throw new OptionError('--condition', 'no value without --function bowl', condition)
  }
  const objective =
    condition === undefined ? objectives[inCamelCase(name) as ObjectiveName]() : bowl({ condition })
  const write = await writer(options.output as string)
  const { plot } = await import('./plot/plot.js')
  const svg = plot(
    {
      ...runSettings(options),
      objective,
      title: titleOf(name) + (condition === undefined ? '' : ` of condition ${condition}`),
      from: (options.from as Point | undefined) ?? objective.start,
    },
    showProgress,
  )
  showProgress('')
  write(svg)
})

/** The engines that were asked for, or all that are available. */
function chooseEngines(
  asked: readonly EngineName[] | undefined,
  report: Readonly<Record<EngineName, EngineReport>>,
): readonly EngineName[] {
  const forced = asked === undefined ? requestedEngine(undefined) : null
  const names = forced ? [forced.name] : (asked ?? engineNames.filter((name) => report[name].available))
  for (const name of names) {
    if (!report[name].available) throw new EngineError(name, report[name].reasons)
  }
  return engineNames.filter((name) => names.includes(name))
}

function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

function inKebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

function titleOf(name: string): string {
  return name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
}

function inCamelCase(name: string): string {
  return name.replace(/-[a-z]/g, (pair) => pair[1].toUpperCase())
}

/** A number, a boolean or null where it reads as one, else the text; the rule says whether it will do. */
function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  if (text === 'null') return null
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
}

function parsePoint(text: string): number[] {
  const point = text.split(',').map(parseValue)
  if (point.length === 2 && point.every(Number.isFinite)) return point as number[]
  throw new InvalidArgumentError('Expected two finite numbers, as in 0.5,-2.')
}

function parseFile(text: string): string {
  const problem = obstacle(text)
  if (problem === null) return text
  throw new InvalidArgumentError(problem)
}

function parseTolerance(text: string): number {
  const x = parseValue(text)
  if (Number.isFinite(x) && (x as number) >= 0) return x as number
  throw new InvalidArgumentError('Expected a finite number ≥ 0.')
}

function parseMaxIterations(text: string): number {
  const x = parseValue(text)
  if (Number.isInteger(x) && (x as number) >= 0 && (x as number) <= MAX_ITERATIONS) return x as number
  throw new InvalidArgumentError(`Expected a whole number from 0 to ${MAX_ITERATIONS}.`)
}

// Whoever reads may have had enough, as in `antigrad race | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
  say(error.message)
  process.exitCode = MISUSE
})

try {
  await program.parseAsync()
} catch (thrown) {
  showProgress('')
  if (thrown instanceof AntigradError) say(thrown.message.replace(SCHEDULES, ''))
  else if (!(thrown instanceof CommanderError)) throw thrown
  process.exitCode = thrown instanceof CommanderError && thrown.exitCode === 0 ? 0 : MISUSE
}
