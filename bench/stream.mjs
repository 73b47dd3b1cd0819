// npm run bench:stream: fitStream next to fitMany, and the memory of a stream, on data of 10 rows per group.
//
// fitMany fits finished arrays: typed arrays with one column t for all groups, or arrays of numbers with one column t per
// group. In other rows of the report, fitMany creates its arrays from the rows or groups that the stream reads.
//
// --groups 20000 --rounds 7 select the size and the number of rounds of the comparison. In each round all subjects run
// once, in an order that is reversed from round to round. The script prints medians of the ratios within a round.
// --long runs a stream of a million groups, with 10 million rows, and prints its peak memory. Without it, 100,000 groups.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { expression } from 'antigrad'
import { fitMany, fitStream } from 'antigrad/fit'

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

/** Fits arrays with `fitMany`, and returns the sum of a parameter. */
async function sumOfMany(data) {
  const { values } = await fitMany(options.model, data, { start: options.start })
  return values.b.reduce((sum, b) => sum + b, 0)
}

/** The arrays of `fitMany` with the numbers of rows. */
function arraysOfRows(rows) {
  const data = { t: [], y: [] }
  let label
  for (const { well, t, y } of rows) {
    if (well !== label) for (const name of ['t', 'y']) data[name].push([])
    label = well
    data.t.at(-1).push(t)
    data.y.at(-1).push(y)
  }
  return data
}

const arraysOfGroups = (groups) => ({
  t: groups.map(({ data }) => data.t),
  y: groups.map(({ data }) => data.y),
})

async function compare(groups, rounds) {
  const ys = Array.from({ length: groups }, (_, k) => yOf(k))
  const [allRows, allGroups] = [[...rowsOf(groups)], [...groupsOf(groups)]]
  const plainGroups = ys.map((y, group) => ({ group, data: { t: [...t], y: [...y] } }))
  const plain = arraysOfGroups(plainGroups)
  const subjects = [
    { name: 'fitMany on arrays', call: () => sumOfMany({ t, y: ys }) },
    { name: 'fitMany on plain arrays', call: () => sumOfMany(plain) },
    { name: 'fitMany from groups', call: () => sumOfMany(arraysOfGroups(allGroups)) },
    { name: 'fitMany from rows', call: () => sumOfMany(arraysOfRows(allRows)) },
    { name: 'stream of groups', rival: 'fitMany from groups', call: () => sumOf(allGroups) },
    { name: 'stream of plain arrays', rival: 'fitMany on plain arrays', call: () => sumOf(plainGroups) },
    { name: 'stream of rows', rival: 'fitMany from rows', call: () => sumOf(allRows, { group: 'well' }) },
  ]
  const times = Object.fromEntries(subjects.map(({ name }) => [name, { wall: [], cpu: [] }]))
  const sums = new Set()
  // The first round warms up the compiler.
  for (let round = 0; round <= rounds; round++) {
    for (const { name, call } of round % 2 ? subjects : [...subjects].reverse()) {
      const [start, began] = [performance.now(), process.cpuUsage()]
      sums.add(await call())
      const { user, system } = process.cpuUsage(began)
      if (round === 0) continue
      times[name].wall.push(performance.now() - start)
      times[name].cpu.push((user + system) / 1e3)
    }
  }
  console.log(`${groups} groups of ${ROWS} rows; medians of ${rounds} rounds`)
  for (const { name } of subjects) {
    const [wall, cpu] = ['wall', 'cpu'].map((kind) => ((1e3 * median(times[name][kind])) / groups).toFixed(2))
    console.log(`${name}: ${wall} µs per group, CPU time ${cpu} µs`)
  }
  for (const { name, rival } of subjects.filter(({ rival }) => rival)) {
    for (const other of [rival, 'fitMany on arrays']) {
      const [wall, cpu] = ['wall', 'cpu'].map((kind) =>
        median(times[other][kind].map((ms, round) => ms / times[name][kind][round])).toFixed(2),
      )
      console.log(`${name} relative to ${other}: speed ${wall}, by CPU time ${cpu}`)
    }
  }
  console.log(sums.size === 1 ? 'all results have the same sum' : `the sums differ: ${[...sums].join(', ')}`)
  if (sums.size !== 1) process.exitCode = 1
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
  // First, because the peak memory of a process starts at the memory of its parent.
  const size = values.long ? '1000000' : '100000'
  execFileSync(process.execPath, [fileURLToPath(import.meta.url), '--memory', size], { stdio: 'inherit' })
  await compare(Number(values.groups), Number(values.rounds))
}
