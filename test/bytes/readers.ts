/** Readers of untrusted bytes, which accept an input or refuse the input with a typed error. */

import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { AntigradError, adam, defineRule, expression, minimizeManySync, Optimizer } from 'antigrad'
import { fromTorch, openFile, readFile } from 'antigrad/files'
import { chunkName, readPlan } from '../../dist/chunks/plan/plan.js'
import { readCheckpoint } from '../../dist/files/runs/checkpoints.js'
import { crc32 } from '../../dist/files/sources/crc32.js'
import { readCsv } from '../../dist/tables/read-csv.js'
import { readEquations } from '../../page/src/custom-rule.js'
import * as fits from '../../page/src/fit/state-address.js'
import { readTable } from '../../page/src/fit/table.js'
import { build } from '../../page/src/rules.js'
import * as races from '../../page/src/state.js'
import { decode } from '../model/resume.js'
import type { Target } from './corpus.js'

readEquations()

/** Parses JSON like a program of a user. Invalid JSON gives null. */
function parsed<T>(parse: () => T): T | null {
  try {
    return parse()
  } catch {
    return null
  }
}

const own = () => {
  const params = { w: Float32Array.of(1, 2, 3, 4), body: [Float32Array.of(5), new Float32Array(0)] }
  const optimizer = new Optimizer(params, adam(), { shapes: { w: [2, 2], body: [[1], [0]] } } as never)
  optimizer.step(params as never)
  return optimizer
}

/** Whether a state survives a round trip through a link. Browsers replace lone surrogates in addresses. */
function isStable<State>(
  hash: string,
  page: { fromHash(hash: string): { state: State }; toHash(state: State): string },
) {
  const { state } = page.fromHash(hash.replace(/\p{Surrogate}/gu, '\ufffd'))
  const link = page.toHash(state)
  const again = page.fromHash(link)
  if (page.toHash(again.state) !== link) throw new Error(`${link} is read as ${page.toHash(again.state)}`)
  return again.state
}

/** Makes a step with a loaded optimizer, because an accepted state must not cause a failure. */
function step(optimizer: Optimizer<never>): void {
  const gradients = structuredClone(optimizer.gradientPoint())
  optimizer.step(gradients as never)
}

const options = {
  ...{ lr: 0.1, momentum: 0.9, beta1: 0.9, beta2: 0.99, eps: 1e-8, weightDecay: 0.1 },
  ...{ gamma: 0.02, trustCoefficient: 1e-3 },
}
const state = { m: 0, v: 0, b: 0, largest: 0, previous: 'gradient' as const }
const scalars = { p1: 1, p2: 1 }

/** Declares the names of the corpus that occur in the lines, because unused names are errors. */
function declared(step: string) {
  const words = new Set(step.match(/\w+/g))
  const used = <T extends object>(table: T) =>
    Object.fromEntries(Object.entries(table).filter(([name]) => words.has(name))) as Partial<T>
  return { options: used(options), state: used(state), scalars: used(scalars), step }
}
/** The bytes of a corpus entry: a header with data as JSON, or plain bytes. */
function bytesOf(text: string): Uint8Array {
  const given = parsed(() => JSON.parse(text))
  const { header, data, isSound } = (given ?? {}) as Record<string, unknown>
  if (header === undefined || typeof data !== 'string') return Buffer.from(text, 'latin1')
  const bytes = Buffer.from(data, 'latin1')
  if (isSound === true) makeSound(header, bytes)
  const front = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(front.length))
  return Buffer.concat([length, front, bytes])
}

/** Writes the correct checksums into a header, so that a reader finds only other errors. */
function makeSound(header: unknown, bytes: Uint8Array): void {
  const tensors = Object(header) as Record<string, { data_offsets?: unknown } | undefined>
  const metadata = Object(tensors.__metadata__) as Record<string, unknown>
  const shown = (part: Uint8Array) => crc32(part).toString(16).padStart(8, '0')
  const { 'antigrad.tensors': sums, 'antigrad.texts': _, ...texts } = metadata
  const list = typeof sums === 'string' ? parsed(() => JSON.parse(sums)) : null
  if (!Array.isArray(list)) return
  const whole = list.map((pair) => {
    const [name] = Array.isArray(pair) ? pair : []
    const offsets = Object(tensors[name])?.data_offsets
    return Array.isArray(offsets)
      ? [name, shown(bytes.subarray(Number(offsets[0]), Number(offsets[1])))]
      : pair
  })
  const summed = JSON.stringify(whole)
  const all = Object.entries({ ...texts, 'antigrad.tensors': summed })
  metadata['antigrad.tensors'] = summed
  metadata['antigrad.texts'] = JSON.stringify(
    all.map(([name, text]) => [name, shown(Buffer.from(`${text}`))]),
  )
}

/** The result of the work, or null if the library rejects the input. */
async function taken<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof AntigradError) return null
    throw error
  }
}

/** Each reader throws only errors of the library, and returns false if the input was irrelevant. */
export const readers: Readonly<Record<Target, (text: string) => unknown>> = {
  'saved runs'(text) {
    const saved = parsed(() => decode(text))
    if (saved === null) return false
    const optimizer = own()
    const before = JSON.stringify(optimizer.save())
    try {
      optimizer.restore(saved, { onWarning: () => {} })
    } catch (error) {
      if (JSON.stringify(optimizer.save()) !== before)
        throw new Error('restore threw, and has changed something', { cause: error })
    }
    step(optimizer as never)
    step(Optimizer.load(saved, { onWarning: () => {} }) as never)
  },
  async 'safetensors files'(text) {
    const bytes = bytesOf(text)
    const blob = new Blob([bytes as BlobPart])
    const file = await openFile(blob)
    let size = 0
    for (const [name, { shape, begin, end }] of file.tensors) {
      if (!(begin >= 0 && begin <= end && end <= bytes.length))
        throw new Error(`${name} is from ${begin} to ${end}`)
      size += end - begin
      const values = await taken(() => file.read(name))
      const length = shape.reduce((product, n) => product * n, 1)
      if (values !== null && values.length !== length) throw new Error(`${name} has ${values.length} numbers`)
      await taken(() => file.bytes(name))
    }
    if (size > bytes.length) throw new Error(`${size} of ${bytes.length} bytes`)
    const checkpoint = await taken(() => readCheckpoint(blob))
    if (checkpoint !== null && !(Number.isSafeInteger(checkpoint.step) && checkpoint.step >= 0))
      throw new Error(`a checkpoint of step ${checkpoint.step}`)
    for (const read of [readFile, fromTorch]) {
      const saved = await taken(() => read(blob))
      const optimizer = saved && (await taken(async () => Optimizer.load(saved, { onWarning: () => {} })))
      if (optimizer !== null) await taken(async () => step(optimizer as never))
    }
  },
  expressions(text) {
    const objective = expression(text)
    const point = new Float64Array(objective.parameters.length).fill(0.5)
    objective.value(point)
    objective.gradient(point, new Float64Array(point.length))
    if (point.length < 6) {
      const starts = Object.fromEntries(objective.parameters.map((name) => [name, [0.5, 1]]))
      minimizeManySync(objective, starts, adam(), { maxIterations: 2 })
    }
  },
  async tables(text) {
    try {
      readTable(text)
    } catch (error) {
      // The page throws ordinary errors with a message for the user.
      if ((error as Error).constructor !== Error) throw error
    }
    const request = {
      name: 'table.csv',
      group: undefined,
      delimiter: undefined,
      decimal: undefined,
      comment: undefined,
    }
    const columns = [
      { option: '--x', column: 't' },
      { option: '--y', column: 'y' },
    ]
    const read = (bytes: Buffer) => {
      const chunks = [bytes.subarray(0, bytes.length >> 1), bytes.subarray(bytes.length >> 1)]
      return readCsv(Readable.from(chunks), {
        ...request,
        columns,
        dropsInvalid: text.length % 2 === 0,
        onProgress() {},
      })
    }
    const latin1 = Buffer.from(text, 'latin1')
    if (!isUtf8(latin1) && (await taken(() => read(latin1))) !== null)
      throw new Error('bytes that are no UTF-8 were taken')
    await read(Buffer.from(text))
  },
  JSON(text) {
    const rule = parsed(() => JSON.parse(text))
    if (rule === null) return false
    const params = [Float32Array.of(1, 2, 3, 4)]
    const optimizer = new Optimizer(params, rule, { shapes: [[2, 2]] })
    for (let t = 0; t < 3; t++) step(optimizer as never)
  },
  equations(text) {
    const rule = defineRule('own', declared(text))()
    const params = { w: Float32Array.of(1, 2, 3, 4), bias: Float32Array.of(5) }
    const optimizer = new Optimizer(params, rule, { shapes: { w: [2, 2], bias: [1] } })
    for (let t = 0; t < 3; t++) optimizer.step(params)
    step(Optimizer.load(optimizer.save()))
  },
  'chunk plans'(text) {
    const plan = readPlan(text)
    for (const k of plan.chunks.keys()) chunkName(plan, k)
    // A plan must survive a round trip.
    const again = readPlan(JSON.parse(JSON.stringify(plan)))
    if (chunkName(again, 0) !== chunkName(plan, 0)) throw new Error('another name when it is read again')
  },
  'links of races'(hash) {
    for (const entry of isStable(hash, races).entries) {
      const { rule } = build(entry)
      if (entry.equations === undefined) continue
      const optimizer = new Optimizer([Float64Array.of(1, 2)], rule as never)
      for (let t = 0; t < 3; t++) step(optimizer as never)
    }
  },
  'links of fits': (hash) => void isStable(hash, fits),
}
