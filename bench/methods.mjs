// npm run bench:methods [-- --python <a Python with SciPy>]: lbfgs() and newton() next to SciPy's L-BFGS-B with exact
// gradients, in turn, in processor time. Without --python only antigrad is measured.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { adam, expression, lbfgs, minimize, minimizeManySync, newton } from '../dist/index.js'

const { values } = parseArgs({ options: { python: { type: 'string' }, rounds: { type: 'string' } } })
const ROUNDS = Number(values.rounds ?? 3)
const SCIPY_RUNS = 40
/** Runs of one call of `minimizeMany`, by count of parameters. */
const RUNS = { 2: 20_000, 10: 3000, 30: 300 }

const names = (size) => Array.from({ length: size }, (_, i) => `x${i}`)
const valley = (size) =>
  expression(
    names(size - 1)
      .map((x, i) => `(1 - ${x})^2 + 100*(x${i + 1} - ${x}^2)^2`)
      .join(' + '),
  )
/** The starting points of bench/peers/lbfgsb.py. */
const start = (run, size) =>
  Float64Array.from({ length: size }, (_, i) => 4 * (((run + 1) * (i + 1) * 0.6180339887498949) % 1) - 2)
const startsOf = (runs, size) =>
  Object.fromEntries(
    names(size).map((name, i) => [
      name,
      Float64Array.from({ length: runs }, (_, run) => start(run, size)[i]),
    ]),
  )
const boundsOf = (size) => Object.fromEntries(names(size).map((name) => [name, [-2, 2]]))

/** Microseconds of processor time per run. */
function measure(runs, call) {
  const before = process.cpuUsage()
  call()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / runs
}

function single(size, method, runs = 400) {
  const f = valley(size)
  return () => measure(runs, () => repeat(runs, (run) => minimize(f, start(run, size), method)))
}

function repeat(runs, call) {
  for (let run = 0; run < runs; run++) call(run)
}

function many(size, method, options = {}) {
  const f = valley(size)
  const starts = startsOf(RUNS[size], size)
  const all = { bounds: boundsOf(size), threads: 1, engine: 'native', ...options }
  return () => measure(RUNS[size], () => minimizeManySync(f, starts, method, all))
}

const square = (x) => x * x
const plain = ([a, b, c, d]) =>
  square(a + 10 * b) + 5 * square(c - d) + square(b - 2 * c) + 10 * square(a - d) + square(a - 1)
const ours = {
  'one run, 2 parameters, lbfgs()': [single(2, lbfgs()), 'free 2'],
  'one run, 10 parameters, lbfgs()': [single(10, lbfgs()), 'free 10'],
  'one run, 30 parameters, lbfgs()': [single(30, lbfgs()), 'free 30'],
  'one run, 4 parameters, differences, lbfgs()': [
    () => measure(400, () => repeat(400, (run) => minimize(plain, start(run, 4), lbfgs()))),
    'function',
  ],
  'many runs in a box, 2 parameters, lbfgs()': [many(2, lbfgs()), 'box 2'],
  'many runs in a box, 2 parameters, lbfgs({ history: 5 })': [many(2, lbfgs({ history: 5 })), 'box 2'],
  'many runs in a box, 10 parameters, lbfgs()': [many(10, lbfgs()), 'box 10'],
  'many runs in a box, 10 parameters, lbfgs({ history: 5 })': [many(10, lbfgs({ history: 5 })), 'box 10'],
  'many runs in a box, 2 parameters, newton()': [many(2, newton()), 'box 2'],
  'many runs in a box, 10 parameters, newton()': [many(10, newton()), 'box 10'],
  'many runs in a box, 30 parameters, newton()': [many(30, newton()), 'box 30'],
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]

const times = Object.fromEntries(Object.keys(ours).map((name) => [name, []]))
const theirs = {}
for (const [call] of Object.values(ours)) call()
for (let round = 0; round < ROUNDS; round++) {
  for (const [name, [call]] of Object.entries(ours)) times[name].push(call())
  if (values.python === undefined) continue
  const script = join(import.meta.dirname, 'peers/lbfgsb.py')
  const env = { ...process.env, OPENBLAS_NUM_THREADS: '1' }
  const found = JSON.parse(execFileSync(values.python, [script, `${SCIPY_RUNS}`], { env, encoding: 'utf8' }))
  for (const [name, time] of Object.entries(found)) {
    theirs[name] ??= []
    theirs[name].push(time)
  }
}
console.log('| run | antigrad | SciPy | ratio |\n|---|---|---|---|')
for (const [name, [, peer]] of Object.entries(ours)) {
  const own = median(times[name])
  const other = theirs[peer] === undefined ? undefined : median(theirs[peer])
  const comparison = other === undefined ? '– | –' : `${other.toFixed(0)} µs | ${(other / own).toFixed(1)}`
  console.log(`| ${name} | ${own.toFixed(2)} µs | ${comparison} |`)
}

// Adam to the same value: the fastest of three learning rates that reaches it in 90% of the runs.
const ENOUGH = 1e-10
const f = valley(2)
const starts = startsOf(2000, 2)
const options = { bounds: boundsOf(2), threads: 1, engine: 'native' }
function reach(method, more) {
  let found
  const time = measure(2000, () => {
    found = minimizeManySync(f, starts, method, { ...options, ...more })
  })
  return { time, share: found.value.filter((value) => value <= ENOUGH).length / 2000 }
}
const rates = [0.01, 0.03, 0.1].map((lr) => ({ lr, ...reach(adam({ lr }), { tolerance: 1e-7 }) }))
for (const { lr, time, share } of rates)
  console.log(
    `adam({ lr: ${lr} }): ${time.toFixed(2)} µs per run, ${(100 * share).toFixed(1)}% within ${ENOUGH}`,
  )
for (const method of [lbfgs(), lbfgs({ history: 5 }), newton()]) {
  reach(method)
  const { time, share } = reach(method)
  console.log(`${JSON.stringify(method)}: ${time.toFixed(2)} µs per run, ${(100 * share).toFixed(1)}%`)
}

// Engines and threads, in wall time for threads.
const wall = (call) => {
  const before = performance.now()
  call()
  return performance.now() - before
}
for (const method of [lbfgs(), newton()]) {
  const native = many(2, method)
  const wasm = many(2, method, { engine: 'wasm' })
  const pairs = Array.from({ length: ROUNDS }, () => wasm() / native())
  const two = many(2, method, { threads: 2 })
  const threads = Array.from({ length: ROUNDS }, () => wall(native) / wall(two))
  console.log(
    `${method.method}: WebAssembly/native ${median(pairs).toFixed(2)}, second thread ${Math.max(...threads).toFixed(2)}`,
  )
}
