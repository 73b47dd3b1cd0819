/**
 * A run with all contents that a saved run must preserve. `checkpoint.test.ts` and `package/hops.test.ts` continue the
 * run, also in browsers.
 */

import {
  adamw,
  delayedStart,
  type EngineName,
  ema,
  type Group,
  nesterov,
  Optimizer,
  radam,
  rmsprop,
  sgd,
  warmup,
} from 'antigrad'
import { type Dtype, noise } from '../helpers.js'
import { BATCHES, goOn, type Run } from './resume.js'

/**
 * The functions that a program must import if the program only loads the run, because bundles omit unused functions.
 */
export const brought = [adamw, delayedStart, nesterov, radam, rmsprop, sgd, warmup]

interface Forced {
  readonly engine: EngineName
  readonly instructionSet?: string
  readonly threads?: number
}

/** A run with several rules, different clocks, an extended tensor, an added tensor and a frozen tensor. */
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
  optimizer.appendRows('embed', of(3, 7))
  const rule = rmsprop({ lr: 0.005, momentum: 0.5 })
  return optimizer.add({ more: of(3, 8) }, { groups: [{ match: 'more', rule }] } as never) as unknown as Run
}
