/** A process that computes chunks for another one, and ends with it. */

import {
  type ChunkReply,
  type ChunkWorker,
  getMessage,
  openWorker,
  StoreError,
  type WorkerInit,
} from './library.js'

// Where who has started it was killed, nobody is told.
const answer = (said: ChunkReply) => process.send?.(said, undefined, undefined, () => {})

// Who has started it decides, also where both hear of Ctrl-C.
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
