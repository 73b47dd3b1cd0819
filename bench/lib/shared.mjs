// Groups with shared parameters: compares `fitShared` with SciPy and, if installed, with Ceres. All have the same data
// and starting values and must reach the same χ².
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { fitSharedSync } from '../../dist/fits/index.js'
import { expression } from '../../dist/index.js'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const model = expression('a*exp(-k*t) + c*exp(-q*t)')
const start = { a: 4, c: 1, k: 1, q: 0.2 }
export const ROWS = 20
/** Relative tolerance of χ². */
const SAME = 1e-9
/** Number of threads of both sides, and the solvers of Ceres' Schur complement, all of which are measured. */
const [THREADS, SCHUR] = [2, ['dense', 'sparse', 'iterative']]

export function dataOf(groups) {
  let seed = 12345
  const next = () => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return seed / 2 ** 31
  }
  const t = Float64Array.from({ length: ROWS }, (_, row) => (7 * row) / ROWS)
  const y = Array.from({ length: groups }, () => {
    const [a, c] = [2 + 6 * next(), 0.2 + 2 * next()]
    const noise = () => 0.1 * (next() + next() + next() - 1.5)
    return t.map((at) => a * Math.exp(-1.4 * at) + c * Math.exp(-0.12 * at) + noise())
  })
  return { t, y }
}

function checkSame(who, theirs, ours) {
  const off = Math.abs(theirs / ours - 1)
  if (!(off <= SAME)) throw new Error(`The χ² of ${who} is off from ours by ${off} of it`)
}

export function oursOf({ t, y }) {
  return {
    count: 1,
    run() {
      const from = process.hrtime.bigint()
      const options = { shared: ['k', 'q'], start, engine: 'native', threads: THREADS }
      this.chiSquared = fitSharedSync(model, { t, y }, options).chiSquared
      return Number(process.hrtime.bigint() - from)
    },
  }
}

export async function sciPyOf(host, { t, y }, ours) {
  const id = `shared ${y.length}`
  await host.ask('make', { id, shared: true, t: [...t], y: y.map((list) => [...list]) })
  return {
    count: 1,
    async run() {
      const { ns } = await host.ask('run', { id })
      checkSame('SciPy', (await host.ask('found', { id })).chiSquared, ours.chiSquared)
      return ns
    },
  }
}

/** Compiles the Ceres program; returns the reason if that is not possible. */
export function buildCeres() {
  const program = here('../../target/bench/ceres')
  mkdirSync(here('../../target/bench/'), { recursive: true })
  const flags = ['-O3', '-march=native', '-std=c++17', '-I/usr/include/eigen3']
  const libraries = ['-lceres', '-lglog', '-lgflags']
  const { status, error, stderr } = spawnSync(
    'c++',
    [...flags, here('../peers/ceres.cpp'), '-o', program, ...libraries],
    { encoding: 'utf8' },
  )
  if (status === 0) return { program }
  return { missing: error?.message ?? `${stderr.trim().split('\n')[0]} (libceres-dev?)` }
}

/** Results of Ceres with all its solvers. The fastest one counts in the comparison. */
export function ceresOf(program, { t, y }, ours) {
  const input = Buffer.concat([t, ...y].map(({ buffer }) => new Uint8Array(buffer)))
  return SCHUR.map((way) => ({
    count: 1,
    way,
    run() {
      const args = [ROWS, y.length, way, THREADS].map(String)
      const { status, stdout, stderr } = spawnSync(program, args, { input, encoding: 'utf8' })
      if (status !== 0) throw new Error(`Ceres: ${stderr.trim().split('\n').at(-1)}`)
      const [ns, , chiSquared] = stdout.split(' ').map(Number)
      checkSame('Ceres', chiSquared, ours.chiSquared)
      return ns
    },
  }))
}
