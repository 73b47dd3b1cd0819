// npm run bench:functions: models as JavaScript functions. Compares functions that fromFunction reads with the same
// expressions and with functions that are called, and measures the gradient of a long integration and the likelihood of
// GARCH(1,1). All times are CPU time on one thread, and subjects take turns.
//
// --python <program> also fits the returns by Python's package arch.
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'
import { Builder } from '../dist/expressions/differentiate.js'
import { compile } from '../dist/expressions/program.js'
import { fromFunction as read } from '../dist/from-function/index.js'
import { shortenLifetimes } from '../dist/many/recompute.js'
import { fitManySync, fit as fitOne } from '../dist/node/fits/index.mjs'
import { fromFunction } from '../dist/node/from-function/index.mjs'
import { expression, lbfgs, minimize, minimizeManySync } from '../dist/node/index.mjs'
import { inLanes } from './lib/lanes.mjs'

const { python } = parseArgs({ options: { python: { type: 'string' } } }).values
const ROUNDS = 9

const cpu = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
const median = (samples) => samples.slice().sort((a, b) => a - b)[samples.length >> 1]
const say = (what, figure) => console.log(`${what.padEnd(70)} ${figure}`)

/** Milliseconds per call of each subject: medians of turns after a warm-up. */
function inTurns(subjects) {
  for (const { call, calls } of subjects) for (let k = 0; k < calls; k++) call()
  const samples = subjects.map(() => [])
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { call, calls }] of subjects.entries()) {
      const start = cpu()
      for (let k = 0; k < calls; k++) call()
      samples[i].push((cpu() - start) / calls)
    }
  }
  return samples.map(median)
}

/** A decay of `rows` rows as an expression, as a function that is read, and as a function that is called. */
const models = [
  expression('a*exp(-b*t) + c'),
  fromFunction(({ a, b, c }, { t }) => a * Math.exp(-b * t) + c),
  ({ a, b, c }, t) => a * Math.exp(-b * t) + c,
]
const start = { a: 1, b: 1, c: 0 }
const timesOf = (rows) => Float64Array.from({ length: rows }, (_, i) => (5 * i) / rows)
const decay = (t, run) =>
  t.map((at, i) => (2 + (run % 7) / 7) * Math.exp(-at) + 0.5 + 0.02 * Math.sin(i * i + run))

function compareFits() {
  const t = timesOf(1000)
  const y = decay(t, 0)
  const single = models.map((model) => ({ call: () => fitOne(model, { t, y }, { start }), calls: 20 }))
  const [text, read, called] = inTurns(single)
  say('a fit of 1,000 rows, read to expression', `${(read / text).toFixed(2)} × (≤ 1.02)`)
  say('a fit of 1,000 rows, called to read', `${(called / read).toFixed(1)} × (≥ 5)`)
  const short = timesOf(40)
  const curves = Array.from({ length: 10_000 }, (_, run) => decay(short, run))
  const few = curves.slice(0, 500)
  const many = models.map((model, i) => {
    const ys = i === 2 ? few : curves
    return { call: () => fitManySync(model, { t: short, y: ys }, { start, threads: 1 }), calls: 1 }
  })
  const [manyText, manyRead, manyCalled] = inTurns(many)
  say('10,000 fits of 40 rows, read to expression', `${(manyRead / manyText).toFixed(2)} × (≤ 1.02)`)
  const factor = ((curves.length / few.length) * manyCalled) / manyRead
  say('10,000 fits of 40 rows, called to read', `${factor.toFixed(1)} × (≥ 50)`)
}

/** Robertson's reaction by 200 Runge-Kutta steps. */
const robertson = ({ k1, k2, k3 }) => {
  let [a, b, c] = [1, 0, 0]
  const h = 0.05
  const rate = (a, b, c) => [-k1 * a + k3 * b * c, k1 * a - k3 * b * c - k2 * b * b, k2 * b * b]
  for (let i = 0; i < 200; i++) {
    const [p1, q1, r1] = rate(a, b, c)
    const [p2, q2, r2] = rate(a + (h / 2) * p1, b + (h / 2) * q1, c + (h / 2) * r1)
    const [p3, q3, r3] = rate(a + (h / 2) * p2, b + (h / 2) * q2, c + (h / 2) * r2)
    const [p4, q4, r4] = rate(a + h * p3, b + h * q3, c + h * r3)
    a += (h / 6) * (p1 + 2 * p2 + 2 * p3 + p4)
    b += (h / 6) * (q1 + 2 * q2 + 2 * q3 + q4)
    c += (h / 6) * (r1 + 2 * r2 + 2 * r3 + r4)
  }
  return (a - 0.3) ** 2 + (b - 0.1) ** 2 + (c - 0.6) ** 2
}

/** Runs first, in a process that has compiled nothing. The times include the threads of the compiler. */
function measureIntegration() {
  const times = [cpu()]
  const f = fromFunction(robertson)
  times.push(cpu())
  const x = [0.3, 0.2, 0.1]
  const slopes = new Float64Array(3)
  f.gradient(x, slopes)
  times.push(cpu())
  say('200 Runge-Kutta steps: reading, all threads', `${(times[1] - times[0]).toFixed(0)} ms`)
  say('200 Runge-Kutta steps: compiling the gradient, all threads', `${(times[2] - times[1]).toFixed(0)} ms`)
  const value = { call: () => f.value(x), calls: 50 }
  const gradient = { call: () => f.gradient(x, slopes), calls: 50 }
  const [one, other] = inTurns([value, gradient])
  say('200 Runge-Kutta steps: gradient to value, one run', `${(other / one).toFixed(2)} × (≤ 4)`)
  const programs = [false, true].map((hasGradient) => programInLanes(read(robertson), hasGradient))
  const subjects = programs.map((program) => {
    const shape = { runs: 1024, updates: 1 }
    return { call: inLanes(program, x, shape, { engine: 'native', threads: 1 }).timed, calls: 1 }
  })
  const [valueAlone, both] = inTurns(subjects)
  const figure = `${(both / valueAlone).toFixed(2)} × (≤ 6)`
  say('200 Runge-Kutta steps: value and gradient to value, in lanes', figure)
}

/** A program that evaluates a function and keeps its parameters. */
function programInLanes(f, hasGradient) {
  const { graph, parameters, value, gradient } = f.nodes([])
  const b = new Builder(graph)
  const roots = hasGradient ? [value, ...gradient] : [value]
  const zero = roots.map((node) => b.multiply(b.zero, node)).reduce((sum, node) => b.add(sum, node))
  const [first, ...others] = parameters.map((name) => graph.name(name))
  // The compiler does not know that the minimum is 0.
  const kept = b.add(first, b.operation('min', zero, b.one))
  return shortenLifetimes(compile(graph, [kept, ...others, b.zero], parameters, []))
}

const SERIES = 1000
const RETURNS = 3000

/** Returns of GARCH(1,1) with parameters that differ between the series. */
function simulate() {
  let seed = 1
  const uniform = () => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const normal = () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
  return Array.from({ length: SERIES }, () => {
    const [w, a, b] = [0.03 + 0.04 * uniform(), 0.05 + 0.08 * uniform(), 0.82 + 0.06 * uniform()]
    let h = w / (1 - a - b)
    return Float64Array.from({ length: RETURNS }, () => {
      const r = Math.sqrt(h) * normal()
      h = w + a * r * r + b * h
      return r
    })
  })
}

const SCRIPT = `
import json, sys, time
from arch.univariate import ZeroMean, GARCH
series = json.load(sys.stdin)
def fit(r, **options):
    model = ZeroMean(__import__('numpy').array(r), volatility=GARCH(1, 0, 1), rescale=False)
    return model.fit(disp='off', show_warning=False, backcast=1.0, options=options or None)
fit(series[0])
start = time.process_time()
for r in series: fit(r)
seconds = (time.process_time() - start) / len(series)
print(json.dumps([1000 * seconds, [fit(r, ftol=1e-14, maxiter=500).loglikelihood for r in series]]))
`

function measureGarch() {
  const garch = fromFunction(({ w, a, b }, { r }, { scan }) => {
    const { h } = scan({ q: 1, h: 1 }, ({ q, h }) => ({ q: r * r, h: w + a * q + b * h }))
    return 0.5 * (Math.log(2 * Math.PI * h) + (r * r) / h)
  })
  const bounds = { w: { min: 1e-8 }, a: [0, 1], b: [0, 1] }
  const r = simulate()
  const begin = { w: 0.05, a: 0.1, b: 0.8 }
  const fitSeries = (series) => minimize(garch.with({ r: series }), begin, lbfgs(), { bounds })
  // JavaScript engines compile code after some hundred calls.
  for (const series of r.slice(0, 300)) fitSeries(series)
  const [one] = inTurns([{ call: () => r.slice(0, 10).map(fitSeries), calls: 1 }])
  say('GARCH(1,1) of 3,000 returns: a series', `${(one / 10).toPrecision(3)} ms`)
  const starts = Object.fromEntries(Object.entries(begin).map(([name, x]) => [name, r.map(() => x)]))
  const fitAll = () => minimizeManySync(garch, starts, lbfgs(), { bounds, data: { r }, threads: 1 })
  const before = cpu()
  fitAll()
  const all = (cpu() - before) / SERIES
  say('GARCH(1,1) of 3,000 returns: a series of 1,000 in lanes', `${all.toPrecision(3)} ms`)
  if (python === undefined) return
  const few = r.slice(0, 20)
  const input = JSON.stringify(few.map((series) => [...series]))
  const env = { ...process.env, OMP_NUM_THREADS: '1' }
  const { status, stdout, stderr } = spawnSync(python, ['-c', SCRIPT], { input, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  const [arch, likelihoods] = JSON.parse(stdout)
  const differences = few.map((series, i) => Math.abs(fitSeries(series).value / -likelihoods[i] - 1))
  say(
    'GARCH(1,1): relative difference of the optimum',
    `${Math.max(...differences).toExponential(1)} (≤ 1e-6)`,
  )
  say('GARCH(1,1): arch to one series', `${((10 * arch) / one).toFixed(1)} × (≥ 5)`)
  say('GARCH(1,1): arch to 1,000 series', `${(arch / all).toFixed(1)} × (≥ 100)`)
}

measureIntegration()
compareFits()
measureGarch()
