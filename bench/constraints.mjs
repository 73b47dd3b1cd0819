// node bench/constraints.mjs [python]: sqp() next to SciPy's SLSQP with exact gradients, in turn, in processor time.
// The argument is a Python with SciPy, such as bench/peers/venv/bin/python; without it only sqp() is measured.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { expression, minimize, minimizeManySync, sqp } from '../dist/index.js'

const python = process.argv[2]
const ROUNDS = 5
// Rounds in which JavaScript is compiled.
const WARM_UP = 8
const COUNT = 500
const RUNS = 1000

const names = ['a', 'b', 'c', 'd']
const byName = (list, value) => Object.fromEntries(list.map((name, i) => [name, value(i)]))
const objective = expression('a*d*(a + b + c) + c')
const hs71 = {
  bounds: byName(names, () => [1, 5]),
  constraints: [
    { expr: 'a*b*c*d', min: 25 },
    { expr: 'a^2 + b^2 + c^2 + d^2', equal: 40 },
  ],
}
const start = [1, 5, 5, 1]

// Portfolios of the least variance: each run has its own matrix, as data of one row.
const weights = Array.from({ length: 10 }, (_, i) => `w${i}`)
const pairs = weights.flatMap((_, i) => weights.slice(0, i + 1).map((_, j) => [i, j]))
const variance = expression(pairs.map(([i, j]) => `${i === j ? '' : '2*'}s${i}_${j}*w${i}*w${j}`).join(' + '))
let seed = 1
const uniform = () => {
  seed = (seed * 16_807) % 2_147_483_647
  return seed / 2_147_483_647 - 0.5
}
const covariances = Array.from({ length: RUNS }, () => {
  const returns = Array.from({ length: 30 }, () => weights.map(uniform))
  return (i, j) => returns.reduce((sum, row) => sum + row[i] * row[j], 0) / 30
})
const data = Object.fromEntries(
  pairs.map(([i, j]) => [`s${i}_${j}`, covariances.map((element) => [element(i, j)])]),
)
const portfolios = {
  data,
  bounds: byName(weights, () => [0, 1]),
  constraints: [{ expr: weights.join(' + '), equal: 1 }],
}
const columns = (list, runs, value) => byName(list, (i) => Array(runs).fill(value(i)))

/** Microseconds of processor time per problem. */
function measure(count, run) {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

const ours = {
  'HS71 by minimize': () =>
    measure(COUNT, () => {
      for (let k = 0; k < COUNT; k++)
        minimize(
          objective,
          byName(names, (i) => start[i]),
          sqp(),
          hs71,
        )
    }),
  'HS71 by minimizeMany': () =>
    measure(RUNS, () =>
      minimizeManySync(
        objective,
        columns(names, RUNS, (i) => start[i]),
        sqp(),
        hs71,
      ),
    ),
  'portfolio of 10 by minimizeMany': () =>
    measure(RUNS, () =>
      minimizeManySync(
        variance,
        columns(weights, RUNS, () => 0.1),
        sqp(),
        portfolios,
      ),
    ),
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const times = Object.fromEntries(Object.keys(ours).map((name) => [name, []]))
const theirs = { hs71: [], portfolio: [] }
const first = Object.fromEntries(Object.entries(ours).map(([name, run]) => [name, run()]))
for (let round = 0; round < WARM_UP; round++) for (const run of Object.values(ours)) run()
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, run] of Object.entries(ours)) times[name].push(run())
  if (python === undefined) continue
  const script = join(import.meta.dirname, 'peers/slsqp.py')
  const [one, other] = execFileSync(python, [script, '100'], { encoding: 'utf8' }).split(' ').map(Number)
  theirs.hs71.push(one)
  theirs.portfolio.push(other)
}
console.log('| problem | first round | sqp() | SLSQP | ratio |\n|---|---|---|---|---|')
for (const [name, list] of Object.entries(times)) {
  const own = median(list)
  const other = median(name.startsWith('HS71') ? theirs.hs71 : theirs.portfolio)
  const comparison = other === undefined ? '– | –' : `${other.toFixed(0)} µs | ${(other / own).toFixed(1)}`
  console.log(`| ${name} | ${first[name].toFixed(0)} µs | ${own.toFixed(0)} µs | ${comparison} |`)
}
