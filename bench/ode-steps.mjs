// node bench/ode-steps.mjs <python> [problems.json]: the steps of simulate(), and the steps of SciPy's RK45 and Radau at
// the same error. The first argument is a Python with numpy and scipy. The default problems are in test/data.
//
// Each method integrates at several tolerances. The steps of antigrad at the error of one run of SciPy are interpolated
// between two tolerances of antigrad, on logarithmic scales. The table shows the geometric mean of the ratios.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ode, simulate } from '../dist/fits/index.js'

const [python, file] = process.argv.slice(2)
const TOLERANCES = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]
/** Tolerances of antigrad. The range of their errors contains the errors of SciPy. */
const OWN = Array.from({ length: 19 }, (_, k) => 10 ** (-2 - k / 2))

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url), 'utf8')).cases
const cases = file
  ? JSON.parse(readFileSync(file, 'utf8')).cases
  : [
      ...new Map(
        [...read('../test/data/odes-closed.json'), ...read('../test/data/odes.json')].map((one) => [
          one.name,
          one,
        ]),
      ).values(),
    ]

function toProblem(one) {
  const inputs = Object.entries(one.inputs ?? {})
  const events = [
    ...inputs.flatMap(([name, list]) => list.slice(1).map(([time, value]) => [time, name, value])),
    ...(one.doses ?? []),
  ]
  return {
    ...one,
    events,
    firstInputs: Object.fromEntries(inputs.map(([name, list]) => [name, list[0][1]])),
    atol: one.atol ?? Object.values(one.states).map((values) => 1e-3 * Math.max(...values.map(Math.abs))),
  }
}

const published = read('../test/data/odes-stiff.json').map((one) => ({ ...one, stiff: true }))
const problems = [...cases, ...published].map(toProblem)

function modelOf(one, method, rtol) {
  const names = Object.keys(one.initial)
  return ode({
    states: one.initial,
    rates: one.equations,
    observe: names[0],
    initialTime: one.start,
    doses: (one.doses ?? []).map(([time, state, amount]) => ({ time, state, amount })),
    inputs: Object.fromEntries(
      Object.entries(one.inputs ?? {}).map(([name, list]) => [
        name,
        { times: list.map(([time]) => time), values: list.map(([, value]) => value) },
      ]),
    ),
    method,
    rtol,
    atol: Object.fromEntries(names.map((name, i) => [name, one.atol[i] * rtol])),
  })
}

/** Largest error of a state, relative to its value or to a millionth of its largest value. */
function errorOf(one, column) {
  let worst = 0
  for (const [i, values] of Object.values(one.states).entries()) {
    const largest = Math.max(...values.map(Math.abs))
    for (const [row, value] of values.entries())
      worst = Math.max(worst, Math.abs(column(row, i) - value) / Math.max(Math.abs(value), 1e-6 * largest))
  }
  return worst
}

function runOwn(one, method, rtol) {
  const found = simulate(modelOf(one, method, rtol), one.parameters, one.times, { sensitivities: false })
  if (found.reason !== 'completed') return { steps: Infinity, error: Infinity }
  const columns = Object.keys(one.initial).map((name) => found.states[name])
  return {
    steps: found.accepted + found.rejected,
    rejected: found.rejected,
    error: errorOf(one, (row, i) => columns[i][row]),
  }
}

/** Steps at an error, from the two runs next to the error. */
function stepsAt(runs, error) {
  const sorted = [...runs]
    .filter((run) => run.error > 0 && run.error < Infinity)
    .sort((a, b) => a.error - b.error)
  const above = sorted.findIndex((run) => run.error >= error)
  if (above <= 0) return undefined
  const [a, b] = [sorted[above - 1], sorted[above]]
  const x = Math.log(error / a.error) / Math.log(b.error / a.error)
  return Math.exp((1 - x) * Math.log(a.steps) + x * Math.log(b.steps))
}

const mean = (list) => Math.exp(list.reduce((sum, x) => sum + Math.log(x), 0) / list.length)

for (const [scipy, method] of [
  ['RK45', 'explicit'],
  ['Radau', 'stiff'],
]) {
  const own = problems.filter((one) => scipy === 'Radau' || !one.stiff)
  const input = JSON.stringify({
    method: scipy,
    problems: own.map((one) => ({ ...one, tolerances: TOLERANCES })),
  })
  const script = fileURLToPath(new URL('./peers/odes.py', import.meta.url))
  const found = JSON.parse(execFileSync(python, [script], { input, maxBuffer: 1e9 }))
  console.log(
    `\n${`steps next to ${scipy} at the same error`.padEnd(40)} ratio   least  most   SciPy at 1e-6, antigrad at 1e-6`,
  )
  const ratios = []
  for (const [k, one] of own.entries()) {
    const mine = OWN.map((rtol) => runOwn(one, method, rtol))
    const list = found[k].flatMap((run) => {
      if (run === null) return []
      const steps = stepsAt(
        mine,
        errorOf(one, (row, i) => run.states[row][i]),
      )
      return steps === undefined ? [] : [steps / (run.accepted + run.rejected)]
    })
    const there = found[k][3]
    const here = runOwn(one, method, 1e-6)
    const side = (run, error) =>
      `${run.accepted ?? run.steps - run.rejected}+${run.rejected} (${error.toExponential(1)})`
    ratios.push(mean(list))
    console.log(
      `${one.name.padEnd(40)} ${mean(list).toFixed(2)}    ${Math.min(...list).toFixed(2)}   ${Math.max(...list).toFixed(2)}   ` +
        `${
          there &&
          side(
            there,
            errorOf(one, (row, i) => there.states[row][i]),
          )
        }, ${side(here, here.error)}`,
    )
  }
  console.log(`${'all'.padEnd(40)} ${mean(ratios).toFixed(2)}`)
}
