// A worker of antigrad/bullmq, as tests start many: plan, store, address of the Redis. Says each chunk that it has stored.
import { readFileSync } from 'node:fs'
import { runQueued } from '../dist/bullmq/index.js'

const [plan, store, url] = process.argv.slice(2)
const { done, failed } = await runQueued(readFileSync(plan, 'utf8'), {
  ...{ store, url, lockSeconds: 2, window: 20 },
  onKept: (index, kept) => console.log(JSON.stringify({ index, kept })),
})
console.log(JSON.stringify({ done: done.length, failed: failed.length }))
process.exit()
