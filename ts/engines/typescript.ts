/** The TypeScript engine, which is a readable reference, and the fallback if WebAssembly is forbidden. */

import type { Arena } from '../arena/arena.js'
import { BY_ROW, CLIPPED_PER_TENSOR, NORM, UNITS } from '../arena/manifest.js'
import { extensions } from '../extensions.js'
import type { Engine } from './engine.js'
import { makePlanePass } from './typescript/all-tensors.js'
import { makeForEachJob } from './typescript/jobs.js'
import { makePass } from './typescript/pipeline.js'
import { makeTensorPass } from './typescript/tensors.js'

export const typescript: Engine = {
  name: 'typescript',
  attach(arena: Arena) {
    const forEachJob = makeForEachJob(arena)
    const pass = makePass(arena)
    const tensors = makeTensorPass(arena, pass)
    const allTensors = makePlanePass(arena)

    const runRange = (stage: number, from: number, to: number) => {
      if (stage > NORM && stage !== UNITS) {
        allTensors(stage, from, to)
        return
      }
      forEachJob(stage, from, to, (job, first, last) => {
        if ((job.flags & BY_ROW) !== 0) extensions.rows?.runSegment(arena, job, first, last)
        else if (job.ofMatrices !== undefined) job.ofMatrices(job, first, last)
        else if (job.byTensor.length > 0 || (job.flags & CLIPPED_PER_TENSOR) !== 0)
          tensors.run(job, first, last)
        else pass(job, first, last)
      })
    }

    const gatherOne: typeof tensors.gather = (job, from, to) => {
      // The stage itself completes a sum over listed rows, so no partial sums remain.
      if ((job.flags & BY_ROW) === 0) tensors.gather(job, from, to)
    }

    const gather = (stage: number) => {
      if (stage <= NORM) forEachJob(stage, 0, arena.length, gatherOne)
    }

    return {
      threads: 1,
      run(stage) {
        runRange(stage, 0, arena.length)
        gather(stage)
      },
      runRange,
      gather,
    }
  },
}
