// The measuring method. A subject is { name, call }, or { name, call, run } if `run(times)` does the work of `times`
// calls in one call. It is { name, call, timed } if `timed()` makes some calls with other work in between and returns
// the nanoseconds per call.
//
// All subjects of a comparison are measured in rounds: each subject once per round, in an order that is reversed from
// round to round. Ratios are taken within a round, so that temporary slowdowns of the machine affect both sides. The
// result is the median of the ratios, with an interval by order statistics that contains the true median with a
// probability of at least 95%.
import Benchmark from 'benchmark'

/**
 * Measures the nanoseconds per call, with the method that suits its duration:
 *
 * - from 1 µs to 1 ms by benchmark.js, one of whose cycles with a given count is a sample;
 * - shorter calls in batches by our own loop, because benchmark.js compiles its loop again in each cycle, which would
 *   distort the result (a call with two parameters takes tens of nanoseconds);
 * - longer calls one by one, because benchmark.js needs several cycles of each.
 */
export class Sampler {
  constructor(subject, milliseconds) {
    this.subject = subject
    this.nanoseconds = milliseconds * 1e6
    this.count = 1
  }

  /** Determines the number of calls per sample, which also warms up the compiler. */
  calibrate() {
    if (this.subject.timed) {
      this.by = 'itself'
      return this
    }
    // The shortest of three, because first calls are slow until they are compiled.
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
      // One cycle of `count` calls. A tiny minimum time prevents benchmark.js from adding calls.
      const options = { initCount: this.count, minTime: 1e-9, maxTime: 1e-9, minSamples: 1, async: false }
      this.benchmark = new Benchmark(this.subject.name, this.subject.call, options)
    }
    return this
  }

  /** Takes a sample in nanoseconds per call, after a call that brings the caches into their usual state. */
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
 * @returns a function that returns the samples of a subject, in nanoseconds per call, one per round
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

/** The median of values and its interval by order statistics. */
export function summary(figures) {
  const sorted = [...figures].sort((a, b) => a - b)
  const n = sorted.length
  const middle = n % 2 ? sorted[(n - 1) / 2] : (sorted[n / 2 - 1] + sorted[n / 2]) / 2
  const rank = intervalRank(n)
  return { median: middle, low: sorted[rank], high: sorted[n - 1 - rank], pairs: n }
}

/** The summary of the ratios of two arrays of samples, round by round. */
export const ratio = (a, b) => summary(a.map((x, i) => x / b[i]))

/** The summary of the differences of two arrays of samples, round by round. */
export const difference = (a, b) => summary(a.map((x, i) => x - b[i]))

/**
 * The number of sorted values that the interval excludes at either end. It is the largest k for which fewer than k of n
 * values lie below the median (each with probability ½) in at most 2.5% of cases.
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
