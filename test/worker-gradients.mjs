// @ts-check
// The gradients of one of several workers: a thread, a process, or a direct call.
import { setTimeout as pause } from 'node:timers/promises'
import { isMainThread, parentPort, workerData } from 'node:worker_threads'

const [ROWS, COLUMNS, NAMED] = [30, 5, 7]

/**
 * @param {{ embed: Float32Array, body: readonly Float32Array[] }} params
 * @param {number} worker
 * @param {number} t
 */
export function gradientsOf({ embed, body }, worker, t) {
  const indices = Uint16Array.from({ length: NAMED }, (_, k) => (k * k + 11 * worker + 3 * t) % ROWS)
  const values = Float32Array.from({ length: NAMED * COLUMNS }, (_, i) => {
    const at = indices[Math.floor(i / COLUMNS)] * COLUMNS + (i % COLUMNS)
    return embed[at] * 0.3 + Math.sin(i * 1.3 + worker + t)
  })
  // The third worker has no gradients of the body.
  const list = worker === 2 ? null : body.map((b) => b.map((x, i) => x * 0.1 + Math.cos(i + worker * t)))
  return { embed: { indices, values }, body: list }
}

/** @param {any} message @param {(reply: unknown) => void} send @param {number} worker */
async function answer({ params, t }, send, worker) {
  await pause(((worker * 7 + t * 3) % 4) * 4)
  send({ worker, gradients: gradientsOf(params, worker, t) })
}

if (!isMainThread && workerData?.worker !== undefined) {
  parentPort?.on('message', (message) =>
    answer(message, (reply) => parentPort?.postMessage(reply), workerData.worker),
  )
}
if (process.env.TEST_WORKER !== undefined) {
  const worker = Number(process.env.TEST_WORKER)
  process.on('message', (message) => answer(message, (reply) => process.send?.(reply), worker))
}
