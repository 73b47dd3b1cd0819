// node bench/qps.mjs [python]: qp() for 1,000 random convex programs, half of them semidefinite, next to quadprog and
// HiGHS, in processor time. The argument is a Python with numpy, quadprog and highspy.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { qp } from '../dist/index.js'

const python = process.argv[2]
const COUNT = 1000
const ROUNDS = 5
const SIZES = [5, 10, 20]

let seed = 1
const uniform = () => {
  seed = (seed * 16_807) % 2_147_483_647
  return (2 * seed) / 2_147_483_647 - 1
}
const vector = (length) => Array.from({ length }, uniform)
const dot = (a, b) => a.reduce((sum, x, i) => sum + x * b[i], 0)

/** Minimize ½xᵀHx + gᵀx with 0 ≤ x ≤ 1 and least ≤ Ax. Every second Hessian has half of the full rank. */
function makeProgram(_, k) {
  const size = SIZES[k % SIZES.length]
  const factor = Array.from({ length: size }, () => vector(k % 2 === 0 ? 2 * size : size >> 1))
  const inside = vector(size).map((x) => 0.5 + 0.5 * x)
  const rows = Array.from({ length: size }, () => vector(size))
  return {
    hessian: factor.map((a) => factor.map((b) => dot(a, b))),
    gradient: vector(size).map((x) => 3 * x),
    rows,
    least: rows.map((row) => dot(row, inside) - (uniform() > 0 ? 0 : 0.1)),
  }
}

const programs = Array.from({ length: COUNT }, makeProgram)
const given = programs.map(({ hessian, gradient, rows, least }) => ({
  hessian,
  gradient,
  constraints: rows.map((coefficients, k) => ({ coefficients, min: least[k] })),
  bounds: gradient.map(() => [0, 1]),
}))

/** Largest violation, gradient of the Lagrangian, and multiplier of a limit that is not reached. */
function kkt({ rows, least }, { x, maxViolation, kktResidual, multipliers, boundMultipliers }) {
  let error = Math.max(maxViolation, kktResidual)
  for (const [k, row] of rows.entries()) {
    error = Math.max(
      error,
      Math.min(Math.abs(dot(row, x) - least[k]), Math.abs(multipliers[k])),
      -multipliers[k],
    )
  }
  for (const [i, price] of boundMultipliers.entries())
    error = Math.max(error, Math.min(price > 0 ? x[i] : 1 - x[i], Math.abs(price)))
  return error
}

/** Indices of the programs of one half and of one size. */
const group = (half, size) =>
  [...given.keys()].filter((k) => k % 2 === half && programs[k].gradient.length === size)
const groups = [0, 1].flatMap((half) => SIZES.map((size) => group(half, size)))

/** The processor time per program in microseconds, and the count of programs solved to 1e-9. */
function measure(mine) {
  const before = process.cpuUsage()
  const results = mine.map((k) => qp(given[k]))
  const { user, system } = process.cpuUsage(before)
  const isSolved = (result, at) => result.reason === 'converged' && kkt(programs[mine[at]], result) <= 1e-9
  return [(user + system) / mine.length, results.filter(isSolved).length]
}

function measurePeers() {
  const script = join(import.meta.dirname, 'peers/qps.py')
  const output = execFileSync(python, [script], {
    encoding: 'utf8',
    input: JSON.stringify({ programs, groups }),
    maxBuffer: 1 << 24,
  })
  const lines = output.split('\n').filter((line) => line.startsWith('result '))
  return lines.map((line) => line.split(' ').slice(1).map(Number))
}

// The first rounds are compiled.
for (let round = 0; round < 10; round++) for (const program of given) qp(program)
const rounds = []
for (let round = 0; round < ROUNDS; round++)
  rounds.push([...groups.map(measure), ...(python === undefined ? [] : measurePeers())])

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1]
const cell = (k) => {
  if (rounds[0][k] === undefined) return '– | –'
  return `${median(rounds.map((round) => round[k][0])).toFixed(0)} µs | ${rounds[0][k][1]}`
}
console.log(
  '| Hessian | variables | qp() | solved | quadprog | solved | HiGHS | solved |\n|---|---|---|---|---|---|---|---|',
)
for (const [k, mine] of groups.entries()) {
  const kind = k < SIZES.length ? 'definite' : 'semidefinite'
  const cells = [0, 1, 2].map((solver) => cell(k + solver * groups.length))
  console.log(`| ${kind} | ${SIZES[k % SIZES.length]} (${mine.length} programs) | ${cells.join(' | ')} |`)
}
