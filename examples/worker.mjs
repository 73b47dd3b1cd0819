// @ts-check
// node examples/worker.mjs: training in a worker, while this thread stays free. What save() gives goes from one to
// the other by a message, in the middle of a run, and the run goes on here to the same bits.
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

/** Trains up to an update. @param {ReturnType<typeof start>} optimizer @param {number} updates */
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
  console.log(`this thread ticked ${ticks} times meanwhile`)
  console.log(`from update ${saved.updates} on here, to the bits of a run that stayed: ${same}`)
  console.log(`accuracy ${network.accuracy(resumed.params, mnist('t10k', 1000))}`)
} else {
  parentPort?.postMessage(learn(start(), STEPS / 2).save())
}
