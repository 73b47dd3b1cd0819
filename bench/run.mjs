// npm run bench: measures the speed of the engines relative to the hardware limits of this machine.
import { mkdirSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { runAloud, say, script, seconds } from '../scripts/lib/run.mjs'
import { setup } from '../scripts/setup.mjs'
import { asLines } from './lib/rows.mjs'

/** Kinds of words that --only accepts. A kind without a word is not restricted. */
const quickOnes = { rule: ['adam', 'momentum'], dtype: ['float32'], size: ['2', '100', '10000', '1000000'] }

script(async () => {
  const program = new Command('npm run bench --')
    .description('Measures the speed of the engines relative to the hardware limits of this machine.')
    .option('--targets', 'measure performance targets instead of the table of engines')
    .option('--denormals', 'measure the cost of vanished gradients and subnormal moments instead')
    .option('--threading', 'measure two threads and stepAsync instead')
    .option(
      '--many',
      'compare many runs at once with C, `minimize` and, with --python, jax and Optax instead',
    )
    .option(
      '--fits',
      'compare many fits at once with ml-levenberg-marquardt, fmin and, with --python, SciPy instead',
    )
    .option('--against <commit>', 'build that commit and report what has become slower since')
    .option('--tests', 'for --against: also compare the duration of `npm test` (takes half an hour or more)')
    .option('--all', 'run and save all of these, on an otherwise idle machine')
    .option('--python', 'for --many: also jax and Optax; for --fits: also SciPy (installed once)')
    .option('--quick', 'only a selection, in less than a minute')
    .option(
      '--only <words>',
      'rules, dtypes, sizes or engines: adam,float32,1000x1000,native; rules of --targets; parts of --many or --fits; kinds and engines of --against',
      (list) => list.split(','),
    )
    .option('--rounds <n>', 'number of rounds per comparison, at least 15', wholeFrom15)
    .option('--threads <n>', 'number of threads of the native engine', Number, 1)
    .option('--json', 'print JSON instead of a table')
    .option('--save', 'write the table, JSON and chart to bench/results/')
    .helpOption('-h, --help', 'show this help')
  const options = program.parse().opts()

  if (options.all) return everyTable(options)
  await setup()
  const start = Date.now()
  const progress = (text) => say(`${seconds(start)}  ${text}`)
  if (options.against) {
    const { against, words } = await import('./against/main.mjs')
    refuseStrangers(program, options.only, words)
    const { text, worse } = await against(options.against, { ...options, progress })
    process.stdout.write(`${text}\n`)
    return worse ? 1 : 0
  }
  // Imported after the set-up, because these modules load the built package.
  const { loadLimits } = await import('./lib/limits.mjs')
  const report = await import('./lib/report.mjs')
  const { limits, reason, compiler, bits } = loadLimits()
  if (limits === null) say(`Without passes and C by hand: ${reason}.`)

  const { quick = false, threads } = options
  const timing = { rounds: options.rounds ?? (quick ? 15 : 21), milliseconds: quick ? 1 : 5 }
  // Samples of many runs and fits take seconds, so the number of rounds is the smallest for which an interval exists.
  const fewRounds = options.rounds ?? 6
  const machine = report.describeMachine({ bits, compiler, reason, threads })
  const shared = { limits, reason, threads, timing, quick, progress }
  let name = 'engines'
  let result
  let text
  if (options.targets) {
    name = 'targets'
    const { everyRule, measureTargets } = await import('./lib/targets.mjs')
    const { all } = await import('./lib/yardstick.mjs')
    const { only: names } = options
    refuseStrangers(program, names, Object.keys(all))
    if (names && limits === null) program.error(`--only: ${reason}`, { exitCode: 2 })
    result = names ? { rows: everyRule({ ...shared, names }), skipped: [] } : measureTargets(shared)
    text = report.describeTargets(result, machine)
  } else if (options.denormals) {
    name = 'denormals'
    const { measureDenormals } = await import('./lib/denormals.mjs')
    result = measureDenormals(shared)
    text = report.describeDenormals(result, machine)
  } else if (options.threading) {
    name = 'threading'
    const { measureThreading } = await import('./lib/threading.mjs')
    result = await measureThreading(shared)
    text = report.describeTargets(result, machine)
  } else if (options.many) {
    name = 'many'
    const { setUpRivals } = await import('./peers/setup.mjs')
    const missing = await setUpRivals({ python: options.python, rivals: ['optax'] })
    const { measureMany, parts } = await import('./lib/many.mjs')
    const { only } = options
    refuseStrangers(program, only, parts)
    result = await measureMany({ ...shared, rounds: fewRounds, python: options.python, missing, only })
    timing.rounds = fewRounds
    text = report.describeMany(result, machine)
  } else if (options.fits) {
    name = 'fits'
    const { setUpFitters } = await import('./peers/setup.mjs')
    const missing = await setUpFitters(options)
    const { measureFits, fitParts } = await import('./lib/fits.mjs')
    refuseStrangers(program, options.only, fitParts)
    result = await measureFits({ ...shared, rounds: fewRounds, missing, only: options.only })
    timing.rounds = fewRounds
    text = report.describeFits(result, machine)
  } else {
    const { measureEngines } = await import('./lib/engines.mjs')
    const wanted = await selection(program, options)
    result = { rows: measureEngines({ ...shared, wanted }) }
    text = report.describeEngines(result.rows, machine)
  }

  const json = asLines({ machine, timing, ...result })
  process.stdout.write(`${options.json ? json : text}\n`)
  if (options.save) {
    const at = (extension) => new URL(`results/${name}${extension}`, import.meta.url)
    mkdirSync(new URL('results/', import.meta.url), { recursive: true })
    writeFileSync(at('.md'), `${text}\n`)
    writeFileSync(at('.json'), `${json}\n`)
    if (name === 'engines') writeFileSync(at('.svg'), report.chart(result.rows, machine))
    say(`Written to bench/results/${name}.*`)
  }
})

/** Updates each table of bench/results, except the tables of other libraries, in a separate process. */
async function everyTable({ python, quick, rounds, threads }) {
  const given = [
    ...(quick ? ['--quick'] : []),
    '--threads',
    `${threads}`,
    ...(rounds ? ['--rounds', `${rounds}`] : []),
  ]
  const tables = [undefined, '--targets', '--denormals', '--threading', '--many', '--fits']
  const withPython = ['--many', '--fits']
  for (const name of tables) {
    const start = Date.now()
    const options = [...(name ? [name] : []), ...(python && withPython.includes(name) ? ['--python'] : [])]
    const { status } = await runAloud(process.execPath, 'bench/run.mjs', ...options, ...given, '--save')
    if (status !== 0) return status
    say(`${name ?? 'the table of engines'}: ${seconds(start)}`)
  }
}

function wholeFrom15(text) {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 15) throw new InvalidArgumentError('Expected an integer of at least 15.')
  return n
}

function refuseStrangers(program, words, known) {
  const stranger = words?.find((word) => !known.includes(word))
  if (stranger !== undefined)
    program.error(`--only: "${stranger}" is not one of ${known.join(', ')}`, { exitCode: 2 })
}

async function selection(program, { only, quick }) {
  const { rules } = await import('./lib/subjects.mjs')
  const { sizes } = await import('./lib/engines.mjs')
  const known = {
    rule: Object.keys(rules),
    dtype: ['float32', 'float64'],
    size: sizes,
    engine: ['native', 'wasm', 'typescript'],
  }
  const all = Object.values(known).flat()
  refuseStrangers(program, only, all)
  const chosen = Object.fromEntries(
    Object.entries(known).map(([kind, words]) => {
      const named = words.filter((word) => only?.includes(word))
      return [kind, named.length > 0 ? named : quick ? (quickOnes[kind] ?? words) : words]
    }),
  )
  return (...cell) => Object.keys(known).every((kind, k) => chosen[kind].includes(cell[k]))
}
