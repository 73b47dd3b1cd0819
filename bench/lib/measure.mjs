// How the bench measures. A subject is { name, call }, or { name, call, run } where `run(times)` does
// with one call what `call` would do in `times` calls, or { name, call, timed } where `timed()` does
// some calls with something in between and says how many nanoseconds one took.
//
// Everything in a comparison is measured in rounds: each subject once a round, one behind the other, in
// an order that turns around from round to round. A ratio is taken within a round, so that what slows
// the machine for a while slows both of its sides; the figure is the median of the ratios, with an
// interval by order statistics that has the true median in it in at least 95 % of cases.
import Benchmark from 'benchmark'

/**
 * Nanoseconds of one call, by whichever clock suits its length:
 *
 * - from 1 µs to 1 ms benchmark.js: one of its cycles is a sample, with a count that it was given;
 * - shorter calls in batches by a loop of our own: benchmark.js's loop, compiled anew for each cycle,
 *   would be a good part of what it measures (a call of two parameters takes tens of nanoseconds);
 * - longer calls one by one: benchmark.js wants several cycles of each before it answers.
 */
export class Sampler {
  constructor(subject, milliseconds) {
    this.subject = subject
    this.nanoseconds = milliseconds * 1e6
    this.count = 1
  }

  /** Finds how many calls a sample needs, and lets the compiler see them. */
  calibrate() {
    if (this.subject.timed) {
      this.by = 'itself'
      return this
    }
    // The shortest of three: first calls are slow until the engine's compilers have seen them.
    const elapsed = () => Math.min(...[1, 2, 3].map(() => batch(this.subject, this.count)))
    let last = elapsed()
    while (last < this.nanoseconds / 2) {
      this.count *= 2
      last = elapsed()
    }
    this.count = Math.max(1, Math.round((this.count * this.nanoseconds) / last))
    const each = this.nanoseconds / this.count
    this.by = each < 1e3 ? 'batch' : each < 1e6 ? 'benchmark.js' : 'single calls'
    if (this.by === 'benchmark.js') {
      for (let i = 0; i < this.count; i++) this.subject.call()
      // One cycle of `count` calls: a minimum of time that it always passes keeps it from adding more.
      const options = { initCount: this.count, minTime: 1e-9, maxTime: 1e-9, minSamples: 1, async: false }
      this.benchmark = new Benchmark(this.subject.name, this.subject.call, options)
    }
    return this
  }

  /** One sample: nanoseconds a call. The call before it brings the caches into their usual state. */
  sample() {
    this.subject.call()
    if (this.by === 'itself') return this.subject.timed()
    if (this.by !== 'benchmark.js') return batch(this.subject, this.count) / this.count
    this.benchmark.reset().run()
    const { error, stats } = this.benchmark
    if (error) throw error
    return stats.sample[0] * 1e9
  }
}

function batch({ call, run }, count) {
  const start = process.hrtime.bigint()
  if (run) run(count)
  else for (let i = 0; i < count; i++) call()
  return Number(process.hrtime.bigint() - start)
}

/**
 * Measures subjects in `rounds` rounds.
 * @returns a function that gives the samples of a subject, nanoseconds a call, one a round
 */
export function measure(subjects, { rounds, milliseconds }) {
  const samplers = subjects.map((subject) => new Sampler(subject, milliseconds).calibrate())
  const samples = new Map(subjects.map((subject) => [subject, []]))
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? samplers : [...samplers].reverse()
    for (const sampler of order) samples.get(sampler.subject).push(sampler.sample())
  }
  return (subject) => samples.get(subject)
}

/** The median of figures and the interval of its order statistics. */
export function summary(figures) {
  const sorted = [...figures].sort((a, b) => a - b)
  const n = sorted.length
  const middle = n % 2 ? sorted[(n - 1) / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2
  const rank = intervalRank(n)
  return { median: middle, low: sorted[rank], high: sorted[n - 1 - rank], pairs: n }
}

/** The summary of the ratios of two lists of samples, round by round. */
export const ratio = (a, b) => summary(a.map((x, i) => x / b[i]))

/** The summary of one list of samples less another. */
export const difference = (a, b) => summary(a.map((x, i) => x - b[i]))

/**
 * How many of n sorted values may be left out at either end of the interval: the largest k for which
 * fewer than k of n fall below the median (each with probability ½) in at most 2.5 % of cases.
 */
export function intervalRank(n) {
  let probability = 2 ** -n
  let below = probability
  let k = 0
  while (below <= 0.025) {
    k++
    probability *= (n - k + 1) / k
    below += probability
  }
  return Math.max(0, k - 1)
}
