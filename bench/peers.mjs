// npm run bench:peers: compares antigrad with other libraries, in JavaScript and, with --python, in Python.
import { mkdirSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { say, script, seconds } from '../scripts/lib/run.mjs'
import { setup } from '../scripts/setup.mjs'
import { asLines } from './lib/rows.mjs'
import { rivals } from './peers/rivals.mjs'
import { setUpRivals } from './peers/setup.mjs'
import { measuring, rules, sizes } from './peers/values.mjs'

const list = (known) => (text) => {
  const words = text.split(',')
  const stranger = words.find((word) => !known.includes(word))
  if (stranger !== undefined)
    throw new InvalidArgumentError(`"${stranger}" is not one of ${known.join(', ')}.`)
  return known.filter((word) => words.includes(word))
}
const extras = ['training', 'latency', 'none']

script(async () => {
  const given = new Command('npm run bench:peers --')
    .description('Compares antigrad with other libraries: all do the same work, are checked, and take turns.')
    .option('--python', 'also PyTorch, Optax and other Python libraries (installs some gigabytes once)')
    .option('--quick', 'only Adam at a few sizes, in less than two minutes')
    .option('--rules <names>', rules.join(','), list(rules))
    .option('--sizes <sizes>', sizes.join(','), list(sizes))
    .option('--rivals <names>', rivals.map(({ id }) => id).join(','), list(rivals.map(({ id }) => id)))
    .option('--extras <names>', `additional measurements: ${extras.join(',')}`, list(extras))
    .option('--rounds <n>', 'number of rounds per comparison, at least 6', wholeFrom6)
    .option('--json', 'print JSON instead of tables')
    .option('--save', 'write tables, JSON and chart to bench/results/, and the table of docs/rivals.md')
    .option('--no-setup', 'use the existing build of antigrad')
    .helpOption('-h, --help', 'show this help')
    .parse()
    .opts()

  if (given.setup) await setup()
  const missing = await setUpRivals(given)
  // Imported after the set-up, because these modules load the built package.
  const { measurePeers } = await import('./peers/main.mjs')
  const report = await import('./peers/report.mjs')
  const { quick = false } = given
  const wanted = given.extras ?? (quick || given.rules || given.sizes ? [] : extras)
  const options = {
    rules: given.rules ?? (quick ? ['adam'] : rules),
    sizes: given.sizes ?? (quick ? ['10', '1000', '100000', '1000000'] : sizes),
    rivals: given.rivals,
    training: wanted.includes('training'),
    latency: wanted.includes('latency'),
    rounds: given.rounds ?? (quick ? 7 : 15),
    milliseconds: quick ? 5 : 15,
  }
  const [load] = loadavg()
  if (load > 0.5)
    say(`The machine is busy (load ${load.toFixed(1)}), which affects especially the results on two threads.`)
  const start = Date.now()
  const result = await measurePeers(options, missing, (text) => say(`${seconds(start)}  ${text}`))
  const text = report.describe(result)
  const json = asLines(result)
  process.stdout.write(`${given.json ? json : text}\n`)
  if (given.save) {
    const at = (path) => fileURLToPath(new URL(path, import.meta.url))
    mkdirSync(at('results/'), { recursive: true })
    // Results with only the measuring rules are stored separately and do not replace the others.
    const isApart = options.rules.every((rule) => Object.hasOwn(measuring, rule))
    const name = isApart ? 'peers-measuring' : 'peers'
    writeFileSync(at(`results/${name}.md`), text)
    writeFileSync(at(`results/${name}.json`), `${json}\n`)
    writeFileSync(at(`results/${name}.svg`), report.chart(result))
    const isInDocs = !isApart && report.writeDocs(at('../docs/rivals.md'), result)
    say(`Written to bench/results/${name}.*${isInDocs ? ' and docs/rivals.md' : ''}`)
  }
})

function wholeFrom6(text) {
  const n = Number(text)
  if (!Number.isInteger(n) || n < 6) throw new InvalidArgumentError('Expected an integer of at least 6.')
  return n
}
