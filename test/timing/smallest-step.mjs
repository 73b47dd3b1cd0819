// The nanoseconds of a step of Adam with two parameters, and of the same step in a plain loop: the minima of
// alternating rounds. The program runs in a separate process, whose compiler has seen no other code.
import { adam, Optimizer } from '../../dist/index.js'

const ROUNDS = 40
const STEPS = 20_000

/** Adam in float64 with a separate clock: the products of β, which become 0 when they no longer have an effect. */
function plainAdam(theta, g, { lr, beta1, beta2, eps }) {
  const m = new Float64Array(theta.length)
  const v = new Float64Array(theta.length)
  let product1 = 1
  let product2 = 1
  return () => {
    product1 = product1 < 1e-20 ? 0 : product1 * beta1
    product2 = product2 < 1e-20 ? 0 : product2 * beta2
    const rate = lr / (1 - product1)
    const scale = 1 / Math.sqrt(1 - product2)
    for (let i = 0; i < theta.length; i++) {
      m[i] = beta1 * m[i] + (1 - beta1) * g[i]
      v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i]
      theta[i] -= (rate * m[i]) / (Math.sqrt(v[i]) * scale + eps)
    }
  }
}

const start = [0.5, -0.25]
const gradient = [0.75, -0.5]
const rule = adam()
const optimizer = new Optimizer(Float64Array.from(start), rule)
optimizer.grads.set(gradient)
const theta = Float64Array.from(start)
const plain = plainAdam(theta, Float64Array.from(gradient), rule)

function ours() {
  for (let i = 0; i < STEPS; i++) optimizer.step()
}

function theirs() {
  for (let i = 0; i < STEPS; i++) plain()
}

const least = [ours, theirs].map(() => Number.POSITIVE_INFINITY)
for (let round = 0; round < ROUNDS; round++) {
  for (const [k, run] of [ours, theirs].entries()) {
    const from = process.hrtime.bigint()
    run()
    least[k] = Math.min(least[k], Number(process.hrtime.bigint() - from) / STEPS)
  }
}
const [step, loop] = least
const params = [...optimizer.params]
console.log(JSON.stringify({ step, loop, params, theta: [...theta], engine: optimizer.engine }))
