/** Readers of untrusted input take time proportional to the size of the input, not to the square of the size. */

import { Readable } from 'node:stream'
import { adam, defineRule, expression, Optimizer, type SavedRun } from 'antigrad'
import { fromTorch, openFile, readFile, toBlob } from 'antigrad/files'
import { derive, fitManySync } from 'antigrad/fit'
import { expect, test } from 'vitest'
import { readPlan } from '../../../dist/chunks/plan/plan.js'
import { readCsv } from '../../../dist/tables/read-csv.js'
import { readMatrix } from '../../../dist/tables/read-matrix.js'
import { decode, encode } from '../../model/resume.js'
import { corpus } from '../corpus.js'

/** Prepares an input of a given size, and returns the function to measure. */
type Reader = (size: number) => (() => unknown) | Promise<() => unknown>

/** The larger of the two sizes that are compared, divided by the smaller one. */
const FACTOR = 8
/** The maximum ratio of the times. Proportional times have 8, or 11 if only the smaller input fits the caches. */
const GROWTH = 16
/** Times below this number of milliseconds are unreliable. */
const LEAST = 4

const list = <T>(length: number, of: (k: number) => T): T[] => Array.from({ length }, (_, k) => of(k))
const tensors = (count: number) => Object.fromEntries(list(count, (k) => [`t${k}`, Float32Array.of(1)]))
const rates = (k: number) => ({ lr: 1 / (k + 1) })

/** A run with a number of tensors. Each tensor has its own rule. */
function savedRun(count: number): SavedRun {
  const groups = list(count, (k) => ({ match: `t${k}`, ...rates(k) }))
  return new Optimizer(tensors(count), adam(), { groups }).save() as SavedRun
}

const matching = (pattern: string, name: string) => () =>
  new Optimizer({ [name]: Float32Array.of(1) }, adam(), { groups: [{ match: pattern, lr: 1 }] })

const found = fitManySync(expression('a*x'), { x: [1, 2, 3], y: [1, 2, 4] }, { start: { a: 1 } })
/** Reads a quantity, which is invalid. */
const deriving = (quantity: string) => () => {
  try {
    derive(found, { quantity })
  } catch {}
}

const request = {
  ...{ name: 'table', group: undefined, delimiter: undefined, decimal: undefined, comment: undefined },
  ...{ dropsInvalid: false, onProgress() {} },
  columns: [
    { option: '--x', column: 't' },
    { option: '--y', column: 'y' },
  ],
}
/** A stream that delivers pieces, like a file or the network. */
function stream(text: string): Readable {
  const bytes = Buffer.from(text)
  const size = 2 ** 16
  return Readable.from(list(Math.ceil(bytes.length / size), (k) => bytes.subarray(k * size, (k + 1) * size)))
}
const matrix = { delimiter: undefined, decimal: undefined, comment: undefined }

/** A safetensors file with a header and zeros. */
function fileOf(header: object, size: number): Blob {
  const front = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(front.length))
  return new Blob([length, front, new Uint8Array(size)])
}
const info = (k: number) => ({ dtype: 'F32', shape: [1], data_offsets: [4 * k, 4 * k + 4] })

/** PyTorch's state of SGD with momentum, one tensor per parameter. */
function torchFile(count: number): Blob {
  const names = list(count, (k) => [`params/${k}`, `momentum_buffer/${k}`]).flat()
  const groups = JSON.stringify([{ lr: 0.1, momentum: 0.9, params: list(count, (k) => k) }])
  const metadata = { 'torch.optim': 'SGD', param_groups: groups }
  return fileOf(
    { __metadata__: metadata, ...Object.fromEntries(names.map((name, k) => [name, info(k)])) },
    8 * count,
  )
}

const [, planOfFits] = corpus['chunk plans'].map((text) => JSON.parse(text))

const readers: Readonly<Record<string, readonly [size: number, reader: Reader]>> = {
  'Optimizer.load of a rule for each tensor': [
    250,
    (size) => {
      const saved = savedRun(size)
      return () => Optimizer.load(saved)
    },
  ],
  'Optimizer.load of JSON': [
    250,
    (size) => {
      const text = encode(savedRun(size))
      return () => Optimizer.load(decode(text) as SavedRun)
    },
  ],
  'restore of a rule for each tensor': [
    250,
    (size) => {
      const saved = savedRun(size)
      const optimizer = Optimizer.load(saved)
      return () => optimizer.restore(saved)
    },
  ],
  'set by name': [
    500,
    (size) => {
      const optimizer = new Optimizer(tensors(size), adam())
      return () => list(size, (k) => optimizer.set(`t${k}`, rates(k)))
    },
  ],
  'groups with a rule each': [
    500,
    (size) => {
      const [params, groups] = [tensors(size), list(size, (k) => ({ match: `t${k}`, rule: adam(rates(k)) }))]
      return () => new Optimizer(params, adam(), { groups })
    },
  ],
  'a pattern of many *': [10_000, (size) => matching(`${'*a'.repeat(size)}*b`, 'a'.repeat(2 * size))],
  'a pattern of many **': [10_000, (size) => matching(`${'**a'.repeat(size)}**b`, 'a'.repeat(2 * size))],
  'a pattern of many **.': [10_000, (size) => matching(`${'**.a.'.repeat(size)}*b`, 'a.'.repeat(2 * size))],
  'a pattern whose end is in each part': [
    20_000,
    (size) => matching(`**a*${'a'.repeat(size)}b`, 'a'.repeat(2 * size)),
  ],
  'an expression': [200, (size) => () => expression(list(size, (k) => `x*${k}.5`).join(' + '))],
  'an expression in parentheses': [
    20,
    (size) => () => expression(`${'('.repeat(size)}x + y${')*2'.repeat(size)}`),
  ],
  'a long name in a derived quantity': [5_000, (size) => deriving(`${'n'.repeat(size)} + a[1]`)],
  'open brackets in a derived quantity': [5_000, (size) => deriving(`a[1] + ${'a['.repeat(size)}`)],
  equations: [
    24,
    (size) => () => {
      const lines = list(size, (k) => `  a${k} = a${k - 1}*0.5 + g`).slice(1)
      defineRule(`own${size}`, {
        options: { lr: 0.1 },
        step: ['  a0 = g', ...lines, `  theta = theta - lr*a${size - 1}`].join('\n'),
      })()
    },
  ],
  CSV: [
    20_000,
    (size) => {
      const text = `t,y\n${list(size, (k) => `${k},"${k / 2}"\n`).join('')}`
      return () => readCsv(stream(text), request)
    },
  ],
  'CSV in quotes that do not end': [
    100_000,
    (size) => {
      const text = `t,y\n1,"${'a""\n'.repeat(size)}`
      return () => readCsv(stream(text), request).catch(() => {})
    },
  ],
  NDJSON: [
    20_000,
    (size) => {
      const text = list(size, (k) => `{"t":${k},"y":${k / 2}}\n`).join('')
      return () => readCsv(stream(text), request)
    },
  ],
  // The input of `--covariance` and `--correlation`.
  'a matrix': [
    20_000,
    (size) => {
      const text = list(size, (k) => `${k} "${k / 2}" 3\n`).join('')
      return () => readMatrix(stream(text), 'matrix', matrix).catch(() => {})
    },
  ],
  'a matrix of quotes without tabs': [
    20_000,
    (size) => () => readMatrix(stream('"'.repeat(size)), 'matrix', matrix).catch(() => {}),
  ],
  'a plan of chunks': [
    2000,
    (size) => {
      const [{ sha256 }] = planOfFits.chunks
      const chunks = list(size, (k) => ({ to: k + 1, end: 100 * (k + 1), sha256 }))
      const text = JSON.stringify({
        ...planOfFits,
        data: { ...planOfFits.data, bytes: 100 * size },
        chunks,
      })
      return () => readPlan(text)
    },
  ],
  'a safetensors file': [
    2000,
    async (size) => {
      const blob = fileOf(Object.fromEntries(list(size, (k) => [`t${k}`, info(k)])), 4 * size)
      return () => openFile(blob)
    },
  ],
  'a saved run in a file': [
    200,
    async (size) => {
      const blob = await toBlob(Optimizer.load(savedRun(size)))
      return () => readFile(blob)
    },
  ],
  'a file of Torch': [
    200,
    async (size) => {
      const blob = torchFile(size)
      return () => fromTorch(blob)
    },
  ],
  'a header of brackets': [
    200_000,
    (size) => {
      const front = Buffer.from('['.repeat(size))
      const length = Buffer.alloc(8)
      length.writeBigUInt64LE(BigInt(size))
      const blob = new Blob([length, front])
      return () => openFile(blob).catch(() => {})
    },
  ],
}

/** The minimum CPU time of several rounds in milliseconds. Other work on the machine hardly affects the minimum. */
async function timeOf(read: () => unknown, rounds: number): Promise<number> {
  let least = Infinity
  for (let round = 0; round < rounds; round++) {
    const before = process.cpuUsage()
    await read()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000)
  }
  return least
}

test.each(Object.entries(readers))(
  "the time to read an input of the kind %s is proportional to the input's length",
  async (_, [size, reader]) => {
    const reads = await Promise.all([1, FACTOR].map((factor) => reader(factor * size)))
    // The minimum counts, because the first rounds include compilation, and some rounds include garbage collection.
    // Another virtual machine on the same hardware may occupy the caches for seconds. A failure requires about 75 slow
    // rounds.
    const times = reads.map(() => Infinity)
    for (let attempt = 0, last = false; !last; attempt++) {
      last = attempt === 24
      for (const [k, read] of reads.entries())
        times[k] = Math.min(times[k], Math.max(LEAST, await timeOf(read, 3)))
      const grown = times[1] / times[0]
      if (last || grown < GROWTH) {
        expect(grown, times.map((time) => time.toFixed(1)).join(', ')).toBeLessThan(GROWTH)
        return
      }
    }
  },
)
