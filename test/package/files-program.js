// Writes a run to a Blob while the run continues, in another runtime or in a page.
import { adamw, Optimizer } from 'antigrad'
import { readFile, toBlob } from 'antigrad/files'

const numbers = (seed, length) => Float32Array.from({ length }, (_, i) => ((i * seed) % 1009) / 1009 - 0.5)
const both = (seed) => ({ w: numbers(seed, 600_000), b: numbers(seed, 5) })

export const gradients = both(11)
export const optimizer = new Optimizer(both(7), adamw())
optimizer.step(gradients)

const sumOf = (bytes) => bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 0x01000193) >>> 0, 0x811c9dc5)
const ofArray = ({ buffer, byteOffset, byteLength }) => sumOf(new Uint8Array(buffer, byteOffset, byteLength))
export const digest = (saved) =>
  JSON.stringify(saved, (_, value) => (ArrayBuffer.isView(value) ? ofArray(value) : value))

const expected = digest(optimizer.save())
const writing = toBlob(optimizer)
optimizer.step(gradients)
const blob = await writing
export const report = {
  bytes: sumOf(new Uint8Array(await blob.arrayBuffer())),
  isSame: digest(await readFile(blob)) === expected,
}
