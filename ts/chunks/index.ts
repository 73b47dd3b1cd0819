/** Exports of `antigrad/chunks`. */

export {
  type PlanFitsOptions,
  type PlannedWork,
  type PlanSweepOptions,
  planFits,
  planSweep,
} from './plan/build-plan.js'
export { DataError, StoreError } from './plan/errors.js'
export { chunkName, type Plan, readPlan } from './plan/plan.js'
export type { Shard } from './plan/shards.js'
export { merge, status } from './run/merge.js'
export {
  type ChunkResult,
  type ChunkWorker,
  openWorker,
  type RunOptions,
  runChunk,
  runChunks,
  type StoreOptions,
  type WorkerOptions,
} from './run/run.js'
export { bucketStore } from './stores/bucket.js'
export { folderStore } from './stores/folder.js'
export type { Conflict, Failure, PlanStatus } from './stores/status.js'
export type { Provenance, Store, StoreOutcome } from './stores/store.js'
