// node bench/equations.mjs: compares Adam as a custom rule with the built-in Adam, per engine, instruction set and
// size, as a Markdown table. All variants take turns. Each number is a median of ratios of CPU time, with the
// interquartile range.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { adam, defineRule, engines, Optimizer } from '../dist/index.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const options = { rounds: { type: 'string', default: '41' } }
const rounds = Number(parseArgs({ options }).values.rounds)

/**
 * Variants of Adam's last line: as in the built-in rule, with `over` and with `/`; with a divided root; as in the
 * paper.
 */
const forms = {
  over: 'theta - over(lr/(1 - p1)*m, sqrt(v)*(1/sqrt(1 - p2)) + eps)',
  '`/`': 'theta - lr/(1 - p1)*m/(sqrt(v)*(1/sqrt(1 - p2)) + eps)',
  '`/`, root divided': 'theta - lr/(1 - p1)*m/(sqrt(v)/sqrt(1 - p2) + eps)',
  paper: 'theta - lr*(m/(1 - p1))/(sqrt(v/(1 - p2)) + eps)',
}
const written = Object.values(forms).map((last, k) =>
  defineRule(`written${k}`, {
    options: {
      lr: { default: 1e-3, min: 0 },
      beta1: { default: 0.9, min: 0, below: 1 },
      beta2: { default: 0.999, min: 0, below: 1 },
      eps: 1e-8,
    },
    state: { m: 0, v: 0 },
    scalars: { p1: 1, p2: 1 },
    step: `p1 = p1*beta1
      p2 = p2*beta2
      m = beta1*m + (1 - beta1)*g
      v = beta2*v + (1 - beta2)*(g*g)
      theta = ${last}`,
  }),
)

const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))]

/** An optimizer, and a function that makes its steps for some milliseconds. */
function stepping(rule, length, how) {
  const params = Float32Array.from({ length }, (_, k) => Math.sin(k))
  const optimizer = new Optimizer(params, rule, { threads: 1, ...how })
  optimizer.grads.set(params.map((x) => 0.1 * Math.cos(100 * x)))
  const nanoseconds = (count) => {
    const began = process.cpuUsage().user
    for (let k = 0; k < count; k++) optimizer.step()
    return ((process.cpuUsage().user - began) / count) * 1e3
  }
  // Warm-up for JavaScript's compiler.
  let warm = 0
  for (let k = 1; k < 2e5 && warm < 2e8; k *= 2) warm += nanoseconds(k) * k
  // CPU time has a coarse resolution and may be 0.
  const step = Math.max(50 + length / 100, nanoseconds(1 + Math.round(2e6 / (length + 100))))
  const count = Math.ceil(5e6 / step)
  return () => nanoseconds(count)
}

const sets = engines().native.instructionSets.filter((set) => /avx|neon/.test(set))
const ways = [...sets.map((instructionSet) => ({ engine: 'native', instructionSet })), { engine: 'wasm' }]
console.log(`| engine | parameters | fused, ns a step | ${Object.keys(forms).join(' | ')} |`)
console.log(`|---|---|---|${'---|'.repeat(written.length)}`)
for (const how of ways) {
  for (const length of [2, 10_000, 1_000_000, 10_000_000]) {
    const turns = [adam, ...written].map((rule) => stepping(rule(), length, how))
    const times = Array.from({ length: rounds }, () => turns.map((turn) => turn())).slice(2)
    const middle = (list) => {
      const sorted = list.toSorted((a, b) => a - b)
      return [0.5, 0.25, 0.75].map((q) => quantile(sorted, q))
    }
    const [fused] = middle(times.map(([fused]) => fused))
    const ratios = written.map((_, k) => middle(times.map((all) => all[k + 1] / all[0])))
    const shown = ratios.map((found) => found.map((x) => x.toFixed(2)))
    const cells = shown.map(([ratio, from, to]) => `${ratio} (${from} to ${to})`)
    const name = how.instructionSet ?? how.engine
    console.log(`| ${[name, length.toLocaleString('en'), fused.toFixed(0), ...cells].join(' | ')} |`)
  }
}
