import type { Command } from 'commander'
import { EngineError } from '../../core/errors.js'
import type { EngineName, EngineReport } from '../../engines/engine.js'
import { engines } from '../../engines/index.js'
import { engineNames, requestedEngine } from '../../engines/select-engine.js'
import { type Point, rosenbrock } from '../../objectives/index.js'
import { writer } from '../plot/file.js'
import { entrantNames, type RaceRunSettings, race } from '../race.js'
import { describeEngines, describeOptions, describeRace } from '../report.js'
import { DISAGREEMENT, MISUSE, say, showProgress } from '../terminal.js'
import { addRunOptions, parsePoint, runSettings } from './runs.js'
import { choice, parseFile } from './shared.js'

export function configureRace(command: Command): void {
  command
    .description(
      'Minimizes (1 − x)² + 100·(y − x²)² with each rule on each available engine, or on the engine in the ' +
        'environment variable ANTIGRAD_ENGINE, until every parameter changes by less than the tolerance. ' +
        'Compares the parameters of all engines bit by bit after every update.',
    )
    .option('--start <x,y>', 'starting point', parsePoint, [-1.5, 2])
    .addOption(choice('--rule <name...>', 'rules to run (default: all)', entrantNames))
    .addOption(choice('--engine <name...>', 'engines to run on (default: all)', engineNames))
    .option('--json', 'print only JSON')
    .option('--plot <file>', 'also draw the paths into this .svg or .png file', parseFile)
  addRunOptions(command)
  command.addHelpText(
    'after',
    `
  antigrad race --rule adam rmsprop --lr 0.01
  antigrad race --engine wasm --json --max-iterations 1000

Exit status: ${DISAGREEMENT} if engines disagree, ${MISUSE} if the command line is invalid or an engine cannot run.`,
  )

  command.action(async (options: Record<string, unknown>) => {
    const report = engines()
    const settings: RaceRunSettings = {
      ...runSettings(options),
      engines: chooseEngines(options.engine as EngineName[] | undefined, report),
      start: options.start as Point,
    }
    const file = options.plot as string | undefined
    const write = file === undefined ? null : await writer(file)
    const picture =
      write && new (await import('../plot/picture.js')).PathPlot('Rosenbrock', rosenbrock(), settings.start)
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
}

/** The requested engines; by default all available engines. */
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
