// The comparison: all libraries do the same work, are checked, and take turns.
import { ratio, summary } from '../lib/measure.mjs'
import { Host } from './processes.mjs'
import { ours, rivals } from './rivals.mjs'
import {
  CHECKED_STEPS,
  errorOf,
  lengthsOf,
  measuring,
  parametersOf,
  probes,
  reference,
  settings,
  shapesOf,
  TOLERANCE,
} from './values.mjs'

/** Maximum nanoseconds of a step. Sizes with longer steps are skipped, because a round would take seconds. */
const LONGEST_STEP = 1e9

/** From this number of parameters on, the time of a step is proportional to it and can be extrapolated. */
const LINEAR_FROM = 100_000

/** Milliseconds between samples, so that spinning threads of one library do not slow another one. */
const PAUSE = 5

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/** The processes of the libraries, started on first use. */
export class Hosts {
  #open = new Map()
  /** Versions of the libraries, by id. */
  versions = {}

  async get(participant, threads) {
    // JavaScript libraries set the number of threads per optimizer and share a process. In Python it is set per
    // process.
    const key = participant.python ? `${participant.id} ${threads}` : participant.id
    let host = this.#open.get(key)
    if (host === undefined || host.ended) {
      host = new Host(participant.host(threads))
      this.#open.set(key, host)
      this.versions[participant.id] = await host.ask('open').catch((error) => {
        // The failed process is closed. The next rule starts another one.
        host.close()
        throw error
      })
    }
    return host
  }

  /** Ends the Node processes, whose compiler would otherwise be influenced by the previous rule. */
  closeNode() {
    for (const [key, host] of this.#open) {
      if (key.includes(' ')) continue
      host.close()
      this.#open.delete(key)
    }
  }

  close() {
    for (const host of this.#open.values()) host.close()
  }
}

/** Thrown if a step takes too long. */
class Cut extends Error {
  constructor(ns) {
    super(`cut: a step takes ${(ns / 1e9).toFixed(1)} s`)
    this.ns = ns
  }
}

/** A participant with one rule, size and number of threads. */
class Entrant {
  samples = []
  error = null
  isComparable = true

  constructor(participant, threads, host) {
    Object.assign(this, { participant, threads, host })
  }
}

/**
 * For each rule and size, all participants are created, checked against the reference, and then measured in rounds. A
 * sample consists of `count` consecutive steps, after one untimed step.
 *
 * @returns { rows, notRun }
 */
export async function compare({ rules, sizes, chosen, threads, hosts, rounds, milliseconds, progress }) {
  const rows = []
  const notRun = []
  /** Nanoseconds per parameter of a step at the previous size, by library and rule, to predict larger sizes. */
  const pace = new Map()
  for (const rule of rules) {
    for (const size of sizes.filter((size) => shapesOf(rule, size))) {
      progress(`${rule}, ${size}`)
      const skip = (participant, count, why) => {
        const what = { rival: participant.name, rule, size, threads: count, why }
        notRun.push(what)
        progress(`  ${participant.name}: ${why}`)
      }
      const entrants = []
      for (const participant of [ours, ...rivals]) {
        if (!chosen(participant) || !participant.rules.includes(rule)) continue
        for (const count of participant.threads.filter((n) => threads.includes(n))) {
          const key = `${participant.id} ${count} ${rule}`
          const predicted = (pace.get(key) ?? 0) * parametersOf(size)
          if (predicted > LONGEST_STEP) {
            skip(participant, count, `cut: a step would take about ${(predicted / 1e9).toFixed(1)} s`)
            continue
          }
          try {
            entrants.push(new Entrant(participant, count, await hosts.get(participant, count)))
          } catch ({ message }) {
            skip(participant, count, message)
          }
        }
      }
      const exact = async (options) => {
        const args = { rule, length: parametersOf(size), indices: probes(parametersOf(size)), options }
        const host = await hosts.get(ours, 1)
        return (await host.ask('call', { method: 'reference', args })).values
      }
      await measureCell(entrants, { rule, size, rounds, milliseconds, skip, exact })
      for (const { participant, threads: count, samples, step: calibrated } of entrants) {
        const step = samples.length > 0 ? summary(samples).median : calibrated
        if (step === undefined || parametersOf(size) < LINEAR_FROM) continue
        pace.set(`${participant.id} ${count} ${rule}`, step / parametersOf(size))
      }
      const done = entrants.filter(({ samples }) => samples.length > 0)
      for (const entrant of done) {
        const { participant, threads: count } = entrant
        const same = done.find((other) => other.participant === ours && other.threads === count)
        rows.push({
          rule,
          size,
          rival: participant.name,
          id: participant.id,
          threads: count,
          about: entrant.about,
          error: entrant.error,
          isComparable: entrant.isComparable,
          nsPerStep: summary(entrant.samples),
          // The time relative to antigrad with the same number of threads, round by round.
          ratio: participant === ours || !same ? null : ratio(entrant.samples, same.samples),
        })
      }
    }
    hosts.closeNode()
  }
  return { rows, notRun }
}

/** Creates, checks and calibrates all participants of one rule and size, and takes the samples. */
async function measureCell(entrants, { rule, size, rounds, milliseconds, skip, exact }) {
  const running = []
  const known = new Map()
  /** Reference values in float64: elementwise rules from values.mjs, all others from antigrad. */
  const expect = async ({ options, eps, epsInRoot }) => {
    const count = parametersOf(size)
    if (!measuring[rule]) return reference(rule, count, probes(count), { eps, epsInRoot })
    const key = JSON.stringify(options ?? {})
    if (!known.has(key)) known.set(key, await exact(options))
    return known.get(key)
  }
  for (const [id, entrant] of entrants.entries()) {
    entrant.ask = (call, args) => entrant.host.ask(call, { id, ...args })
    try {
      await make(entrant, rule, size, expect)
      await calibrate(entrant, milliseconds * 1e6)
      running.push(entrant)
    } catch (error) {
      if (error instanceof Cut) entrant.step = error.ns
      else if (entrant.participant === ours) throw error
      skip(entrant.participant, entrant.threads, error.message)
    }
  }
  for (let round = 0; round < rounds; round++) {
    for (const entrant of round % 2 === 0 ? [...running] : [...running].reverse()) {
      await sleep(PAUSE)
      try {
        // An untimed step restores the cache contents. A long step exceeds the caches anyway.
        if (!entrant.isLong) await entrant.ask('run', { count: 1 })
        const { ns } = await entrant.ask('run', { count: entrant.count })
        entrant.samples.push(ns / entrant.count)
      } catch (error) {
        if (entrant.participant === ours) throw error
        skip(entrant.participant, entrant.threads, error.message)
        entrant.samples = []
        running.splice(running.indexOf(entrant), 1)
      }
    }
  }
  for (const { ask } of entrants) await ask('drop').catch(() => {})
}

/** Creates a participant and checks its result before it is timed. */
async function make(entrant, rule, size, expect) {
  const { ask, participant, threads } = entrant
  const indices = probes(parametersOf(size))
  entrant.about = await ask('make', {
    rule,
    lengths: lengthsOf(size),
    shapes: shapesOf(rule, size),
    threads,
    settings: { ...settings, ...measuring[rule] },
  })
  await ask('gradients', { k: 1 })
  await ask('run', { count: 1 }) // The first step may include compilation.
  const { ns } = await ask('run', { count: 1 })
  if (ns > 3 * LONGEST_STEP) throw new Cut(ns)
  await ask('run', { count: CHECKED_STEPS - 2 })
  await ask('gradients', { k: 2 })
  await ask('run', { count: CHECKED_STEPS })
  const { values } = await ask('read', { indices })
  // JSON converts NaN to null.
  const found = values.map((x) => x ?? Number.NaN)
  entrant.error = errorOf(found, await expect(entrant.about), indices)
  entrant.isComparable = entrant.error <= TOLERANCE
  if (!entrant.isComparable && participant === ours) {
    throw new Error(`antigrad is off by ${entrant.error} of the movement in ${rule}, ${size}: a bug`)
  }
}

/** Determines the number of steps per sample, which also warms up compilers. */
async function calibrate(entrant, wanted) {
  // For short steps, the shortest of three batches counts.
  const batch = async (count) => {
    let shortest = Number.POSITIVE_INFINITY
    for (let i = 0; i < 3; i++) {
      const { ns } = await entrant.ask('run', { count })
      shortest = Math.min(shortest, ns)
      if (ns > wanted * 5) break
    }
    return shortest
  }
  let count = 1
  let ns = await batch(count)
  while (ns < wanted / 2) {
    count *= 2
    ns = await batch(count)
  }
  const step = ns / count
  if (step > LONGEST_STEP) throw new Cut(step)
  entrant.step = step
  entrant.isLong = step > wanted
  entrant.count = Math.max(1, Math.round(wanted / step))
}
