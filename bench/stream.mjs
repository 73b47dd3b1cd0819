// npm run bench:stream: fitStream next to fitManySync, and the memory of a stream, on data of 10 rows per group.
//
// --groups 20000 --rounds 7 select the size and the number of rounds of the comparison. In each round all subjects run
// once, in an order that is reversed from round to round. The script prints medians of the ratios within a round.
// --long runs a stream of a million groups, with 10 million rows, and prints its peak memory. Without it, 100,000 groups.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { expression } from 'antigrad'
import { fitManySync, fitStream } from 'antigrad/fit'

const { values } = parseArgs({
  options: {
    groups: { type: 'string', default: '20000' },
    rounds: { type: 'string', default: '7' },
    long: { type: 'boolean', default: false },
    memory: { type: 'string' },
  },
})
const ROWS = 10
const options = { model: expression('a*exp(-b*t)'), start: { a: 1, b: 1 } }
const t = Float64Array.from({ length: ROWS }, (_, i) => i / 4)
const yOf = (k) =>
  t.map((at, i) => (2 + (k % 97) / 50) * Math.exp(-at * (0.4 + (k % 89) / 99)) + ((i * 7) % 5) / 99)

function* rowsOf(groups) {
  for (let k = 0; k < groups; k++) {
    const y = yOf(k)
    for (let i = 0; i < ROWS; i++) yield { well: k, t: t[i], y: y[i] }
  }
}

function* groupsOf(groups) {
  for (let k = 0; k < groups; k++) yield { group: k, data: { t, y: yOf(k) } }
}

/** Fits the stream, and returns the sum of a parameter. */
async function sumOf(source, more) {
  let sum = 0
  for await (const { values } of fitStream(source, { ...options, ...more })) sum += values.b
  return sum
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[numbers.length >> 1]

async function compare(groups, rounds) {
  const ys = Array.from({ length: groups }, (_, k) => yOf(k))
  const subjects = [
    {
      name: 'fitMany on arrays',
      call: () => {
        const { values } = fitManySync(options.model, { t, y: ys }, { start: options.start })
        return values.b.reduce((sum, b) => sum + b, 0)
      },
    },
    { name: 'stream of groups', source: 'groups', call: () => sumOf(groupsOf(groups)) },
    { name: 'stream of rows', source: 'rows', call: () => sumOf(rowsOf(groups), { group: 'well' }) },
    // The sources alone: their time is part of the time of the streams.
    { name: 'groups', call: () => drain(groupsOf(groups)) },
    { name: 'rows', call: () => drain(rowsOf(groups)) },
  ]
  const times = Object.fromEntries(subjects.map(({ name }) => [name, []]))
  const sums = new Set()
  // The first round warms up the compiler.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, call } of round % 2 ? subjects : [...subjects].reverse()) {
      const start = performance.now()
      const sum = await call()
      if (round > 0) times[name].push(performance.now() - start)
      if (!['groups', 'rows'].includes(name)) sums.add(sum)
    }
  }
  console.log(`${groups} groups of ${ROWS} rows; speeds relative to fitMany, medians of ${rounds} rounds`)
  const base = times['fitMany on arrays']
  for (const { name, source } of subjects.filter(({ source }) => source)) {
    const ratio = median(base.map((ms, round) => ms / times[name][round]))
    const net = median(base.map((ms, round) => ms / (times[name][round] - times[source][round])))
    console.log(`${name}: ${ratio.toFixed(2)}; without the time of the source: ${net.toFixed(2)}`)
  }
  console.log(sums.size === 1 ? 'all results have the same sum' : `the sums differ: ${[...sums].join(', ')}`)
  if (sums.size !== 1) process.exitCode = 1
}

/** The number of items of a source. */
function drain(source) {
  let count = 0
  for (const item of source) count += item === undefined ? 0 : 1
  return count
}

/** Peak memory of a stream in a process of its own, in MB. */
async function measureMemory(groups) {
  await sumOf(rowsOf(groups), { group: 'well' })
  console.log(
    `${groups * ROWS} rows in ${groups} groups: ${Math.round(process.resourceUsage().maxRSS / 1024)} MB at most`,
  )
}

if (values.memory) await measureMemory(Number(values.memory))
else {
  await compare(Number(values.groups), Number(values.rounds))
  // The arrays of the comparison do not count.
  const size = values.long ? '1000000' : '100000'
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--memory', size], { stdio: 'inherit' })
}
