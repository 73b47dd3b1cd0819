// node bench/solver-time.mjs --python <a Python with nlopt>: processor time of lbfgs() without the evaluations of the
// function, next to LD_LBFGS of NLopt, which is written in C. Both minimize Rosenbrock's function, as a JavaScript
// function and as a C function. The time of as many evaluations alone is subtracted.
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { lbfgs, minimize } from '../dist/index.js'

const { values } = parseArgs({
  options: { python: { type: 'string' }, rounds: { type: 'string', default: '5' } },
})
if (values.python === undefined) throw new Error('--python <a Python with nlopt> is missing')
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const library = here('../target/bench/nlopt-driver.so')
mkdirSync(here('../target/bench/'), { recursive: true })
execFileSync('cc', ['-O3', '-shared', '-fPIC', here('peers/lbfgs_c.c'), '-o', library])

/** The starting points of bench/methods.mjs. */
const start = (run, size) =>
  Float64Array.from({ length: size }, (_, i) => 4 * (((run + 1) * (i + 1) * 0.6180339887498949) % 1) - 2)
const RUNS = 300
const problems = [2, 10, 30].flatMap((size) =>
  [false, true].map((bounded) => ({
    size,
    bounded,
    starts: Array.from({ length: RUNS }, (_, run) => [...start(run, size)]),
  })),
)

const valley = {
  value(x) {
    let sum = 0
    for (let i = 0; i + 1 < x.length; i++) {
      const [rest, curve] = [1 - x[i], x[i + 1] - x[i] * x[i]]
      sum += rest * rest + 100 * curve * curve
    }
    return sum
  },
  gradient(x, out) {
    out.fill(0)
    for (let i = 0; i + 1 < x.length; i++) {
      const [rest, curve] = [1 - x[i], x[i + 1] - x[i] * x[i]]
      out[i] -= 2 * rest + 400 * x[i] * curve
      out[i + 1] += 200 * curve
    }
  },
}

/** Seconds of processor time. */
function timed(work) {
  const before = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

function ours({ starts, bounded, size }) {
  const options = bounded ? { bounds: Array.from({ length: size }, () => [-2, 2]) } : {}
  const counts = { values: 0, gradients: 0, reached: 0 }
  const points = starts.map((point) => Float64Array.from(point))
  const seconds = timed(() => {
    for (const point of points) {
      const { value, evaluations } = minimize(valley, point, lbfgs({ history: 10 }), options)
      counts.values += evaluations.values
      counts.gradients += evaluations.gradients
      if (value < 1e-10 || (value > 3.9 && value < 4)) counts.reached++
    }
  })
  const out = new Float64Array(size)
  const alone = timed(() => {
    for (let k = 0; k < counts.values; k++) valley.value(points[k % points.length])
    for (let k = 0; k < counts.gradients; k++) valley.gradient(points[k % points.length], out)
  })
  return { seconds, alone, evaluations: counts.gradients, reached: counts.reached }
}

const theirs = () =>
  execFileSync(values.python, [here('peers/lbfgs_c.py'), library], {
    input: JSON.stringify(problems),
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .map(JSON.parse)

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const own = ({ seconds, alone }) => (1e6 * (seconds - alone)) / RUNS
for (const problem of problems) ours(problem)
const rounds = Array.from({ length: Number(values.rounds) }, () => [problems.map(ours), theirs()])
console.log('| parameters | evaluations of a run | µs of the solver | ratio of runs | ratio of evaluations |')
console.log('|---|---|---|---|---|')
for (const [k, { size, bounded }] of problems.entries()) {
  const of = (side, pick) => median(rounds.map((round) => pick(round[side][k])))
  const counts = [0, 1].map((side) => of(side, ({ evaluations }) => evaluations / RUNS))
  const times = [0, 1].map((side) => of(side, own))
  const reached = [0, 1].map((side) => of(side, (result) => result.reached))
  const ratio = times[0] / times[1]
  console.log(
    `| ${size}${bounded ? ' in a box' : ''} | ${counts.map((x) => x.toFixed(0)).join(' : ')} | ` +
      `${times.map((x) => x.toFixed(1)).join(' : ')} | ${ratio.toFixed(2)} | ` +
      `${((ratio * counts[1]) / counts[0]).toFixed(2)} | reached ${reached.join(' : ')} of ${RUNS}`,
  )
}
