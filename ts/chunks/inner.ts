/** What a queue of ours, commands and processes need of chunks, and users do not: see scripts/build-ts.mjs. */

export { AntigradError, messageOf, OptionError } from '../ground/errors.js'
export { unlessAborted } from '../ground/event-loop.js'
export { isObject } from '../ground/given.js'
export { calls } from '../many/options.js'
export { callback, option, optional, positive, whole, wholeTo } from '../options/kinds.js'
export { readOptions } from '../options/read.js'
export { isAddress, shown } from './data.js'
export { StoreError } from './errors.js'
export { sha256 } from './hash.js'
export { describeMaker, merge, status } from './merge.js'
export { isIndex, nameOf, type Plan, readPlan } from './plan.js'
export { type Answer, type Beginning, ChunkError, Pool, runPool, TRIES } from './pool.js'
export {
  failureOf,
  indicesOf,
  openWorker,
  storeOf,
  type Worker,
  type WorkerOptions,
  working,
} from './run.js'
export { parseShard, ranges, type Shard, shardsOf } from './shards.js'
export { discard, failedOf, type Kept, type Store, unseal } from './store.js'
export { type Survey, survey } from './survey.js'
