// node bench/equations.mjs: Adam as its equations beside the fused Adam, by engine, instruction set and size, as a
// Markdown table. Both take turns; each number is a median of ratios with the middle half of them.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { adam, engines, equations, Optimizer } from '../dist/index.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const options = { rounds: { type: 'string', default: '41' } }
const rounds = Number(parseArgs({ options }).values.rounds)

const written = equations('written', {
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
    theta = theta - over(lr/(1 - p1)*m, sqrt(v)*(1/sqrt(1 - p2)) + eps)`,
})

const quantile = (sorted, q) => sorted[Math.round(q * (sorted.length - 1))]

/** An optimizer of so many parameters, and what makes steps of it for some milliseconds. */
function stepping(rule, length, how) {
  const params = Float32Array.from({ length }, (_, k) => Math.sin(k))
  const optimizer = new Optimizer(params, rule, { threads: 1, ...how })
  optimizer.grads.set(params.map((x) => 0.1 * Math.cos(100 * x)))
  const nanoseconds = (count) => {
    const began = performance.now()
    for (let k = 0; k < count; k++) optimizer.step()
    return ((performance.now() - began) / count) * 1e6
  }
  // The compiler has seen enough of it before it is timed, some milliseconds at a time.
  let warm = 0
  for (let k = 1; k < 2e5 && warm < 2e8; k *= 2) warm += nanoseconds(k) * k
  const count = Math.ceil(5e6 / nanoseconds(1 + Math.round(2e6 / (length + 100))))
  return () => nanoseconds(count)
}

const sets = engines().native.instructionSets.filter((set) => /avx|neon/.test(set))
const ways = [...sets.map((instructionSet) => ({ engine: 'native', instructionSet })), { engine: 'wasm' }]
console.log('| engine | parameters | fused, ns a step | written, ns a step | ratio |\n|---|---|---|---|---|')
for (const how of ways) {
  for (const length of [2, 10_000, 1_000_000, 10_000_000]) {
    const [fused, own] = [adam(), written()].map((rule) => stepping(rule, length, how))
    const pairs = Array.from({ length: rounds }, () => [fused(), own()]).slice(2)
    const middle = (list) => {
      const sorted = list.toSorted((a, b) => a - b)
      return [0.5, 0.25, 0.75].map((q) => quantile(sorted, q))
    }
    const [a] = middle(pairs.map(([a]) => a))
    const [b] = middle(pairs.map(([, b]) => b))
    const ratio = middle(pairs.map(([a, b]) => b / a)).map((x) => x.toFixed(2))
    const name = how.instructionSet ?? how.engine
    const cells = [name, length.toLocaleString('en'), a.toFixed(0), b.toFixed(0)]
    console.log(`| ${cells.join(' | ')} | ${ratio[0]} (${ratio[1]} to ${ratio[2]}) |`)
  }
}
