#!/usr/bin/env node
import { createRequire } from 'node:module'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { diagnose } from './doctor.js'
import type { EngineName, EngineReport } from './engines/engine.js'
import { engineNames, engines, requestedEngine } from './engines/index.js'
import { AntigradError, EngineError } from './errors.js'
import { entrantNames, MAX_ITERATIONS, race, ruleOptions, type Settings } from './race.js'
import { describeDiagnosis, describeEngines, describeRace } from './report.js'

/** Exit statuses: engines disagree; the command line makes no sense, or what it asks for cannot be done. */
const DISAGREEMENT = 1
const MISUSE = 2

const say = (line: string) => process.stderr.write(`antigrad: ${line}\n`)

const { version } = createRequire(import.meta.url)('../package.json') as { version: string }

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
  .addOption(new Option('--rule <name...>', 'only these rules').choices(entrantNames))
  .addOption(new Option('--engine <name...>', 'only these engines').choices(engineNames))
  .addOption(
    new Option('--dtype <dtype>', 'of the parameters').choices(['float64', 'float32']).default('float64'),
  )
  .option('--tolerance <number>', 'the change that is small enough to stop', parseTolerance, 1e-9)
  .option('--max-iterations <number>', 'updates at most', parseMaxIterations, 50_000)
  .option('--json', 'print JSON and nothing else')
  .optionsGroup('Options of rules (all chosen rules must have them):')
  .addHelpText(
    'after',
    `\nExit status: ${DISAGREEMENT} if engines disagree, ${MISUSE} if the command line makes no sense or an engine cannot run.`,
  )

for (const [name, rules] of ruleOptions) {
  const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
  const isSwitch = [...rules.values()].every(({ accepts }) => accepts(true))
  const option = new Option(
    `--${flag} ${isSwitch ? '[true|false]' : '<value>'}`,
    [...rules.keys()].join(', '),
  )
  raceCommand.addOption(option.argParser(parseValue))
}

raceCommand.action((options: Record<string, unknown>) => {
  const report = engines()
  const settings = {
    rules: options.rule ?? entrantNames,
    overrides: Object.fromEntries(Object.entries(options).filter(([name]) => ruleOptions.has(name))),
    engines: chooseEngines(options.engine as EngineName[] | undefined, report),
    from: options.from,
    dtype: options.dtype,
    tolerance: options.tolerance,
    maxIterations: options.maxIterations,
  } as Settings
  const finishes = race(settings, showProgress)
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
  if (sameBits) return
  process.exitCode = DISAGREEMENT
  for (const { name, engines: laps } of finishes) {
    for (const [engine, { differsAt }] of Object.entries(laps)) {
      if (differsAt !== null)
        say(`${name}: ${engine} differs from ${settings.engines[0]} at update ${differsAt}`)
    }
  }
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

/** A number or a boolean where it reads as one, else the text; the rule says whether it will do. */
function parseValue(text: string): unknown {
  if (text === 'true' || text === 'false') return text === 'true'
  return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text)
}

function parsePoint(text: string): number[] {
  const point = text.split(',').map(parseValue)
  if (point.length === 2 && point.every(Number.isFinite)) return point as number[]
  throw new InvalidArgumentError('Expected two finite numbers, as in 0.5,-2.')
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
  program.parse()
} catch (thrown) {
  showProgress('')
  if (thrown instanceof AntigradError) say(thrown.message)
  else if (!(thrown instanceof CommanderError)) throw thrown
  process.exitCode = thrown instanceof CommanderError && thrown.exitCode === 0 ? 0 : MISUSE
}
