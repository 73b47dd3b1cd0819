/** What a queue of ours needs of chunks, and users do not: see scripts/build-ts.mjs. */

export { AntigradError } from '../ground/errors.js'
export { isObject } from '../ground/given.js'
export { calls } from '../many/options.js'
export { callback, option, optional, positive, whole, wholeTo } from '../options/kinds.js'
export { readOptions } from '../options/read.js'
export { StoreError } from './errors.js'
export { sha256 } from './hash.js'
export { checkIndex, nameOf, type Plan, readPlan } from './plan.js'
export { ChunkError, Pool, TRIES } from './pool.js'
export { failureOf, openWorker, storeOf, type WorkerOptions, working } from './run.js'
export { discard, failedOf, type Kept, type Store, unseal } from './store.js'
export { type Survey, survey } from './survey.js'
