/** Internal exports for `antigrad/bullmq`, the command line and worker processes (see scripts/build-ts.mjs). */

export { AntigradError, getMessage, OptionError } from '../core/errors.js'
export { orAbort } from '../core/event-loop.js'
export { isObject } from '../core/untrusted-input.js'
export { callOptions } from '../many/options.js'
export { callback, integerAtLeast, integerBetween, option, optional, positive } from '../options/kinds.js'
export { readOptions } from '../options/read.js'
export { displayName, isUrl } from './plan/data.js'
export { StoreError } from './plan/errors.js'
export { sha256 } from './plan/hash.js'
export { chunkName, isIndex, type Plan, readPlan } from './plan/plan.js'
export { formatRanges, parseShard, type Shard, splitIntoShards } from './plan/shards.js'
export { describeProvenance, merge, status } from './run/merge.js'
export { ChunkError, type ChunkReply, MAX_TRIES, ProcessPool, runPool, type WorkerInit } from './run/pool.js'
export {
  type ChunkWorker,
  openWorker,
  shardIndices,
  toChunkFailure,
  toStore,
  type WorkerOptions,
  workerOptions,
} from './run/run.js'
export { type PlanStatus, surveyStore } from './stores/status.js'
export { discard, failureName, type Store, type StoreOutcome, unseal } from './stores/store.js'
