/** A process that computes chunks for another one, and ends with it. */

import { type Answer, type Beginning, messageOf, openWorker, StoreError, type Worker } from './library.js'

// Where who has started it was killed, nobody is told.
const answer = (said: Answer) => process.send?.(said, undefined, undefined, () => {})

// Who has started it decides, also where both hear of Ctrl-C.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())

let worker: Worker | undefined
process.on('message', async (told: Beginning | number) => {
  try {
    if (typeof told === 'number') {
      const { kept } = await (worker as Worker).run(told)
      answer({ kept })
    } else {
      worker = await openWorker(told.plan, told.options)
      answer({})
    }
  } catch (thrown) {
    answer({ failed: messageOf(thrown), isStore: thrown instanceof StoreError })
  }
})
