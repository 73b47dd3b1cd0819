/** What `antigrad/chunks` exports. */

export {
  type Made,
  type PlanFitsOptions,
  type PlanSweepOptions,
  planFits,
  planSweep,
} from './plan/build-plan.js'
export { DataError, StoreError } from './plan/errors.js'
export { nameOf, type Plan, readPlan } from './plan/plan.js'
export type { Shard } from './plan/shards.js'
export { merge, status } from './run/merge.js'
export {
  openWorker,
  type Ran,
  type RunOptions,
  runChunk,
  runChunks,
  type StoreOptions,
  type Worker,
  type WorkerOptions,
} from './run/run.js'
export { bucketStore } from './stores/bucket.js'
export { folderStore } from './stores/folder.js'
export type { Dispute, Failure, Survey } from './stores/status.js'
export type { Kept, Maker, Store } from './stores/store.js'
