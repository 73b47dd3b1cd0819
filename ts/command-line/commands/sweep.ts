import { type Command, InvalidArgumentError, Option } from 'commander'
import { planSweep } from '../../chunks/plan/build-plan.js'
import { OptionError } from '../../core/errors.js'
import { toCamelCase, toKebabCase } from '../../core/text.js'
import { omitUndefined } from '../../core/untrusted-input.js'
import type { EngineName } from '../../engines/engine.js'
import { engineNames } from '../../engines/select-engine.js'
import {
  type MethodName,
  methodNames,
  type RuleName,
  type SetResult,
  type SweepProgress,
  type SweepRequest,
  startSweep,
  sweepable,
} from '../../jobs/sweep.js'
import { MAX_STARTS, type SweepInputOptions, samples } from '../../jobs/sweep-input.js'
import { parseValue, parseValues } from '../../jobs/values.js'
import { objectives } from '../../objectives/index.js'
import { finite, integerBetween } from '../../options/kinds.js'
import type { Box } from '../../random/starts.js'
import { writer } from '../plot/file.js'
import { ruleOptions } from '../race.js'
import { describeSweep } from '../sweep/describe.js'
import { describeProgress } from '../sweep/progress.js'
import { MISUSE, print, reporter, STOPPED, say, showProgress } from '../terminal.js'
import { addPlanOptions, checkPlanOptions, type PlanOptions, readSizing, writePlan } from './plan.js'
import { addDescentOptions, choice, describeOption, makeParser, parseFile } from './shared.js'

interface SweepCommandOptions extends SweepInputOptions, PlanOptions, Readonly<Record<string, unknown>> {
  readonly rule: string
  readonly method?: MethodName
  readonly tolerance: number
  readonly maxIterations: number
  readonly clip?: number
  readonly engine?: EngineName
  readonly threads?: number
  readonly json?: boolean
  readonly output?: string
}

/** Options of methods: the flag, and the description. */
const methodOptions = {
  history: [
    'history',
    'count of past steps that lbfgs keeps (default: 10, or twice the number of parameters if that is less)',
  ],
  c1: ['c1', 'least decrease of a step of lbfgs, as a fraction of the predicted decrease (default: 1e-4)'],
  c2: ['c2', 'largest slope after a step of lbfgs, as a fraction of the slope before (default: 0.9)'],
  maxLineSearch: ['max-line-search', 'maximum number of trial points per line search of lbfgs (default: 25)'],
  radius: ['radius', "radius of newton's first trust region (default: 3)"],
} as const

type OptionLists = Readonly<Record<string, readonly unknown[]>>

export function configureSweep(command: Command): void {
  command.description(
    'Minimizes a function from every starting point with every combination of option values. A combination is ' +
      'called a set. The values of a rule option are a list of values and ranges: 0.9,0.99 or 0..1:lin:11 or ' +
      '1e-4..1:log:100, including both ends. The result is one line per set: the numbers of runs that converged, ' +
      'stalled, reached the limit of updates or diverged, the best and the median value, and the median number ' +
      'of updates of the converged runs.',
  )
  addObjectiveOptions(command)
  addDescentOptions(command, 10_000)
    .option('--clip <limit>', 'limit to which each gradient element is clipped', makeParser(finite()))
    .addOption(choice('--engine <name>', 'engine to run on', engineNames))
    .option('--threads <number>', 'number of threads', makeParser(integerBetween(1, 256)))
    .option('--json', 'print JSON, one line per set, as soon as the set is done')
    .option('-o, --output <file>', 'also draw the result into this .svg or .png file', parseFile)
  addPlanOptions(command, 'sets')
  addValueLists(command)
  command.addHelpText(
    'after',
    `
  antigrad sweep --function rosenbrock --rule adam --lr 1e-4..1:log:100 --starts 1024
  antigrad sweep --expression 'x^4 - x^2 + y^2' --box x=-2:2,y=-1:1 --method lbfgs --starts 100000
  antigrad sweep --expression 'x^4 - x^2 + y^2' --box x=-2:2,y=-1:1 --rule momentum --momentum 0.5,0.9 -o sweep.svg

Ctrl-C ends the sweep and prints the completed sets, and the completed runs of the current set.

Exit status: ${MISUSE} if the command line is invalid or an engine cannot run, ${STOPPED} after Ctrl-C.`,
  )
  command.action(run)
}

/** Adds the options of the function, the rule or method, and the starting points. */
function addObjectiveOptions(command: Command): void {
  command
    .addOption(
      choice('--function <name>', 'function to minimize', Object.keys(objectives).map(toKebabCase)).conflicts(
        'expression',
      ),
    )
    .option('--expression <text>', "expression to minimize, such as '(1 - x)^2 + 100*(y - x^2)^2'")
    .option('--condition <number>', "ratio of the bowl's curvatures (default: 100)", parseValue)
    .option(
      '--box <ranges>',
      'ranges of the starting points, such as x=-2:2,y=-1:3 (default: ranges that suit the function)',
      parseBox,
    )
    .addOption(choice('--rule <name>', 'update rule', sweepable.map(toKebabCase)).default('adam'))
    .addOption(
      choice('--method <name>', 'method that runs instead of a rule, in float64', methodNames).conflicts(
        'rule',
      ),
    )
    .option(
      '--starts <count>',
      'number of starting points, ideally a power of two for sobol; per axis for grid (default: 1024, grid: 32)',
      makeParser(integerBetween(1, MAX_STARTS)),
    )
    .addOption(
      new Option('--sample <kind>', 'sampling method of the starting points')
        .choices(samples)
        .default('sobol'),
    )
    .option(
      '--seed <number>',
      'seed of the starting points (default: 0; without a seed, a Sobol sequence is not shifted)',
      makeParser(integerBetween(0, 0xffff_ffff)),
    )
    .option(
      '--target <value>',
      "a run that ends at or below this value has reached the target (default: the function's minimum + 1e-6)",
      makeParser(finite()),
    )
}

/** Adds the options of rules and methods, whose values are lists and ranges. */
function addValueLists(command: Command): void {
  command.optionsGroup('Options of the rule, as lists and ranges:')
  for (const [name, rules] of ruleOptions) {
    const having = sweepable.filter((rule) => rules.has(rule))
    // These three options are excluded because `minimizeMany` does not support them.
    if (having.length === 0 || ['cautious', 'grams', 'cautiousWeightDecay'].includes(name)) continue
    const option = new Option(`--${toKebabCase(name)} <values>`, describeOption(name, having))
    command.addOption(option.argParser((text) => parseValues(`--${toKebabCase(name)}`, text)))
  }
  command.optionsGroup('Options of the method, as lists and ranges:')
  for (const [flag, description] of Object.values(methodOptions)) {
    const option = new Option(`--${flag} <values>`, description)
    command.addOption(option.argParser((text) => parseValues(`--${flag}`, text)))
  }
}

async function run(options: SweepCommandOptions): Promise<void> {
  const { output, json } = options
  const values = Object.fromEntries(
    Object.entries(options).filter(([name]) => ruleOptions.has(name) || Object.hasOwn(methodOptions, name)),
  ) as OptionLists
  const rule = toCamelCase(options.rule) as RuleName
  const asked = { ...omitUndefined(readInput(options)), rule, options: values } as unknown as SweepRequest
  if (options.plan !== undefined) {
    checkPlanOptions(options, ['output', 'engine', 'threads'])
    return await writePlan(options.plan, await planSweep(asked, readSizing(options)), 'sets')
  }
  const sweep = startSweep(asked, options)
  const { title, count } = sweep
  const what = `${options.method ?? options.rule} on ${title}, from ${count} starts (${options.sample})`
  const draw = output === undefined ? null : await drawing(output, what, values)

  const stop = new AbortController()
  let isInterrupted = false
  // Only the first Ctrl-C is handled. A second Ctrl-C ends the process at once.
  process.once('SIGINT', () => {
    isInterrupted = true
    stop.abort()
  })
  // The reader of standard output has closed the pipe.
  process.stdout.once('error', () => stop.abort())
  const onProgress = reporter((seconds, progress: SweepProgress) => describeProgress(progress, seconds))
  const results: SetResult[] = []
  let last: SetResult | undefined
  for await (const result of sweep.run(stop.signal, onProgress)) {
    last = result
    if (json) await print(`${JSON.stringify(result)}\n`)
    if (!json || draw !== null) results.push(result)
  }
  showProgress('')
  if (results.length > 0 && !json) await print(`${describeSweep(results, sweptNames(values))}\n`)
  if (results.length > 0) draw?.(results)
  if (!isInterrupted) return
  say(whereItStopped(last, sweep.sets, count))
  process.exitCode = STOPPED
}

/** The options of the sweep, without the options of the rule. */
function readInput(options: SweepCommandOptions) {
  const { function: name, expression, condition, box, target, starts, sample, seed, dtype } = options
  const { tolerance, maxIterations, clip, method } = options
  return {
    method,
    function: name,
    expression,
    condition,
    box,
    target,
    starts,
    sample,
    seed,
    dtype,
    tolerance,
    maxIterations,
    clip,
  }
}

/** Names of the options with more than one value. */
function sweptNames(values: OptionLists): string[] {
  return Object.keys(values).filter((name) => values[name].length > 1)
}

/**
 * Prepares the plot of the results. Errors that would prevent the plot are reported before any run starts.
 */
async function drawing(output: string, title: string, values: OptionLists) {
  const write = await writer(output)
  const { alongAxis, drawSweep, wrapLines } = await import('../plot/sweep.js')
  const { MAX_LINES } = await import('../plot/picture.js')
  const along = alongAxis(values)
  if (along === undefined)
    throw new OptionError('--output', 'an option with several values (for the horizontal axis)', 'none')
  const lines = wrapLines(values, along)
  if (lines > MAX_LINES) {
    const expected = `at most ${MAX_LINES} combinations of the options other than --${toKebabCase(along)} in a plot`
    throw new OptionError('--output', expected, lines)
  }
  return (results: readonly SetResult[]) => write(drawSweep(title, results, values, along))
}

function whereItStopped(last: SetResult | undefined, sets: number, count: number): string {
  const isPartial = last !== undefined && last.runs < count
  const done = last === undefined ? 0 : last.set + (isPartial ? 0 : 1)
  const rest = isPartial ? `, and ${last.runs} of ${count} runs of the next one` : ''
  return `stopped after ${done} of ${sets} option sets${rest}`
}

/** Parses ranges of parameters, such as `x=-2:2,y=-1:3`. */
function parseBox(text: string): Box {
  const ranges = text.split(',').map((item) => {
    const parts = /^\s*([^=:]+?)\s*=([^:]+):([^:]+)$/.exec(item)
    const [low, high] = (parts ?? []).slice(2).map(parseValue)
    if (parts === null || !Number.isFinite(low) || !Number.isFinite(high)) {
      throw new InvalidArgumentError('Expected ranges as in x=-2:2,y=-1:3.')
    }
    return [parts[1], [low, high] as [number, number]] as const
  })
  if (new Set(ranges.map(([name]) => name)).size < ranges.length) {
    throw new InvalidArgumentError('Expected one range per parameter.')
  }
  return Object.fromEntries(ranges)
}
