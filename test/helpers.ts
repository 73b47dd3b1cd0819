/** What several test files share. */

import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { SimpleRule } from 'antigrad'
import { cases } from './cases.js'

export const dtypes = ['float32', 'float64'] as const
export type Dtype = (typeof dtypes)[number]
export type FloatArray = Float32Array | Float64Array

/** Numbers in [0, 1), the same in each run (mulberry32). */
export function random(seed: number): () => number {
  let a = seed
  return () => {
    a = (a + 0x6d2b79f5) | 0
    let x = Math.imul(a ^ (a >>> 15), a | 1)
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61)
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32
  }
}

export const engineNames = ['native', 'wasm', 'typescript'] as const

export const arrayOf = { float32: Float32Array, float64: Float64Array }
export const roundOf = { float32: Math.fround, float64: (x: number) => x }
/** Half a unit in the last place of 1. */
export const epsilonOf = { float32: 2 ** -24, float64: 2 ** -53 }

/** `length` numbers in (−scale, scale). */
export function noise(seed: number, length: number, dtype: Dtype, scale = 1): FloatArray {
  const next = random(seed)
  return new arrayOf[dtype](length).map(() => scale * (2 * next() - 1))
}

/** The bits of numbers as text, which tells −0 from 0. */
export function bits(numbers: FloatArray): string {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString('hex')
}

/** Anything with tensors in it, as text that shows each bit of them. */
export function inBits(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner)) return bits(inner as FloatArray)
    return typeof inner === 'number' || typeof inner === 'function' ? String(inner) : inner
  })
}

/** All that a call can change in an optimizer. */
export function snapshot(optimizer: {
  updates: number
  rule: unknown
  params: unknown
  grads: unknown
  state: unknown
}): string {
  const { updates, rule, params, grads, state } = optimizer
  return inBits({ updates, rule, params, grads, state })
}

/** The cases that are a rule of numbers alone: not delayed, scheduled, clipped or zeroing. */
export const rules = cases.flatMap(({ name, rule, options }): [name: string, rule: SimpleRule][] => {
  const values = [...Object.values(options), ...Object.values(rule)]
  const isPlain = values.every((value) => typeof value !== 'object' && typeof value !== 'function')
  return isPlain && options.zeroGrads === undefined ? [[name, rule as SimpleRule]] : []
})

/** The folder of the package. */
export const home = fileURLToPath(new URL('..', import.meta.url))

/** A copy of the built package, for a test to break; it is removed after `use`. */
export function withCopy<T>(use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'antigrad-'))
  try {
    cpSync(join(home, 'dist'), join(folder, 'dist'), { recursive: true })
    cpSync(join(home, 'package.json'), join(folder, 'package.json'))
    return use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

interface ChildOptions {
  /** Runs before the package is loaded. */
  before?: string
  /** The package's folder. */
  folder?: string
  flags?: string[]
  env?: Record<string, string>
}

/**
 * Runs the body of an async function, which sees the package as `antigrad`, in a Node of its own and
 * returns what it returned, through JSON.
 */
export function inChild(body: string, options: ChildOptions = {}): unknown {
  const { before = '', folder = home, flags = [], env = {} } = options
  const script = `${before}
    const antigrad = await import(${JSON.stringify(pathToFileURL(join(folder, 'dist/index.js')).href)})
    const thrownBy = (call) => {
      try {
        call()
        return null
      } catch (error) {
        return { is: error.name, antigrad: error instanceof antigrad.AntigradError, ...error, message: error.message }
      }
    }
    const result = await (async () => { ${body} })()
    process.stdout.write(JSON.stringify(result ?? null))`
  const { ANTIGRAD_ENGINE: _, ...inherited } = process.env
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '-e', script],
    { env: { ...inherited, ...env }, encoding: 'utf8', maxBuffer: 1 << 26 },
  )
  if (status !== 0) throw new Error(`the child ended with ${status}: ${stderr}`)
  return JSON.parse(stdout)
}
