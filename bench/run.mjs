// npm run bench: how fast the engines are here, against what the machine allows.
import { mkdirSync, writeFileSync } from 'node:fs'
import { Command, InvalidArgumentError } from 'commander'
import { runAloud, say, script, seconds } from '../scripts/lib/run.mjs'
import { setup } from '../scripts/setup.mjs'
import { asLines } from './lib/rows.mjs'

/** --only takes words of four kinds; a kind without a word is not restricted. */
const quickOnes = { rule: ['adam', 'momentum'], dtype: ['float32'], size: ['2', '100', '10000', '1000000'] }

script(async () => {
  const program = new Command('npm run bench --')
    .description('How fast the engines are here, against what the machine allows.')
    .option('--targets', 'the wanted ratios instead of the table of engines')
    .option('--denormals', 'what dead gradients and subnormal moments cost instead')
    .option('--threading', 'what two threads and stepAsync give instead')
    .option('--many', 'many runs at once, beside C, `minimize` and, with --python, jax and Optax instead')
    .option(
      '--fits',
      'many fits at once, beside ml-levenberg-marquardt, fmin and, with --python, SciPy instead',
    )
    .option('--against <commit>', 'this tree beside that commit, which is built: what has become slower')
    .option('--tests', 'for --against: the minutes of `npm test` of both, once; half an hour and more')
    .option('--all', 'all of these, one after the other, saved: for a machine that does nothing else')
    .option('--python', 'for --many: jax and Optax too; for --fits: SciPy; they are installed (once)')
    .option('--quick', 'a selection, within a minute')
    .option(
      '--only <words>',
      'rules, dtypes, sizes or engines: adam,float32,1000x1000,native; rules of --targets; parts of --many or --fits; kinds and engines of --against',
      (list) => list.split(','),
    )
    .option('--rounds <n>', 'pairs of each comparison, at least 15', wholeFrom15)
    .option('--threads <n>', 'of the native engine', Number, 1)
    .option('--json', 'JSON instead of a table')
    .option('--save', 'writes the table, JSON and chart to bench/results/')
    .helpOption('-h, --help', 'shows this')
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
  // After the set-up: they load what it built.
  const { loadLimits } = await import('./lib/limits.mjs')
  const report = await import('./lib/report.mjs')
  const { limits, reason, compiler, bits } = loadLimits()
  if (limits === null) say(`Without passes and C by hand: ${reason}.`)

  const { quick = false, threads } = options
  const timing = { rounds: options.rounds ?? (quick ? 15 : 21), milliseconds: quick ? 1 : 5 }
  // Samples of many runs and fits take seconds: as few of them as there is an interval of.
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

/** Makes each table of bench/results anew but those of other libraries, in a process of its own. */
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
  if (!Number.isInteger(n) || n < 15) throw new InvalidArgumentError('An integer of at least 15.')
  return n
}

function refuseStrangers(program, words, known) {
  const stranger = words?.find((word) => !known.includes(word))
  if (stranger !== undefined)
    program.error(`--only: "${stranger}" is none of ${known.join(', ')}`, { exitCode: 2 })
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
