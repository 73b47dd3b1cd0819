// Many fits: compares `fitMany` with SciPy's curve_fit in a loop, ml-levenberg-marquardt and fmin. Every fit has
// different data, which all libraries share, and no other library may reach a smaller χ².
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { bootstrap, fitMany, fitManySync, fit as fitOne, profileSync } from '../../dist/fits/index.js'
import { engines, expression } from '../../dist/index.js'
import { Host } from '../peers/processes.mjs'
import { ratio, summary } from './measure.mjs'
import { buildCeres, ceresOf, dataOf, oursOf, ROWS as rowsOfGroup, sciPyOf } from './shared.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const model = expression('a*exp(-b*t) + c')
const start = [1, 1, 0]
const names = ['a', 'b', 'c']
const ROWS = 40
/** Milliseconds between samples, so that spinning threads of one library do not slow another one. */
const PAUSE = 20
/** Relative amount by which our χ² may exceed that of another library, for rounding if both have converged. */
const ROUNDING = 1e-9
/** Relative tolerance of interval endpoints against lmfit, whose root finder stops early. */
const ROUGH = 1e-3

const t = Array.from({ length: ROWS }, (_, k) => k / 10)

/** Curves that differ between fits, and data points with small deviations from them. */
function columnsOf(fits) {
  const spread = (fit, factor, [from, to]) =>
    from + ((to - from) * (Math.imul(fit + 1, factor) >>> 8)) / 2 ** 24
  return Array.from({ length: fits }, (_, fit) => {
    const [a, b, c] = [
      spread(fit, 0x9e3779b1, [1, 4]),
      spread(fit, 0x85ebca6b, [0.5, 2]),
      spread(fit, 0xc2b2ae35, [-1, 1]),
    ]
    const noise = (k) => (((k * 37 + fit * 11) % 41) / 41 - 0.5) / 25
    return Float64Array.from(t, (at, k) => a * Math.exp(-b * at) + c + noise(k))
  })
}

function chiSquared([a, b, c], y) {
  let sum = 0
  for (let k = 0; k < ROWS; k++) {
    const off = a * Math.exp(-b * t[k]) + c - y[k]
    sum += off * off
  }
  return sum
}

/** The same function with derivatives, as required by fmin's conjugate gradients. */
function withSlopes([a, b, c], y, slopes) {
  let sum = 0
  slopes.fill(0)
  for (let k = 0; k < ROWS; k++) {
    const e = Math.exp(-b * t[k])
    const off = a * e + c - y[k]
    sum += off * off
    slopes[0] += 2 * off * e
    slopes[1] -= 2 * off * a * t[k] * e
    slopes[2] += 2 * off
  }
  return sum
}

/** Parts that can be measured separately. */
export const fitParts = ['scipy', 'bootstrap', 'profile', 'shared', 'ceres', 'javascript', 'engines']

/** Measures fits and returns rows as `measureMany` does. */
export async function measureFits({ rounds, quick, missing, only, progress }) {
  const isWanted = (part) => only?.includes(part) ?? true
  const fits = quick ? 5000 : 20_000
  const columns = columnsOf(fits)
  const table = []
  const skipped = []
  const versions = {}

  const add = (what, figure, wanted, detail, count = fits) => {
    const met = wanted === undefined ? null : figure.high >= wanted.least
    table.push({
      what,
      dtype: 'float64',
      runs: count,
      figure,
      unit: '×',
      wanted: wanted ?? null,
      met,
      detail,
    })
    const { median, low, high } = figure
    progress(`${what}: ${median.toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)}); ${detail}`)
  }
  const microseconds = ({ samples }) => (summary(samples).median / 1000).toPrecision(3)
  /** Adds a row with the time per fit of another library relative to ours. */
  const against = (what, mine, other, wanted) =>
    add(
      what,
      ratio(other.samples, mine.samples),
      wanted,
      `${microseconds(mine)} and ${microseconds(other)} µs a fit${other.off ?? ''}`,
    )

  const ours = (options, fitted = fitManySync, times = t) => ({
    count: fits,
    async run() {
      const from = process.hrtime.bigint()
      this.result = await fitted(model, { t: times, y: columns }, { start: { a: 1, b: 1, c: 0 }, ...options })
      return Number(process.hrtime.bigint() - from)
    },
    found() {
      const { values } = this.result
      return columns.map((_, fit) => names.map((name) => values[name][fit]))
    },
  })

  /** Sequential fits of the first columns. */
  const inLoop = (count, fitted) => ({
    count,
    run() {
      const from = process.hrtime.bigint()
      this.all = columns.slice(0, count).map(fitted)
      return Number(process.hrtime.bigint() - from)
    },
    found() {
      return this.all
    },
  })

  const fitAlone = (y) => {
    const { values } = fitOne(model, { t, y }, { start: { a: 1, b: 1, c: 0 } })
    return names.map((name) => values[name])
  }

  let made = 0
  const inSciPy = async (host, count, jac) => {
    const id = made++
    await host.ask('make', { id, jac, t, y: columns.slice(0, count).map((y) => [...y]), start })
    return {
      count,
      run: async () => (await host.ask('run', { id })).ns,
      found: async () => (await host.ask('found', { id })).values,
    }
  }

  /** Takes samples in turns. Each follows an untimed call, because the other libraries have filled the caches. */
  const inTurns = async (all) => {
    for (const one of all) one.samples = []
    for (let round = 0; round < rounds; round++) {
      for (const one of round % 2 === 0 ? all : [...all].reverse()) {
        await new Promise((resolve) => setTimeout(resolve, PAUSE))
        await one.run()
        one.samples.push((await one.run()) / one.count)
      }
    }
  }

  /** Runs every library once, compares its χ² with ours, and then takes the samples. */
  const compare = async (mine, others) => {
    const all = [mine, ...others]
    for (const one of all) {
      await one.run()
      const found = await one.found()
      const own = mine.found()
      const offs = found.map(
        (values, fit) => chiSquared(values, columns[fit]) / chiSquared(own[fit], columns[fit]) - 1,
      )
      const least = offs.reduce((a, b) => Math.min(a, b), Infinity)
      const most = offs.reduce((a, b) => Math.max(a, b), -Infinity)
      if (!(least >= -ROUNDING)) throw new Error(`A χ² of another one is less than ours by ${-least} of it`)
      if (most > ROUNDING) one.off = `, whose χ² is up to ${most.toPrecision(2)} larger`
    }
    await inTurns(all)
  }

  const without = (what, why) => {
    skipped.push(`${what}: ${why}`)
    progress(`Without ${what}: ${why}`)
  }
  if (!engines().native.available) throw new Error('The addon is not there: there is nothing to compare.')
  const [one, two] = [ours({ engine: 'native', threads: 1 }), ours({ engine: 'native', threads: 2 })]
  const threads = availableParallelism() > 1 ? [two] : []

  const withSciPy = async (measure) => {
    if (missing.scipy) return without('SciPy', missing.scipy)
    const host = new Host({
      command: here('../peers/.venv/bin/python'),
      args: [here('../peers/fits.py')],
      ipc: false,
    })
    try {
      Object.assign(versions, await host.ask('open'))
      await measure(host)
    } finally {
      host.close()
    }
  }

  if (isWanted('scipy')) {
    await withSciPy(async (host) => {
      const count = quick ? 100 : 500
      const [plain, exact] = [await inSciPy(host, count, false), await inSciPy(host, count, true)]
      const single = inLoop(count, fitAlone)
      await compare(one, [...threads, plain, exact, single])
      against('curve_fit in a loop, to `fit` in a loop', single, plain, { least: 3 })
      against('curve_fit in a loop, to one thread', one, plain, { least: 60 })
      against('… with exact derivatives', one, exact)
      for (const both of threads) {
        against('curve_fit in a loop, to two threads', both, plain, { least: 100 })
        against('… with exact derivatives', both, exact)
      }
    })
  }

  if (isWanted('bootstrap')) {
    await withSciPy(async (host) => {
      const count = 1000
      await host.ask('make', { id: 'bootstrap', count, t, y: [[...columns[0]]], start })
      const scipy = { count, run: async () => (await host.ask('run', { id: 'bootstrap' })).ns }
      const resampled = (threads) => {
        const options = { start: { a: 1, b: 1, c: 0 }, engine: 'native', threads }
        const found = fitOne(model, { t, y: columns[0] }, options)
        const run = () => {
          const from = process.hrtime.bigint()
          bootstrap(found, { count }).intervals(0.95, 'percentile')
          return Number(process.hrtime.bigint() - from)
        }
        // Warm-up: the code is compiled after a few calls.
        for (let k = 0; k < 100; k++) run()
        return { count, run }
      }
      const [alone, both] = [resampled(1), resampled(2)]
      await inTurns([scipy, alone, both])
      against('a bootstrap of 1,000 by curve_fit in a loop, to one thread', alone, scipy, { least: 60 })
      if (threads.length > 0) against('… to two threads', both, scipy)
    })
  }

  if (isWanted('profile')) {
    await withSciPy(async (host) => {
      const [count, few] = [1000, 10]
      const given = { t, y: columns.slice(0, few).map((y) => [...y]), start }
      await host.ask('make', { id: 'profile', profile: true, ...given })
      const lmfit = { count: few, run: async () => (await host.ask('run', { id: 'profile' })).ns }
      const profiles = (threads) => {
        const options = { start: { a: 1, b: 1, c: 0 }, engine: 'native', threads }
        const found = fitManySync(model, { t, y: columns.slice(0, count) }, options)
        const run = () => {
          const from = process.hrtime.bigint()
          ends = profileSync(found)
          return Number(process.hrtime.bigint() - from)
        }
        return { count, run }
      }
      let ends
      const [alone, both] = [profiles(1), profiles(2)]
      await inTurns([lmfit, alone, both])
      const { intervals } = await host.ask('found', { id: 'profile' })
      for (const [fit, own] of intervals.entries()) {
        for (const [k, name] of names.entries()) {
          const [low, high] = own[k]
          const [a, b] = [ends[name].low[fit], ends[name].high[fit]]
          const off = Math.max(Math.abs(a - low), Math.abs(b - high)) / (b - a)
          if (!(off < ROUGH)) throw new Error(`An end of lmfit's is off from ours by ${off} of the interval`)
        }
      }
      against('1,000 profiles of 3 parameters by conf_interval in a loop, to one thread', alone, lmfit, {
        least: 500,
      })
      if (threads.length > 0) against('… to two threads', both, lmfit)
    })
  }

  /** Groups with two local and two shared parameters. */
  const sizes = [
    [1000, 15],
    [10_000, 25],
  ]
  const milliseconds = ({ samples }) => (summary(samples).median / 1e6).toPrecision(3)
  const ofGroups = (what, mine, other, groups, least) =>
    add(
      `${groups.toLocaleString('en')} groups of ${rowsOfGroup} rows, two shared parameters: ${what}`,
      ratio(other.samples, mine.samples),
      { least },
      `${milliseconds(mine)} and ${milliseconds(other)} ms`,
      groups,
    )
  /** A call after some warm-up calls, so that its code is compiled. */
  const warm = (mine) => {
    for (let k = 0; k < 100; k++) mine.run()
    return mine
  }
  if (isWanted('shared')) {
    await withSciPy(async (host) => {
      for (const [groups, least] of sizes) {
        const data = dataOf(groups)
        const mine = warm(oursOf(data))
        const scipy = await sciPyOf(host, data, mine)
        await inTurns([mine, scipy])
        ofGroups("SciPy's trf and lsmr, exact sparse Jacobian, to fitShared", mine, scipy, groups, least)
      }
    })
  }
  if (isWanted('ceres')) {
    const { program, missing: why } = buildCeres()
    if (why) without('Ceres', why)
    else {
      for (const [groups] of sizes) {
        const data = dataOf(groups)
        const mine = warm(oursOf(data))
        const all = ceresOf(program, data, mine)
        await inTurns([mine, ...all])
        const time = ({ samples }) => summary(samples).median
        const quickest = all.reduce((best, one) => (time(one) < time(best) ? one : best))
        ofGroups(`Ceres, ${quickest.way} Schur complement, to fitShared`, mine, quickest, groups, 3)
      }
    }
  }

  if (isWanted('javascript')) {
    if (missing.javascript) without('ml-levenberg-marquardt and fmin', missing.javascript)
    else {
      const require = createRequire(new URL('../peers/', import.meta.url))
      const { levenbergMarquardt } = await import(require.resolve('ml-levenberg-marquardt'))
      // fmin is an ES module that exports through a global, and its Nelder-Mead assigns to an undeclared variable.
      await import(require.resolve('fmin'))
      globalThis.i = 0
      const { conjugateGradient, nelderMead } = globalThis.fmin
      // ml-levenberg-marquardt stops at a given χ² or after a given number of iterations.
      const byLm = (maxIterations) => (y) =>
        levenbergMarquardt(
          { x: t, y },
          ([a, b, c]) =>
            (x) =>
              a * Math.exp(-b * x) + c,
          {
            ...{ initialValues: start, gradientDifference: 1e-6, errorTolerance: 1e-15, maxIterations },
          },
        ).parameterValues
      const few = quick ? 20 : 100
      const forever = inLoop(few, byLm(100))
      const told = inLoop(few, byLm(10))
      // fmin overwrites the starting point.
      const simplex = inLoop(
        few,
        (y) => nelderMead((x) => chiSquared(x, y), [...start], { minErrorDelta: 1e-10 }).x,
      )
      const gradients = inLoop(
        few,
        (y) => conjugateGradient((x, slopes = [0, 0, 0]) => withSlopes(x, y, slopes), start).x,
      )
      await compare(one, [forever, told, simplex, gradients])
      against('ml-levenberg-marquardt, 100 iterations, its default', one, forever, { least: 500 })
      against('… told that 10 will do', one, told)
      against('fmin, nelderMead', one, simplex, { least: 100 })
      against('… conjugateGradient with exact derivatives', one, gradients)
    }
  }

  if (isWanted('engines')) {
    const wasm = ours({ engine: 'wasm' })
    const alone = inLoop(quick ? 20 : 100, fitAlone)
    const own = columns.map(() => Float64Array.from(t))
    const later = [t, own].flatMap((times) =>
      [1, 2].map((threads) => ours({ engine: 'native', threads }, fitMany, times)),
    )
    await compare(one, [...threads, ...(threads.length > 0 ? later : []), wasm, alone])
    against("WebAssembly's speed, of the addon's on one thread", wasm, one, { least: 0.3 })
    for (const both of threads) {
      against('one thread to two, fitManySync', both, one)
      against('… fitMany', later[1], later[0], { least: 1.85 })
      against('… fitMany, where each fit has its own t', later[3], later[2], { least: 1.7 })
    }
    against('`fit` in a loop, to one thread', one, alone)
  }
  return { rows: table, skipped, versions }
}
