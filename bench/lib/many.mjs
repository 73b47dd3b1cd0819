// Many runs at once: compares `minimizeMany` with jax and Optax, with C code for one function and with `minimize` run
// by run, and measures its bundle size. The results of every participant are checked before it is measured.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { adam, engines, expression, minimize, minimizeManySync } from '../../dist/index.js'
import { Host } from '../peers/processes.mjs'
import { ratio, summary } from './measure.mjs'
import { newtonLanes } from './newton.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const arrayOf = { float32: Float32Array, float64: Float64Array }
const rule = adam({ lr: 0.01 })
/** Milliseconds between samples, so that spinning threads of one library do not slow another one. */
const PAUSE = 20
/** Batch sizes that jax is tried with, in addition to all runs at once. */
const BATCHES = [500, 1000, 2000, 5000, 10_000, 100_000]

const rows = Array.from({ length: 100 }, (_, k) => k / 20)
/** Data points with small deviations from a curve. */
const measured = rows.map((t, k) => 2 * Math.exp(-1.3 * t) + 0.5 + (((k * 37) % 101) / 101 - 0.5) / 50)

const rosenbrock = {
  name: 'Rosenbrock',
  f: expression('(1 - x)^2 + 100*(y - x^2)^2'),
  box: { x: [-2, 2], y: [-1, 3] },
  data: {},
}
const exponential = {
  name: 'exponential, 100 rows',
  f: expression('(a*exp(-b*t) + c - y)^2'),
  box: { a: [0.5, 4], b: [0.1, 3], c: [-1, 1] },
  data: { t: rows, y: measured },
}

/** Distinct starting points that cover the box, as columns. */
function startsOf({ box }, dtype, runs) {
  const factors = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35]
  return Object.fromEntries(
    Object.entries(box).map(([name, [from, to]], p) => {
      const at = (i) => from + ((to - from) * (Math.imul(i + 1, factors[p]) >>> 8)) / 2 ** 24
      return [name, arrayOf[dtype].from({ length: runs }, (_, i) => at(i))]
    }),
  )
}

const sum = (numbers) => numbers.reduce((total, x) => total + x, 0)

/** Parts that can be measured separately. */
export const parts = ['rosenbrock', 'exponential', 'wasm', 'loop', 'newton', 'size']

/** Rows { part, what, dtype, runs, figure, unit, wanted, met, detail }; `wanted` is a `least` or a `most`. */
export async function measureMany({ limits, reason, rounds, quick, python, missing, only, progress }) {
  const isWanted = (part) => only?.includes(part) ?? true
  let part
  const table = []
  const skipped = []
  const threads = availableParallelism() > 1 ? [1, 2] : [1]
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-'))
  const hosts = new Map()
  const versions = {}

  const add = (what, setting, figure, wanted, detail, unit = '×') => {
    const { least, most } = wanted ?? {}
    const met =
      least !== undefined ? figure.high >= least : most !== undefined ? figure.low <= most : undefined
    table.push({ part, what, ...setting, figure, unit, wanted: wanted ?? null, met: met ?? null, detail })
    const { median, low, high } = figure
    progress(`${what}: ${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}) ${unit}; ${detail}`)
  }

  /** Adds a row with the time of another participant relative to ours, for the same runs. */
  const against = (what, setting, mine, other, wanted) => {
    const each = ({ samples, updates }) => (summary(samples).median / updates).toPrecision(3)
    const apart = other.alike?.x < 1 ? `; ${(100 * other.alike.x).toFixed(1)} % end at the same points` : ''
    const detail = `${each(mine)} and ${each(other)} ns a run and update${apart}`
    add(what, setting, ratio(other.perUpdate(), mine.perUpdate()), wanted, detail)
  }

  const host = async (dtype, count) => {
    const key = `${dtype} ${count}`
    if (!hosts.has(key)) {
      const args = [here('../peers/many.py'), dtype, `${count}`]
      hosts.set(key, new Host({ command: here('../peers/.venv/bin/python'), args, ipc: false }))
      Object.assign(versions, await hosts.get(key).ask('open'))
    }
    return hosts.get(key)
  }

  let made = 0
  /** jax with one form of the function and one batch size; not yet checked. */
  const jax = async (task, form, count, batch, callers) => {
    const { problem, dtype, runs, tolerance, most } = task
    const asked = await host(dtype, count)
    const id = made++
    const paths = Object.entries(startsOf(problem, dtype, runs)).map(([name, column]) => {
      const path = join(folder, name)
      writeFileSync(path, new Uint8Array(column.buffer))
      return path
    })
    await asked.ask('make', {
      ...{ id, form, batch, callers, runs, tolerance, most, adam: rule, starts: paths },
      data: Object.values(problem.data),
    })
    return {
      name:
        `jax${form.endsWith('by row') ? ', row by row' : ''}` +
        `, ${batch === runs ? 'all at once' : `batches of ${batch}`}` +
        `${callers > 1 ? `, ${callers} callers` : ''}`,
      run: async (updates) => (await asked.ask('run', { id, most: updates })).ns,
      drop: () => asked.ask('drop', { id }),
      async found() {
        const path = join(folder, 'found')
        await asked.ask('write', { id, path })
        const { buffer } = new Uint8Array(readFileSync(path))
        const names = Object.keys(problem.box)
        const bytes = runs * arrayOf[dtype].BYTES_PER_ELEMENT
        const x = Object.fromEntries(
          names.map((name, p) => [name, new arrayOf[dtype](buffer, p * bytes, runs)]),
        )
        return { x, iterations: new Uint32Array(buffer, names.length * bytes, runs) }
      },
    }
  }

  /** The batch size (and number of callers on two threads) with which jax is fastest. */
  const bestJax = async (task, form, count, few = task.most) => {
    const { runs } = task
    let best
    for (const callers of count > 1 ? [1, count] : [1]) {
      for (const batch of new Set([...BATCHES, runs / callers])) {
        if (batch * callers > runs || runs % (batch * callers) !== 0) continue
        const tried = await jax(task, form, count, batch, callers)
        await tried.run(2) // compiles
        const ns = await tried.run(few)
        progress(`  ${tried.name}, on ${count}: ${(ns / 1e6).toPrecision(3)} ms`)
        if (best !== undefined && best.ns <= ns) await tried.drop()
        else {
          await best?.drop()
          best = Object.assign(tried, { ns })
        }
      }
    }
    return best
  }

  const ours = ({ problem, dtype, runs, tolerance, most }, options) => {
    const starts = startsOf(problem, dtype, runs)
    const { engine, instructionSet = '', threads: count } = { engine: 'native', ...options }
    return {
      name: `antigrad, ${[engine, instructionSet].filter(Boolean).join(' ')}, ${count} thread${count > 1 ? 's' : ''}`,
      run(updates) {
        const { data } = problem
        const start = process.hrtime.bigint()
        this.result = minimizeManySync(problem.f, starts, rule, {
          ...{ engine: 'native', threads: 1, data, tolerance, maxIterations: updates ?? most },
          ...options,
        })
        return Number(process.hrtime.bigint() - start)
      },
      found() {
        return this.result
      },
    }
  }

  /** A loop for Rosenbrock's function in C, vectorized by the compiler. */
  const inC = ({ problem, dtype, runs, tolerance, most }, bits) => {
    const starts = startsOf(problem, dtype, runs)
    const coefficients = new Float32Array(8 * most)
    let [product1, product2] = [1, 1]
    for (let t = 0; t < most; t++) {
      product1 *= rule.beta1
      product2 *= rule.beta2
      const { lr, beta1, beta2, eps } = rule
      const corrections = [lr / (1 - product1), 1 / Math.sqrt(1 - product2)]
      coefficients.set([1, ...corrections, eps, beta1, 1 - beta1, beta2, 1 - beta2], 8 * t)
    }
    return {
      name: `C, ${bits} bits`,
      run(updates) {
        const start = process.hrtime.bigint()
        const [x, y] = [starts.x.slice(), starts.y.slice()]
        const iterations = new Uint32Array(runs)
        const some = coefficients.subarray(0, 8 * (updates ?? most))
        limits.rosenbrock(x, y, iterations, some, tolerance, bits)
        const ns = Number(process.hrtime.bigint() - start)
        this.result = { x: { x, y }, iterations }
        return ns
      },
      found() {
        return this.result
      },
    }
  }

  /**
   * Runs every participant once, compares the results with the first one's, and then takes the samples.
   * @param isExact whether a participant must have the same bits as the first; jax rounds differently
   */
  const compare = async (task, participants, isExact = () => true) => {
    for (const participant of participants) {
      participant.samples = []
      await participant.run()
      const found = await participant.found()
      participant.updates = sum(participants[0].found().iterations)
      participant.perUpdate = () => participant.samples.map((ns) => ns / participant.updates)
      const alike = differences(participants[0].found(), found, task)
      participant.alike = alike
      if (isExact(participant) ? !alike.isSame : alike.iterations < 0.99 || alike.x < 0.99) {
        throw new Error(`${participant.name} finds other results than antigrad: ${JSON.stringify(alike)}`)
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const participant of round % 2 === 0 ? participants : [...participants].reverse()) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
        participant.samples.push(await participant.run())
      }
    }
  }

  const size = (runs) => (quick ? Math.min(runs, 10_000) : runs)
  const native = engines().native
  const sets = native.available ? native.instructionSets : []
  const isJax = ({ name }) => name.startsWith('jax')
  const without = (what, why) => {
    skipped.push(`${what}: ${why}`)
    progress(`Without ${what}: ${why}`)
  }
  const noJax = !python ? 'only with --python' : missing.optax

  try {
    if (!native.available) throw new Error('The addon is not there: there is nothing to compare.')
    if (noJax) without('jax and Optax', noJax)
    if (!limits) without('C', reason)

    // Hardly any run converges within 1,000 updates, so this measures updates including the convergence test.
    const updates = { problem: rosenbrock, dtype: 'float32', tolerance: 1e-9 }
    // Every run stops after its individual number of updates.
    const ends = { ...updates, tolerance: 1e-5 }
    const tasks = [
      { ...updates, runs: size(1_000_000), most: 1000, few: 100, title: '1,000 updates' },
      { ...ends, runs: size(40_000), most: 20_000, title: 'until all have converged' },
    ]
    part = 'rosenbrock'
    for (const [k, task] of isWanted(part) ? tasks.entries() : []) {
      const { runs, title } = task
      progress(`Rosenbrock, ${runs} runs, ${title}`)
      const setting = { dtype: 'float32', runs }
      const mine = threads.map((count) => ours(task, { threads: count }))
      const all = []
      const best = []
      for (const count of noJax ? [] : threads) {
        all.push(await jax(task, 'rosenbrock', count, runs, 1))
        best.push(await bestJax(task, 'rosenbrock', count, task.few))
      }
      const c = limits && k === 0 ? [inC(task, 512)] : []
      await compare(task, [...mine, ...all, ...best, ...c], (one) => !isJax(one))
      const on = (i) => (i === 0 ? 'one thread' : `${threads[i]} threads`)
      for (const [i, one] of all.entries()) {
        const wanted = k === 0 ? [{ least: 3 }, { least: 1.5 }] : []
        against(`Rosenbrock, ${title}: jax, all at once, ${on(i)}`, setting, mine[i], one, wanted[0])
        const what = `Rosenbrock, ${title}: at its best, ${best[i].name}, ${on(i)}`
        against(what, setting, mine[i], best[i], wanted[1])
      }
      if (mine.length > 1) {
        const what = `Rosenbrock, ${title}: one thread to two`
        against(what, setting, mine[1], mine[0], k === 0 ? { least: 1.8 } : undefined)
      }
      for (const one of c) {
        const what = `Rosenbrock, ${title}: ours to ${one.name}, one thread`
        against(what, setting, one, mine[0], { most: 1.45 })
      }
      for (const one of [...all, ...best]) await one.drop()
    }

    part = 'exponential'
    const ratios = [
      ['float64', 2.5, 1.8],
      ['float32', 2, 1.4],
    ]
    for (const [dtype, wanted, wantedAvx2] of isWanted(part) ? ratios : []) {
      const runs = 2000
      const task = { problem: exponential, dtype, runs, tolerance: 1e-9, most: quick ? 100 : 500 }
      const setting = { dtype, runs }
      progress(`exponential, ${dtype}, ${runs} runs`)
      const some = ['avx512', 'avx2'].filter((set) => sets.includes(set))
      const mine = some.map((instructionSet) => ours(task, { threads: 1, instructionSet }))
      if (mine.length === 0) mine.push(ours(task, { threads: 1 }))
      if (noJax) continue
      const theirs = [
        await jax(task, 'exponential', 1, runs, 1),
        await bestJax(task, 'exponential', 1, 20),
        await bestJax(task, 'exponential by row', 1, 20),
      ]
      await compare(task, [...mine, ...theirs], (one) => !isJax(one))
      for (const [i, one] of mine.entries()) {
        const least = { avx512: wanted, avx2: wantedAvx2 }[some[i]]
        for (const [k, other] of theirs.entries()) {
          const batch = k === 0 ? other.name : `at its best, ${other.name}`
          const target = k === 0 && least !== undefined ? { least } : undefined
          against(`exponential: ${batch}, to ${some[i] ?? 'ours'}, one thread`, setting, one, other, target)
        }
      }
      for (const one of theirs) await one.drop()
    }

    const instructionSet = sets.includes('avx2') ? 'avx2' : undefined
    part = 'wasm'
    const speeds = [
      [rosenbrock, 'float32', 40_000, 1000, 0.5],
      [rosenbrock, 'float64', 20_000, 1000, 0.5],
      [exponential, 'float32', 1000, 500, 0.35],
      [exponential, 'float64', 1000, 500, 0.35],
    ]
    for (const [problem, dtype, runs, most, least] of isWanted(part) ? speeds : []) {
      const task = { problem, dtype, runs: size(runs), tolerance: 1e-9, most }
      progress(`${problem.name}, ${dtype}: WebAssembly`)
      const [wasm, byAddon] = [
        ours(task, { engine: 'wasm' }),
        ours(task, { threads: 1, ...(instructionSet && { instructionSet }) }),
      ]
      await compare(task, [wasm, byAddon])
      const what = `${problem.name}: WebAssembly's speed, of the addon's (${instructionSet ?? 'this machine'})`
      against(what, { dtype, runs: task.runs }, wasm, byAddon, { least })
    }

    part = 'loop'
    for (const dtype of isWanted(part) ? ['float32', 'float64'] : []) {
      progress(`minimize in a loop, ${dtype}`)
      const task = { ...updates, dtype, runs: size(100_000), most: 1000 }
      const few = quick ? 20 : 500
      const many = ours(task, { threads: 1 })
      const both = ours(task, { threads: 2 })
      await compare(task, [many, both])
      const loop = oneByOne(task, few)
      await checkLoop(loop, many, few)
      for (const one of [many, both]) one.samples = []
      for (let round = 0; round < rounds; round++) {
        for (const one of round % 2 === 0 ? [loop, many, both] : [both, many, loop]) {
          one.samples.push(await one.run())
        }
      }
      const setting = { dtype, runs: task.runs }
      against(`Rosenbrock: minimize run by run (${loop.engine}), to one thread`, setting, many, loop, {
        least: 25,
      })
      against(`Rosenbrock: minimize run by run (${loop.engine}), to two threads`, setting, both, loop)
    }

    part = 'newton'
    for (const n of isWanted(part) ? [10, 30] : []) {
      progress(`Newton's method, ${n} parameters`)
      const options = { engine: 'native', threads: 1 }
      const [written, matrix] = [false, true].map((usesMatrix) => newtonLanes(n, usesMatrix, options))
      const samples = { written: [], matrix: [] }
      for (let round = 0; round < rounds; round++) {
        samples.written.push(written.run())
        samples.matrix.push(matrix.run())
      }
      const [slow, fast] = [samples.written, samples.matrix].map((all) => summary(all).median.toFixed(0))
      const what = `Newton's method, ${n} parameters: a program without matrices, to one with an instruction on matrices`
      const detail = `${fast} and ${slow} ns a run and evaluation`
      const wanted = n === 30 ? { least: 2 } : undefined
      add(
        what,
        { dtype: 'float64', runs: matrix.runs },
        ratio(samples.written, samples.matrix),
        wanted,
        detail,
      )
    }

    part = 'size'
    if (!isWanted(part)) return { rows: table, skipped, versions }
    const [without_, with_] = await Promise.all([
      weigh("export { adamw, Optimizer } from 'antigrad'"),
      weigh("export { adamw, expression, minimizeMany, Optimizer } from 'antigrad'"),
    ])
    const more = summary([(with_ - without_) / 1000])
    const detail = `${(with_ / 1000).toFixed(1)} and ${(without_ / 1000).toFixed(1)} kB`
    const what = 'a browser’s bundle, gzipped: what expression and minimizeMany add to Optimizer and adamw'
    add(what, { dtype: '', runs: 0 }, more, { most: 30 }, detail, 'kB')
  } finally {
    for (const one of hosts.values()) one.close()
    rmSync(folder, { recursive: true, force: true })
  }
  return { rows: table, skipped, versions }
}

/** The first runs of a task by `minimize`, sequentially. */
function oneByOne({ problem, dtype, runs, tolerance, most }, few) {
  const columns = Object.values(startsOf(problem, dtype, runs))
  const starts = Array.from({ length: few }, (_, i) => arrayOf[dtype].from(columns, (column) => column[i]))
  return {
    name: 'minimize',
    samples: [],
    run() {
      const start = process.hrtime.bigint()
      this.found = starts.map((x) => minimize(problem.f, x, rule, { tolerance, maxIterations: most }))
      return Number(process.hrtime.bigint() - start)
    },
    perUpdate() {
      return this.samples.map((ns) => ns / this.updates)
    },
  }
}

/** Checks that sequential runs have the same bits as `minimizeMany`. */
async function checkLoop(loop, many, few) {
  loop.run()
  loop.updates = sum(loop.found.map(({ iterations }) => iterations))
  loop.engine = loop.found[0].engine
  const { x, iterations } = many.found()
  for (let i = 0; i < few; i++) {
    const one = loop.found[i]
    const isSame = Object.values(x).every((column, p) => Object.is(column[i], one.x[p]))
    if (isSame && one.iterations === iterations[i]) continue
    throw new Error(`minimize and minimizeMany differ in run ${i}`)
  }
}

/**
 * Similarity of two results: bit equality, the ratio of all updates, and the fraction of runs whose ends are within a
 * thousandth of the box.
 */
function differences(mine, other, { problem }) {
  const names = Object.keys(problem.box)
  const runs = mine.iterations.length
  let [near, exact, same] = [0, 0, 0]
  for (let i = 0; i < runs; i++) {
    const apart = names.map((name) => {
      const [from, to] = problem.box[name]
      return Math.abs(mine.x[name][i] - other.x[name][i]) / (to - from)
    })
    near += Number(apart.every((distance) => distance <= 1e-3))
    const isSameCount = mine.iterations[i] === other.iterations[i]
    same += Number(isSameCount)
    exact += Number(isSameCount && apart.every((distance) => distance === 0))
  }
  const counts = [sum(mine.iterations), sum(other.iterations)]
  return {
    isSame: exact === runs,
    iterations: Math.min(...counts) / Math.max(...counts),
    sameIterations: same / runs,
    x: near / runs,
  }
}

/** Gzipped size of a bundle in bytes. */
async function weigh(contents) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: here('../..') },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'warning',
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}
