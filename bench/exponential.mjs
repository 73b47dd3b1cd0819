// node bench/exponential.mjs: gradients of a sum of squares of an exponential with 100 rows, in 2,048 runs at once. A
// loop in C for this function alone is the reference. The result is a Markdown table with a row per instruction set and
// number type. Programs run on one thread and take turns. A number is a median of ratios of CPU time. Times of antigrad
// include the updates of Adam.
//
// --before <folder> measures a second build of antigrad, whose folder contains `dist`. --rounds 15 sets the number of
// turns.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const options = { rounds: { type: 'string', default: '15' }, before: { type: 'string' } }
const { rounds, before } = parseArgs({ options }).values
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const builds = await Promise.all(
  [here('..'), ...(before === undefined ? [] : [resolve(before)])].map(
    (folder) => import(pathToFileURL(join(folder, 'dist/node/index.mjs')).href),
  ),
)

const RUNS = 2048
const ROWS = 100
const UPDATES = 200
const arrayOf = { float64: Float64Array, float32: Float32Array }
const rows = Array.from({ length: ROWS }, (_, k) => k / 20)
const data = { t: rows, y: rows.map((t) => 2.5 - 0.4 * t) }
/** Intrinsics in C: the prefix, the bytes of a vector, and the instruction set of the compiler. */
const sets = {
  avx512: ['_mm512', 64, 'avx512f'],
  avx2: ['_mm256', 32, 'avx2'],
  sse2: ['_mm', 16, 'sse2'],
}
const numbers = { float64: ['double', 'int64_t', 'pd'], float32: ['float', 'int32_t', 'ps'] }

const median = (samples) => samples.slice().sort((a, b) => a - b)[samples.length >> 1]

/** The nanoseconds of CPU time per run, row and update. */
function ours({ adam, expression, minimizeManySync }, dtype, instructionSet) {
  const column = (from, to) =>
    arrayOf[dtype].from({ length: RUNS }, (_, run) => from + ((to - from) * run) / RUNS)
  const starts = { a: column(1, 2), b: column(0.5, 1.5), c: column(0.1, 0.1) }
  const start = process.cpuUsage()
  minimizeManySync(expression('(a*exp(-b*t) + c - y)^2'), starts, adam({ lr: 1e-3 }), {
    ...{ engine: 'native', threads: 1, instructionSet, data, tolerance: 1e-12, maxIterations: UPDATES },
  })
  const { user, system } = process.cpuUsage(start)
  return ((user + system) * 1e3) / RUNS / ROWS / UPDATES
}

/** The fastest loop in C: with one, two or four vectors at once. */
function compileC(folder, dtype, set) {
  const [prefix, bytes, option] = sets[set]
  const [number, integer, suffix] = numbers[dtype]
  const programs = [1, 2, 4].map((vectors) => {
    const program = join(folder, `${dtype}-${set}-${vectors}`)
    const defined = { NUMBER: number, INTEGER: integer, BYTES: bytes, VECTORS: vectors }
    const intrinsics = { MIN: `${prefix}_min_${suffix}`, MAX: `${prefix}_max_${suffix}` }
    const definitions = Object.entries({ ...defined, ...intrinsics }).map(([name, to]) => `-D${name}=${to}`)
    const flags = ['-O3', '-ffp-contract=off', `-m${option}`, ...definitions]
    execFileSync('cc', [...flags, here('exponential.c'), '-o', program])
    return () => Number(execFileSync(program))
  })
  const times = programs.map((run) => median([run(), run(), run()]))
  return programs[times.indexOf(Math.min(...times))]
}

const folder = mkdtempSync(join(tmpdir(), 'antigrad-exponential-'))
const { instructionSets } = builds[0].engines().native
const heads = ['instruction set', 'numbers', 'C, ns', 'antigrad / C']
if (before !== undefined) heads.push('before / C', 'antigrad / before')
console.log(`| ${heads.join(' | ')} |\n|${'---|'.repeat(heads.length)}`)
try {
  for (const dtype of Object.keys(numbers)) {
    for (const set of Object.keys(sets).filter((name) => instructionSets.includes(name))) {
      const c = compileC(folder, dtype, set)
      const samples = []
      for (let round = -1; round < Number(rounds); round++) {
        const times = [c(), ...builds.map((build) => ours(build, dtype, set))]
        if (round >= 0) samples.push(times)
      }
      const ratio = (a, b) => median(samples.map((times) => times[a] / times[b])).toFixed(2)
      const cells = [set, dtype, median(samples.map(([ns]) => ns)).toFixed(3), ratio(1, 0)]
      if (before !== undefined) cells.push(ratio(2, 0), ratio(1, 2))
      console.log(`| ${cells.join(' | ')} |`)
    }
  }
} finally {
  rmSync(folder, { recursive: true })
}
