/** Batches of runs on workers, for tests in a page. */

import * as antigrad from 'antigrad'
import { workerDigests } from './worker-digests.js'

const { adam, expression, minimizeMany, workers } = antigrad
const bowl = expression('(x - 1)^2 + (y + 1)^2')
const hill = expression('sin(x)*cos(y) + exp(-x^2)')

const starts = (count: number) => {
  const column = (k: number) => Float64Array.from({ length: count }, (_, run) => ((run * k) % 97) / 50)
  return { x: column(31), y: column(17) }
}

/** The exception or the result of a call. */
async function outcome(work: () => Promise<unknown>) {
  try {
    return { value: await work() }
  } catch (thrown) {
    const { name, message } = thrown as Error
    return { name, message, isOurs: thrown instanceof antigrad.AntigradError }
  }
}

/** A batch that runs until its signal is aborted. */
const endless = (options: object = {}) =>
  minimizeMany(hill, starts(20_000), adam({ lr: 1e-6 }), { tolerance: 0, maxIterations: 1e9, ...options })

Object.assign(globalThis, {
  digests: (threads: number, url?: string) =>
    workerDigests({ threads, workers: workers(url === undefined ? {} : { url }) }),

  /** Short runs with the reports of their workers. */
  async short(options: antigrad.MinimizeManyOptions = {}, url?: string) {
    const running = { workers: workers(url === undefined ? {} : { url }), threads: 2, ...options }
    return outcome(async () => {
      const { x, engine, engineReasons } = await minimizeMany(bowl, starts(1000), adam({ lr: 0.1 }), running)
      const alone = await minimizeMany(bowl, starts(1000), adam({ lr: 0.1 }))
      const isSame = x.x.every((value, run) => Object.is(value, alone.x.x[run]))
      return { engine, isSame, said: engineReasons.filter((reason) => reason.startsWith('workers: ')) }
    })
  },

  async aborted() {
    const told: number[] = []
    const controller = new AbortController()
    const work = outcome(() =>
      endless({
        threads: 2,
        workers: workers(),
        signal: controller.signal,
        onProgress: (k: number) => told.push(k),
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 500))
    const began = performance.now()
    controller.abort(new Error('enough'))
    const result = await work
    return { result, told, waited: performance.now() - began }
  },

  progress: async () => {
    const told: number[][] = []
    const onProgress = (...of: number[]) => told.push(of)
    const options = { maxIterations: 3, threads: 2, onProgress, workers: workers() }
    await minimizeMany(bowl, starts(150_000), adam(), options)
    return told
  },

  /** Makes many calls at once. */
  async crowd(count: number) {
    const one = async (k: number) => {
      const result = await minimizeMany(bowl, starts(500 + k), adam({ lr: 0.1 }), {
        threads: 2,
        workers: workers(),
      })
      return result.reason.every((reason) => antigrad.minimizeReasons[reason] === 'converged')
    }
    return (await Promise.all(Array.from({ length: count }, (_, k) => one(k)))).filter(Boolean).length
  },

  endless: () => void endless({ threads: 2, workers: workers() }),
})
