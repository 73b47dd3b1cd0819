// antigrad: gradients are written to `optimizer.grads`, from which `step()` reads them.
import { performance } from 'node:perf_hooks'
import * as antigrad from '../../../dist/index.js'
import { CHECKED_STEPS, measuring, pick, settings, shapesOf, values } from '../values.mjs'

const { adagrad, adam, adamw, engines, Optimizer, radam, rmsprop, sgd } = antigrad

const { lr, momentum, weightDecay, norm } = settings
const rules = {
  adam: adam({ lr }),
  adamw: adamw({ lr, weightDecay }),
  sgd: sgd({ lr, momentum }),
  adagrad: adagrad({ lr }),
  rmsprop: rmsprop({ lr }),
  radam: radam({ lr }),
  train: adamw({ lr, weightDecay }),
}

const isMeasuring = (rule) => Object.hasOwn(measuring, rule)

/** @param options options in which another library differs */
function ruleOf(rule, options = {}) {
  if (!isMeasuring(rule)) return rules[rule]
  // biome-ignore lint/performance/noDynamicNamespaceImportAccess: a rule may not be there yet
  return antigrad[rule]({ ...measuring[rule], ...options })
}

export const open = () => {
  const { available, instructionSets, threads } = engines().native
  return { native: available, instructionSet: instructionSets.at(-1) ?? 'no addon', cores: threads }
}

/** @param threads maximum number of threads, as for other libraries; antigrad may use fewer */
function optimizer(rule, lengths, threads) {
  const options = rule === 'train' ? { clip: { norm }, zeroGrads: true } : {}
  if (isMeasuring(rule)) options.shapes = shapesOf(rule, lengths[0])[0]
  // A single tensor is passed directly, as users do.
  const params = lengths.length === 1 ? values(lengths, 0)[0] : values(lengths, 0)
  const free = new Optimizer(params, ruleOf(rule), options)
  return free.threads <= threads ? free : new Optimizer(params, ruleOf(rule), { ...options, threads })
}

export function make(rule, lengths, threads) {
  const made = optimizer(rule, lengths, threads)
  const grads = lengths.length === 1 ? [made.grads] : made.grads
  const params = lengths.length === 1 ? [made.params] : made.params
  let given
  const fill = () => {
    for (let i = 0; i < grads.length; i++) grads[i].set(given[i])
  }
  return {
    about: { engine: made.engine, threads: made.threads },
    gradients: (k) => {
      given = values(lengths, k)
      fill()
    },
    run: (count) =>
      rule === 'train' || isMeasuring(rule) ? refilled(fill, made, count) : steps(made, count),
    read: (indices) => pick(params, indices),
  }
}

function steps(made, count) {
  for (let i = 0; i < count; i++) made.step()
}

/**
 * For rules whose step zeroes or overwrites gradients: new gradients are written before each step, which is not timed.
 * `gradientPoint()` counts as part of the step if the rule needs it.
 */
function refilled(fill, made, count) {
  let ns = 0n
  for (let i = 0; i < count; i++) {
    fill()
    const start = process.hrtime.bigint()
    made.point()
    made.step()
    ns += process.hrtime.bigint() - start
  }
  return Number(ns)
}

/** Reference values of a measuring rule in float64, after the checked steps. */
export function reference({ rule, length, indices, options }) {
  const made = new Optimizer(Float64Array.from(values([length], 0)[0]), ruleOf(rule, options), {
    shapes: shapesOf(rule, length)[0],
  })
  for (const k of [1, 2]) {
    const [given] = values([length], k)
    for (let i = 0; i < CHECKED_STEPS; i++) {
      made.grads.set(given)
      made.gradientPoint()
      made.step()
    }
  }
  return { values: pick([made.params], indices) }
}

/**
 * Latency of the event loop during one step, `rounds` times: the largest delay of a timer of 1 ms, in milliseconds.
 */
export async function latency({ size, rounds }) {
  const made = new Optimizer(values([size], 0)[0], rules.adam)
  made.grads.set(values([size], 1)[0])
  const kinds = {
    step: async () => made.step(),
    stepAsync: () => made.stepAsync(),
    nothing: () => new Promise((resolve) => setTimeout(resolve, 10)),
  }
  const worst = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]))
  const duration = Object.fromEntries(Object.keys(kinds).map((kind) => [kind, []]))
  for (let round = -2; round < rounds; round++) {
    for (const [kind, act] of Object.entries(kinds)) {
      const delay = watch()
      await sleep(5) // The timer must run before the step starts.
      const start = performance.now()
      await act()
      const end = performance.now()
      await sleep(5)
      const late = delay()
      if (round < 0) continue
      worst[kind].push(late)
      duration[kind].push(end - start)
    }
  }
  return {
    threads: made.threads,
    rounds,
    kinds: Object.keys(kinds).map((kind) => ({
      kind,
      worst: worst[kind],
      duration: duration[kind],
    })),
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** Starts a repeating timer of 1 ms. The returned function stops it and returns the largest delay. */
function watch() {
  let last = performance.now()
  let worst = 0
  let timer
  const tick = () => {
    const now = performance.now()
    worst = Math.max(worst, now - last - 1)
    last = now
    timer = setTimeout(tick, 1)
  }
  timer = setTimeout(tick, 1)
  return () => {
    clearTimeout(timer)
    return worst
  }
}
