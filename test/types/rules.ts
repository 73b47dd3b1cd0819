/** Rules, options and names of state that TypeScript must accept or refuse. */

import type { LoopOf } from '../../dist/arena/kernel.js'
import * as kernels from '../../dist/arena/manifest.js'
import {
  type Adam,
  adam,
  adamw,
  type BuiltInRule,
  type Cosine,
  type CustomRule,
  chained,
  constant,
  cosine,
  defineRule,
  delayedStart,
  type EquationRule,
  type gradientDescent,
  joined,
  linear,
  nesterov,
  Optimizer,
  oneCycle,
  type Rule,
  type Schedule,
  sgd,
  step,
  warmup,
} from '../../dist/index.js'
import type { DelayedStart, OptionsOf, StateOf } from '../../dist/rules/rule.js'

const rules = { adam: adam({ lr: 1e-3 }), adamw: adamw(), sgd: sgd(), nesterov: nesterov() }
const delayed = delayedStart(3, adamw({ weightDecay: (t) => t }))
type Rules = typeof rules
type State<R> = StateOf<R, Float32Array>

const array = Float32Array.of(1)
export const beta1: number = rules.adam.beta1
export const moments: State<Rules['adam']> = { m: array, v: array }
export const largest: State<typeof delayed> = { m: array, v: array, largest: array }
export const none: State<Rules['sgd']> = {}
export const nothing: State<ReturnType<typeof gradientDescent>> = undefined
export const options: OptionsOf<Rule> = { lr: 1 }
export const wrapped: OptionsOf<typeof delayed> = { weightDecay: 1, amsgrad: undefined as never }
export const simple: BuiltInRule = rules.adam
export const anyDelayed: Rule = delayedStart(3, simple)
export const unnamed: DelayedStart = delayed
export const literal: Adam = {
  ...{ name: 'adam', lr: warmup(1, { steps: 3 }), beta1: 0, beta2: 0, eps: 0, weightDecay: 0 },
  ...{
    amsgrad: false,
    amsgradMoment: 'raw',
    epsMoment: 'raw',
    perRow: false,
    maximize: false,
    cautious: false,
    grams: false,
  },
}
export const loop: LoopOf<typeof kernels.AmsGradKernel> = (theta, _, { largest }, { decay }, from) => {
  theta[from] = largest[from] * decay
}
export const states = (sgd: State<Rules['sgd']>, nesterov: State<Rules['nesterov']>, any: State<Rule>) => {
  const b: Float32Array | undefined = sgd.b
  const v: Float32Array = nesterov.v
  const point: Float32Array | undefined = nesterov.point
  // @ts-expect-error the state may be undefined
  const always: Float32Array = sgd.b
  // @ts-expect-error SGD has no v
  sgd.v
  // @ts-expect-error the rule is unknown
  any.v
  return [b, v, point, always]
}

export const refused = (row: Float64Array) => {
  row[kernels.AdamKernel.row.eps] = 1
  // @ts-expect-error no such coefficient
  row[kernels.AdamKernel.row.c3] = 1
  // @ts-expect-error no such array of state
  const stateless: LoopOf<typeof kernels.AdamKernel> = (_theta, _g, { largest }) => largest
  // @ts-expect-error no such coefficient
  const careless: LoopOf<typeof kernels.AdamKernel> = (_theta, _g, _state, { mu }) => mu
  const rate: Cosine = cosine(1e-3, { steps: 10, periodic: true })
  const steps: number = rate.steps
  const list: Schedule[] = [rate, joined([rate, 1, (t) => t], { boundaries: [steps, 20] }), constant(1)]
  adam({ lr: list[0], weightDecay: chained([rate, ...list]) })
  // @ts-expect-error not a number
  adam({ lr: '1' })
  // @ts-expect-error no such option
  adam({ momentum: 1 })
  // @ts-expect-error the name is no option
  adam({ name: 'adam' })
  // @ts-expect-error betas cannot be scheduled
  adam({ beta1: warmup(0.9, { steps: 1 }) })
  // @ts-expect-error a cosine requires steps
  cosine(1e-3)
  // @ts-expect-error a cosine requires steps
  cosine(1e-3, {})
  // @ts-expect-error a step schedule requires a size
  step(1e-3, {})
  // @ts-expect-error a cosine has no power
  cosine(1e-3, { steps: 10, power: 2 })
  // @ts-expect-error the strategy is not valid
  oneCycle(1e-3, { steps: 10, annealStrategy: 'cosine' })
  // @ts-expect-error the value must be a number
  linear(cosine(1e-3, { steps: 10 }), { endValue: 0, steps: 10 })
  // @ts-expect-error no schedule has that name
  adam({ lr: { schedule: 'zigzag', value: 1 } })
  // @ts-expect-error no such form
  nesterov({ form: 'torch' })
  // @ts-expect-error delayed twice
  delayedStart(1, delayed)
  // @ts-expect-error no rule has the option
  const unknown: OptionsOf<Rule> = { learningRate: 1 }
  // @ts-expect-error descriptions are frozen
  rules.adam.lr = 1
  return [unknown, stateless, careless]
}

const tiger = defineRule('tiger', {
  options: { lr: { default: 1e-3, scheduled: true }, beta: { default: 0.965, below: 1 }, warm: false },
  state: { m: 0, slow: 'parameters' },
  step: 'm = beta*m + (1 - beta)*g; theta = warm ? theta - lr*sign(m) : theta - lr*m',
})
const own = tiger({ lr: cosine(1, { steps: 3 }), beta: 0.9, warm: true })
export const ofTiger: State<typeof own> = { m: array, slow: array }
export const anyRule: CustomRule = delayedStart(2, own)
export const anyOfEquations: EquationRule = own
const delayedTiger = delayedStart(2, tiger({ lr: 1 }))
export const ofDelayedTiger: State<typeof delayedTiger> = ofTiger
export const optimizerOfTiger = new Optimizer({ w: array }, own, { groups: [{ match: 'w', rule: adam() }] })
export const ownMoment: Float32Array = optimizerOfTiger.state.w.m
// @ts-expect-error there is no such option
tiger({ rate: 1 })
// @ts-expect-error beta is not a flag
tiger({ beta: true })
// @ts-expect-error beta cannot be a schedule
tiger({ beta: cosine(1, { steps: 3 }) })
