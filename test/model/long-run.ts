/**
 * A run with all that a save has to keep, and saves as text; `checkpoint.test.ts` and `package/hops.test.ts` go on
 * with it, in browsers too.
 */

import {
  adamw,
  delayedStart,
  type EngineName,
  ema,
  type Group,
  nesterov,
  Optimizer,
  type Rule,
  radam,
  rmsprop,
  type Saved,
  sgd,
  warmup,
} from 'antigrad'
import { arrayOf, type Dtype, type FloatArray, noise } from '../helpers.js'

type Run = Optimizer<unknown, Rule, never>

/** What a program must bring along that only loads the run: a bundle leaves out what it does not use. */
export const brought = [adamw, delayedStart, nesterov, radam, rmsprop, sgd, warmup]

/** Batches that make an update. */
export const BATCHES = 2

interface Forced {
  readonly engine: EngineName
  readonly instructionSet?: string
  readonly threads?: number
}

/** Several rules, clocks that differ, a tensor that has grown, one that came later and one that is frozen. */
export function longRun(dtype: Dtype, forced: Forced): Run {
  const of = (length: number, seed: number) => noise(seed, length, dtype)
  const params = {
    embed: of(6, 1),
    body: [
      { weight: of(9, 2), bias: of(3, 3) },
      { weight: of(5, 4), bias: of(1, 5) },
    ],
    head: of(2, 6),
  }
  const groups: readonly Group[] = [
    { match: '**.bias', weightDecay: 0 },
    { match: 'body.0.weight', rule: nesterov({ lr: 0.002, form: 'shifted' }), lrScale: 0.5 },
    { match: 'body.1.weight', rule: radam({ lr: 0.01, weightDecay: 0.1, decoupledWeightDecay: true }) },
    { match: 'head', rule: delayedStart(3, sgd({ lr: 0.01, momentum: 0.9 })) },
    { match: 'body.1.bias', frozen: true },
  ]
  const optimizer = new Optimizer(params, adamw({ lr: warmup(0.01, { steps: 300 }), amsgrad: true }), {
    shapes: { embed: [2, 3] },
    groups,
    clip: { norm: 3 },
    accumulate: BATCHES,
    average: ema(0.99, { corrected: true }),
    lookahead: { steps: 5, alpha: 0.5 },
    onNonFinite: 'skip',
    ...forced,
  }) as unknown as Run
  goOn(optimizer, 0, 7)
  optimizer.grow('embed', of(3, 7))
  const rule = rmsprop({ lr: 0.005, momentum: 0.5 })
  return optimizer.add({ more: of(3, 8) }, { groups: [{ match: 'more', rule }] } as never) as unknown as Run
}

/**
 * Steps from one number to another. Gradients pull towards 0 and are noisy; now and then one is missing, or
 * not finite.
 */
export function goOn(optimizer: Run, from: number, to: number): void {
  for (let t = from; t < to; t++) {
    let tensor = 0
    const gradientOf = (theta: FloatArray): FloatArray | null => {
      tensor++
      // In one batch of an update, or in both.
      if ((t * 7 + tensor) % 11 === 0 || (Math.floor(t / BATCHES) + tensor) % 9 === 0) return null
      const g = noise(
        1000 * t + tensor,
        theta.length,
        theta instanceof Float32Array ? 'float32' : 'float64',
        4,
      )
      for (let i = 0; i < g.length; i++) g[i] += theta[i]
      if ((t + tensor) % 53 === 0) g[t % g.length] = NaN
      return g
    }
    optimizer.step(mapped(optimizer.point(), gradientOf) as never)
  }
}

function mapped(node: unknown, leaf: (view: FloatArray) => unknown): unknown {
  if (ArrayBuffer.isView(node)) return leaf(node as FloatArray)
  if (Array.isArray(node)) return node.map((child) => mapped(child, leaf))
  return Object.fromEntries(Object.entries(node as object).map(([key, child]) => [key, mapped(child, leaf)]))
}

/** A saved run as JSON, with each array as its bytes in hexadecimal digits. */
export function encode(saved: Saved): string {
  return JSON.stringify(saved, (_, value) => {
    if (!ArrayBuffer.isView(value)) return value
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
    return { [value instanceof Float32Array ? 'float32' : 'float64']: hex }
  })
}

export function decode(text: string): Saved {
  return JSON.parse(text, (_, value) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const hex = value?.[dtype]
      if (typeof hex !== 'string') continue
      const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
      return new arrayOf[dtype](bytes.buffer)
    }
    return value
  })
}
