/** What `antigrad/chunks` exports. */

export { bucketStore } from './bucket.js'
export { DataError, StoreError } from './errors.js'
export { folderStore } from './folder.js'
export {
  type Made,
  type PlanFitsOptions,
  type PlanSweepOptions,
  planFits,
  planSweep,
} from './make.js'
export { merge, status } from './merge.js'
export { nameOf, type Plan, readPlan } from './plan.js'
export {
  openWorker,
  type Ran,
  type RunOptions,
  runChunk,
  runChunks,
  type StoreOptions,
  type Worker,
  type WorkerOptions,
} from './run.js'
export type { Shard } from './shards.js'
export type { Kept, Maker, Store } from './store.js'
export type { Dispute, Failure, Survey } from './survey.js'
