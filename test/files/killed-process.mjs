// A process that resumes from the newest checkpoint and writes further checkpoints, until a given number of bytes has
// been written. The process is then killed during or between writing, syncing and renaming. Syncing and renaming each
// count as 4,000 bytes.
import { mkdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { adam, Optimizer } from 'antigrad'
import { checkpoints } from 'antigrad/files'

const [, , folder, most] = process.argv
mkdirSync(folder, { recursive: true })
const probe = await open(folder)
const handle = Object.getPrototypeOf(probe)
await probe.close()

let left = Number(most)
const kill = () => process.kill(process.pid, 'SIGKILL')
const { write, sync, close } = handle
handle.write = async function (bytes, from, length, at) {
  if (length > left) {
    await write.call(this, bytes, from, left, at)
    kill()
  }
  left -= length
  return write.call(this, bytes, from, length, at)
}
for (const [name, call] of Object.entries({ sync, close })) {
  handle[name] = async function () {
    left -= 4000
    if (left < 0) kill()
    return call.call(this)
  }
}

const kept = checkpoints(folder, { keep: 2 })
const found = await kept.latest()
const optimizer = found
  ? Optimizer.load(found.saved)
  : new Optimizer({ w: new Float32Array(2000).fill(1) }, adam({ lr: 0.1 }))
for (;;) {
  optimizer.step({ w: new Float32Array(2000).fill(1) })
  await kept.save(optimizer)
  process.stdout.write(`${optimizer.updates}\n`)
}
