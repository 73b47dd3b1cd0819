// A worker of antigrad/bullmq. Tests start several. Its arguments are the plan, the store, the address of Redis and the
// seconds of a lock. It prints each chunk that it has stored.
import { readFileSync } from 'node:fs'
import { runQueued } from '../dist/bullmq/index.js'

const [plan, store, url, lockSeconds = 2] = process.argv.slice(2)
const { completed, failed } = await runQueued(readFileSync(plan, 'utf8'), {
  ...{ store, url, lockSeconds: Number(lockSeconds), window: 20 },
  onStored: (index, outcome) => console.log(JSON.stringify({ index, outcome })),
  onStalled: (index) => console.log(JSON.stringify({ stalled: index })),
})
console.log(JSON.stringify({ done: completed.length, failed: failed.length }))
