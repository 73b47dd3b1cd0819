/**
 * The program of a worker process. The worker process computes chunks for its parent process, and ends when the parent
 * process ends.
 */

import {
  type ChunkReply,
  type ChunkWorker,
  getMessage,
  openWorker,
  StoreError,
  type WorkerInit,
} from './library.js'

// The callback ignores errors, because nothing waits for the reply if the parent process was killed.
const answer = (said: ChunkReply) => process.send?.(said, undefined, undefined, () => {})

// Ctrl-C reaches both the worker and the parent process. The parent process decides when the worker ends.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())

let worker: ChunkWorker | undefined
process.on('message', async (told: WorkerInit | number) => {
  try {
    if (typeof told === 'number') {
      const { outcome } = await (worker as ChunkWorker).run(told)
      answer({ outcome })
    } else {
      worker = await openWorker(told.plan, told.options)
      answer({})
    }
  } catch (thrown) {
    answer({ failed: getMessage(thrown), isStore: thrown instanceof StoreError })
  }
})
