/** A process that computes chunks for another one, and ends with it. */

import { messageOf } from '../ground/errors.js'
import { StoreError } from './errors.js'
import { openWorker, type Worker, type WorkerOptions } from './run.js'
import type { Kept } from './store.js'

/** What it is told first: a plan and its means. Then come numbers of chunks, one after the other. */
export interface Beginning {
  readonly plan: string
  readonly options: WorkerOptions
}

/** What it answers: that it waits, and what has become of the last chunk. */
export interface Answer {
  readonly kept?: Kept
  readonly failed?: string
  /** Whether no other chunk can be stored either. */
  readonly isStore?: boolean
}

const answer = (said: Answer) => process.send?.(said)

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
