// The speedup of two threads, back to back and with pauses, and the event loop latency of stepAsync.
import { measure, ratio, summary } from './measure.mjs'
import { ours, parametersOf, pass, rules } from './subjects.mjs'

const sizes = ['1000', '10000', '100000', '300000', '600000', '1000000', '10000000', '1000x1000']
const PAUSE = 0.2
const CALLS = 20
const PAIRS = 3

/** Measures rows with the same properties as the rows of targets.mjs. */
export async function measureThreading({ limits, reason, timing, quick, progress }) {
  const rows = []
  const skipped = limits ? [] : [`two threads to the pass on two threads: ${reason}`]
  const add = (what, n, figure, unit, target, detail) => {
    rows.push({ what, n, figure, unit, target, met: target === null ? null : figure.low <= target, detail })
    const { median, low, high } = figure
    progress(`${what}, ${n}: ${median.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)}) ${detail}`)
  }
  for (const name of ['adam', 'momentum']) {
    for (const size of quick ? sizes.filter((size) => size !== '10000000') : sizes) {
      const n = parametersOf(size)
      const lengths = size === '1000x1000' ? new Array(1000).fill(1000) : [n]
      const make = (threads) => ours(rules[name], 'float32', lengths, { engine: 'native', threads })
      // The address of an optimizer's memory matters, so the rounds are divided among several pairs of optimizers.
      const compare = (what, makeBoth, target) => {
        const [mine, other] = [[], []]
        for (let pair = 0; pair < PAIRS; pair++) {
          const [a, b] = makeBoth()
          const samples = measure([a, b], { ...timing, rounds: Math.ceil(timing.rounds / PAIRS) })
          mine.push(...samples(a))
          other.push(...samples(b))
        }
        const each = (list) => (summary(list).median / n).toFixed(3)
        const detail = `${each(mine)} and ${each(other)} ns a parameter`
        add(`${name}, ${size}: ${what}`, n, ratio(mine, other), '×', target, detail)
      }
      compare('two threads to one', () => [make(2), make(1)], size === '1000000' ? 1 / 1.8 : null)
      const { threads } = make(undefined).optimizer
      const chosen = `as many as it takes (${threads})`
      if (threads > 1) {
        compare(`${chosen} to one`, () => [make(undefined), make(1)], 1)
        compare(`${chosen} to one, 200 µs apart`, () => [apart(make(undefined)), apart(make(1))], 1)
      } else {
        add(`${name}, ${size}: ${chosen}`, n, { median: 1, low: 1, high: 1, pairs: 0 }, '×', 1, 'the same')
      }
      if (size === '10000000' && limits) {
        const two = () => {
          const subject = make(2)
          return [subject, pass(limits, subject).on(2)]
        }
        compare('two threads to the pass on two (rate ≥ 90 %)', two, 1 / 0.9)
        const passes = () => {
          const bandwidth = pass(limits, make(1))
          return [bandwidth.on(2), bandwidth]
        }
        compare('the pass on two threads to the pass on one', passes, null)
      }
    }
  }
  await addLatency(add, quick ? 1_000_000 : 10_000_000)
  await addIdle(add)
  return { rows, skipped }
}

/** The same subject with pauses between calls. */
function apart({ name, call }) {
  const clock = new Int32Array(new SharedArrayBuffer(4))
  return {
    name: `${name}, apart`,
    call,
    timed() {
      let sum = 0n
      for (let i = 0; i < CALLS; i++) {
        Atomics.wait(clock, 0, 0, PAUSE)
        const start = process.hrtime.bigint()
        call()
        sum += process.hrtime.bigint() - start
      }
      return Number(sum) / CALLS
    },
  }
}

/** The longest blocking of the event loop during a step, over some steps. */
async function addLatency(add, n) {
  for (const [what, call] of [
    ['step', (optimizer) => optimizer.step()],
    ['stepAsync', (optimizer) => optimizer.stepAsync()],
  ]) {
    const { optimizer } = ours(rules.adam, 'float32', [n], { engine: 'native', threads: undefined })
    const worst = []
    for (let round = 0; round < 21; round++) {
      const end = { reached: false }
      const turning = longestTurn(end)
      await new Promise(setImmediate)
      await call(optimizer)
      await new Promise(setImmediate)
      end.reached = true
      worst.push(await turning)
    }
    const milliseconds = worst.map((x) => x / 1e6)
    const most = Math.max(...milliseconds).toFixed(2)
    add(
      `the event loop’s longest turn in a ${what}`,
      n,
      summary(milliseconds),
      'ms',
      null,
      `at most ${most} ms`,
    )
  }
}

async function longestTurn(end) {
  let longest = 0
  let last = process.hrtime.bigint()
  while (!end.reached) {
    await new Promise(setImmediate)
    const now = process.hrtime.bigint()
    longest = Math.max(longest, Number(now - last))
    last = now
  }
  return longest
}

/** CPU time of the whole process in the second after a step on two threads. */
async function addIdle(add) {
  const { optimizer } = ours(rules.adam, 'float32', [1_000_000], { engine: 'native', threads: 2 })
  const used = []
  for (let round = 0; round < 5; round++) {
    for (let i = 0; i < 100; i++) optimizer.step()
    const before = process.cpuUsage()
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const { user, system } = process.cpuUsage(before)
    used.push((user + system) / 1000)
  }
  add('processor time in a second after a step', 1_000_000, summary(used), 'ms', null, 'all threads')
}
