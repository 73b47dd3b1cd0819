/** Hashes of the results of batches and fits, and the reports of workers, in Node and in a page with workers. */

import {
  adam,
  expression,
  type MinimizeManyOptions,
  type MinimizeManyResult,
  minimizeMany,
  radam,
  rprop,
} from 'antigrad'
import { bootstrap, fitMany, profile, profileIntervals, ruleMethod } from 'antigrad/fit'
import { arrayOf, digest, dtypes, noise, withOneNaN } from './bits.js'

type Running = Pick<MinimizeManyOptions, 'engine' | 'threads' | 'workers'>

/**
 * Several cohorts. The last cohort is smaller and not a multiple of a vector's width. More iterations would not change
 * how the runs are distributed.
 */
const RUNS = 9001
const FITS = 601

const valley = expression('(1 - x)^2 + 100*(y - x^2)^2 + sin(3*x)*exp(-y^2)')
const squares = expression('(a*t + b - z)^2')
const decay = expression('a*exp(-b*t) + c')

const t = Float64Array.from({ length: 20 }, (_, k) => k / 5)
const curve = (fit: number) =>
  noise(fit + 1, t.length, 'float64', 0.05).map((error, k) => error + 2 / (1 + t[k] * (0.5 + fit / FITS)))

const hash = (columns: readonly ArrayLike<number>[]) =>
  digest(columns.map((column) => withOneNaN(arrayOf.float64.from(column))))

const inRun = ({ x, value, gradientNorm, maxChange, iterations, reason, paths }: MinimizeManyResult) => [
  ...[...Object.values(x), value, gradientNorm, maxChange, iterations, reason],
  ...(paths === null ? [] : [paths.offsets, ...Object.values(paths.x)]),
]

/** The hashes by name, and all reports about workers. */
export async function workerDigests(running: Running) {
  const said = new Set<string>()
  const hashes: Record<string, string> = {}
  const found = (name: string, columns: readonly ArrayLike<number>[], reasons: readonly string[]) => {
    hashes[name] = hash(columns)
    for (const reason of reasons) if (reason.startsWith('workers: ')) said.add(reason)
  }
  for (const dtype of dtypes) {
    const start = { x: noise(1, RUNS, dtype, 2), y: noise(2, RUNS, dtype, 2) }
    const ways: Record<string, () => Promise<MinimizeManyResult>> = {
      adam: () => minimizeMany(valley, start, adam({ lr: 0.05 }), { maxIterations: 200, ...running }),
      rprop: () =>
        minimizeMany(valley, start, rprop(), { bounds: { x: [-1, 0.5] }, maxIterations: 150, ...running }),
      'radam, rates by run': () => {
        const lr = Array.from({ length: RUNS }, (_, run) => [0.01, 0.02, 0.05][run % 3])
        return minimizeMany(valley, start, radam(), { perRun: { lr }, maxIterations: 100, ...running })
      },
      paths: () => minimizeMany(valley, start, adam(), { recordEvery: 50, maxIterations: 120, ...running }),
      'data by run': () => {
        const z = Array.from({ length: RUNS }, (_, run) => noise(run + 1, 3 + (run % 2), 'float64', 1))
        const data = { t: z.map((one) => one.map((_, k) => k)), z }
        const starts = { a: start.x, b: start.y }
        return minimizeMany(squares, starts, adam({ lr: 0.1 }), { data, maxIterations: 100, ...running })
      },
    }
    for (const [name, way] of Object.entries(ways)) {
      const result = await way()
      found(`${name}, ${dtype}`, inRun(result), result.engineReasons)
    }
  }
  const y = Array.from({ length: FITS }, (_, fit) => curve(fit))
  const start = {
    a: { start: 1, min: 0, max: 9 },
    b: { start: 1, min: 0, max: 9 },
    c: { start: 0, min: -1, max: 1 },
  }
  const fits = {
    squares: {},
    'robust from several starts': { loss: 'huber', lossScale: 0.02, multiStart: 3 },
    profiles: { intervals: profileIntervals({ level: 0.9 }) },
    'by a rule': { method: ruleMethod(adam({ lr: 0.02 })), maxIterations: 200 },
  } as const
  for (const [name, options] of Object.entries(fits)) {
    const result = await fitMany(decay, { t, y }, { start, ...options, ...running })
    const { values, errors, chiSquared, evaluations, reason } = result
    const columns = [...Object.values(values), ...Object.values(errors), chiSquared, evaluations, reason]
    const intervals = [0, 1, FITS - 1].flatMap((fit) => Object.values(result.at(fit).intervals()))
    found(`fits, ${name}`, [...columns, ...intervals], result.engineReasons)
    if (name === 'squares') {
      // Concurrent calls. Each call ends or is aborted while other calls continue.
      const given = [0, 3, 6, 9, 12, 15, 20, 25, 30, 40, 50, 60, 80, 100, 150].map((milliseconds) =>
        profile(result, 'a', { signal: AbortSignal.timeout(milliseconds) }).catch(() => {}),
      )
      const [few, many, profiles] = await Promise.all([
        bootstrap(result, { count: 5, seed: 1 }),
        bootstrap(result, { count: 25, seed: 2 }),
        profile(result),
        ...given,
      ])
      found('bootstrap', Object.values(few.errors), [])
      found('bootstrap of more', Object.values(many.errors), [])
      const ends = Object.values(profiles).flatMap(({ low, high }) => [low, high])
      found('profiles beside them', ends, [])
    }
  }
  return { hashes, said: [...said] }
}
