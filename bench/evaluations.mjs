// node bench/evaluations.mjs [--python <a Python with SciPy>] [--all]: gradient evaluations of lbfgs() and newton() on
// the bounded problems of test/data/bounded.json until f − f* ≤ 1e-10·(1 + |f*|), next to SciPy's L-BFGS-B with exact
// gradients and tight tolerances. The counts do not depend on the machine's load. --all lists all problems, instead of
// only those above 3 times SciPy's count + 10.
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { expression, lbfgs, minimize, newton } from '../dist/index.js'
import { Host } from './peers/processes.mjs'

const { values: flags } = parseArgs({
  options: { python: { type: 'string' }, all: { type: 'boolean', default: false } },
})
const problems = JSON.parse(readFileSync(new URL('../test/data/bounded.json', import.meta.url), 'utf8'))
/** The first problems come from the literature; the others are in the notes of SciPy's tests and variants of these. */
const LITERATURE = 71

/** Value, gradient and Hessian of a problem in its variables x1, x2, …; expressions order parameters by occurrence. */
function functionsOf({ expression: text, data, start }) {
  const objective = expression(text).with(data ?? {})
  const places = objective.parameters.map((name) => Number(name.slice(1)) - 1)
  const own = new Float64Array(places.length)
  const square = new Float64Array(places.length ** 2)
  const pick = (x) => places.map((place) => x[place])
  return {
    value: (x) => objective.value(pick(x)),
    gradient(x, out) {
      objective.gradient(pick(x), own)
      out.fill(0)
      for (const [k, place] of places.entries()) out[place] = own[k]
    },
    hessian(x, out) {
      objective.hessian(pick(x), square)
      out.fill(0)
      for (const [row, i] of places.entries())
        for (const [column, j] of places.entries())
          out[i * start.length + j] = square[row * places.length + column]
    },
  }
}

/** Index of the first value close to the lowest known minimum that the values reach, from 1, and this minimum. */
function reached(values, { f, others }) {
  for (const minimum of [f, ...others].sort((a, b) => a - b)) {
    const count = values.findIndex((value) => value - minimum <= 1e-10 * (1 + Math.abs(minimum))) + 1
    if (count > 0) return { count, minimum }
  }
  return { count: Infinity, minimum: Math.min(...values) }
}

function ours(problem, method) {
  const { value, gradient, hessian } = functionsOf(problem)
  const values = []
  /** Count of the values before each gradient. A method may reject a point by its value alone. */
  const at = []
  const watched = {
    value(x) {
      const found = value(x)
      values.push(found)
      return found
    },
    gradient(x, out) {
      at.push(values.length)
      gradient(x, out)
    },
    hessian,
  }
  const bounds = problem.start.map((_, i) => [
    problem.lower?.[i] ?? -Infinity,
    problem.upper?.[i] ?? Infinity,
  ])
  const { reason, evaluations } = minimize(watched, problem.start, method, { bounds, tolerance: 1e-10 })
  const { count, minimum } = reached(values, problem)
  const gradients = count === Infinity ? count : at.filter((values) => values <= count).length
  return { count: gradients, minimum, whole: evaluations.gradients, reason }
}

async function scipy(host, problem) {
  const { value, gradient } = functionsOf(problem)
  const values = []
  const nothing = problem.start.map(() => null)
  const { start, lower, upper } = problem
  let reply = await host.ask('run', { start, lower: lower ?? nothing, upper: upper ?? nothing })
  while (reply.point !== undefined) {
    const slopes = new Float64Array(start.length)
    values.push(value(reply.point))
    gradient(reply.point, slopes)
    reply = await host.ask('values', { value: values.at(-1), gradient: [...slopes] })
  }
  return { ...reached(values, problem), whole: values.length, reason: reply.ended }
}

const median = (list) => {
  const sorted = [...list].sort((a, b) => a - b)
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2
}

const host =
  flags.python &&
  new Host({ command: flags.python, args: [new URL('peers/bounded.py', import.meta.url).pathname] })
const rows = []
for (const problem of problems) {
  const row = { name: problem.name, best: problem.f, lbfgs: ours(problem, lbfgs()) }
  // Newton's method takes at most 32 parameters.
  if (problem.start.length <= 32) row.newton = ours(problem, newton())
  if (host) row.scipy = await scipy(host, problem)
  rows.push(row)
}
host?.close()

const near = (a, b) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(b))
for (const method of ['lbfgs', 'newton', 'scipy']) {
  const own = rows.filter((row) => row[method])
  if (own.length === 0) continue
  const best = own.filter((row) => near(row[method].minimum, row.best))
  const some = own.filter((row) => Number.isFinite(row[method].count))
  console.log(`${method}: best minimum ${best.length}, a known minimum ${some.length}, of ${own.length}`)
}
for (const method of host ? ['lbfgs', 'newton'] : []) {
  for (const [of, part] of [
    ['all', rows],
    ['the literature', rows.slice(0, LITERATURE)],
  ]) {
    const both = part.filter((row) => row[method] && near(row[method].minimum, row.scipy.minimum))
    const compared = both.filter((row) => Number.isFinite(row[method].count + row.scipy.count))
    const total = (name) => compared.reduce((sum, row) => sum + row[name].count, 0)
    const ratios = compared.map((row) => row[method].count / row.scipy.count)
    console.log(
      `${method}, ${of}: ${compared.length} compared, evaluations ${total(method)} : ${total('scipy')}, ` +
        `ratios: median ${median(ratios).toFixed(3)}, worst ${Math.max(...ratios).toFixed(2)}; ` +
        `of whole runs ${median(compared.map((row) => row[method].whole / row.scipy.whole)).toFixed(3)}`,
    )
  }
}
console.log('\n| problem | lbfgs() | newton() | SciPy | at |\n|---|---|---|---|---|')
const show = (found) => (found ? `${found.count}${found.reason === 'stalled' ? ' (stalled)' : ''}` : '–')
for (const row of rows) {
  const isFar = row.lbfgs.count > 3 * (row.scipy?.count ?? Infinity) + 10 || row.lbfgs.count === Infinity
  if (!flags.all && !isFar) continue
  const minima = [row.lbfgs.minimum, row.scipy?.minimum ?? NaN].map((f) => f.toPrecision(8)).join(', ')
  console.log(
    `| ${row.name} | ${show(row.lbfgs)} | ${show(row.newton)} | ${row.scipy?.count ?? '–'} | ${minima} |`,
  )
}
