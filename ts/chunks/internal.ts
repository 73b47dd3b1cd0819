/** What a queue of ours, commands and processes need of chunks, and users do not: see scripts/build-ts.mjs. */

export { AntigradError, messageOf, OptionError } from '../core/errors.js'
export { unlessAborted } from '../core/event-loop.js'
export { isObject } from '../core/untrusted.js'
export { calls } from '../many/options.js'
export { callback, option, optional, positive, whole, wholeTo } from '../options/kinds.js'
export { readOptions } from '../options/read.js'
export { isAddress, shown } from './plan/data.js'
export { StoreError } from './plan/errors.js'
export { sha256 } from './plan/hash.js'
export { isIndex, nameOf, type Plan, readPlan } from './plan/plan.js'
export { parseShard, ranges, type Shard, shardsOf } from './plan/shards.js'
export { describeMaker, merge, status } from './run/merge.js'
export { type Answer, type Beginning, ChunkError, Pool, runPool, TRIES } from './run/pool.js'
export {
  failureOf,
  indicesOf,
  openWorker,
  storeOf,
  type Worker,
  type WorkerOptions,
  working,
} from './run/run.js'
export { type Survey, survey } from './stores/status.js'
export { discard, failedOf, type Kept, type Store, unseal } from './stores/store.js'
