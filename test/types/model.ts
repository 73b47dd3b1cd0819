/** Groups, shapes, added tensors and saved runs that TypeScript must accept or refuse. */

import {
  type Adam,
  type AdamW,
  adam,
  adamw,
  type CheckpointDifference,
  type CheckpointError,
  ema,
  type GradientDescent,
  type Group,
  gradientDescent,
  layerDecay,
  type Match,
  momentum,
  nesterov,
  noDecay,
  Optimizer,
  type OptimizerOptions,
  type Rule,
  type SavedRun,
  type SkipReason,
  sgd,
  swa,
  type TensorDescription,
  warmup,
} from 'antigrad'

const parameters = () => ({
  embed: Float32Array.of(1, 2, 3, 4),
  body: { weight: Float32Array.of(1, 2), bias: Float32Array.of(3) },
})
type Model = ReturnType<typeof parameters>

/** A program's own array of groups, and matches. */
const own: readonly Group<AdamW>[] = [noDecay('embed'), { match: { maxRank: 1 }, lr: 1e-4 }]
const isLarge: Match = ({ length, shape, name }: TensorDescription) =>
  length > 100 || (shape?.length ?? 0) > 1 || name === ''

export const mixed = new Optimizer(parameters(), adamw({ lr: 1e-3 }), {
  shapes: { embed: [2, 2], body: { weight: [2, 1], bias: [1] } },
  groups: [
    ...layerDecay(['embed', ['body.*', isLarge]], 0.75),
    noDecay(),
    { match: '**.bias', lr: warmup(1e-4, { steps: 10 }), lrScale: 2 },
    { match: 'body.weight', rule: momentum({ lr: 0.02 }) },
    { match: ['embed', { maxRank: 0 }], frozen: true },
  ],
  accumulate: { batches: 2, reduce: 'sum' },
  average: ema(0.99, { corrected: true }),
  lookahead: { steps: 5 },
  onNonFinite: 'skip',
  maxConsecutiveSkips: 3,
  recordNorms: true,
})
/** Inferred from the rules in groups, so that their options and state are known. */
export const typed: Optimizer<Model, AdamW, 'momentum'> = mixed
export const alike: OptimizerOptions<Model, AdamW, Rule['name']> = {
  groups: own,
  average: swa({ start: 10 }),
}

export const wasUpdated: boolean = mixed.step({ body: { bias: Float32Array.of(1) } })
export const willBe: Promise<boolean> = mixed.stepAsync()
export const was: boolean = await willBe
export const weightAverage: Float32Array = mixed.average.body.weight
const ofWeight = mixed.state.body.weight
export const v: Float32Array = ofWeight.v
export const m: Float32Array | null = 'm' in ofWeight ? ofWeight.m : null
export const count: number = ofWeight.updates
mixed.set({ lr: 5e-4 })
mixed.set('embed', { beta1: 0.8 })
mixed.set('body.weight', { momentum: 0.8 })
mixed.set(isLarge, { lr: 1e-4 })
mixed.freeze(['embed', '**.bias'])
mixed.unfreeze({ maxRank: 2 })

export const more = mixed.add(
  { head: Float32Array.of(5, 6), body: { gain: Float32Array.of(7) } },
  {
    shapes: { head: [2], body: { gain: [1] } },
    groups: [{ match: 'head', lr: 1e-4 }],
  },
)
export const added: Float32Array = more.params.body.gain
export const before: Float32Array = more.params.body.weight
more.step({ head: Float32Array.of(1, 2), body: { weight: null, gain: Float32Array.of(1) } })
more.appendRows('embed', Float32Array.of(7, 8))
export const list = new Optimizer([Float64Array.of(1)], gradientDescent()).add([Float64Array.of(2)])
export const second: Float64Array = list.params[1]

export const { norm, norms, reason, skipped, nonFinite, consecutiveSkips, lr } = mixed.lastStep
export const why: SkipReason | null = reason
export const ruleOfFirst: Rule = mixed.report().tensors[0].rule

export const saved: SavedRun = structuredClone(mixed.save())
export const loaded = Optimizer.load<Model, AdamW, 'momentum'>(saved, {
  engine: 'typescript',
  onWarning() {},
})
loaded.set('body.weight', { momentum: 0.9 })
loaded.set('**.bias', { beta2: 0.99 })
export const weight: Float32Array = loaded.params.body.weight
export const left: readonly CheckpointDifference[] = loaded.restore(saved, { partial: true })
export const unknown = Optimizer.load(saved)
unknown.set({ lr: 1 })
export const tensors = (error: CheckpointError) => error.differences.map(({ tensor }) => tensor)
export const savedState = saved.tensors.embed.state.m

export const refused = (never: false) => {
  if (!never) return
  const params = parameters()
  // @ts-expect-error no rule has the option
  new Optimizer(params, adamw(), { groups: [{ match: 'embed', learningRate: 1 }] })
  // @ts-expect-error the only rule, gradient descent, has no beta1
  new Optimizer(params, gradientDescent(), { groups: [{ match: 'embed', beta1: 0.5 }] })
  // @ts-expect-error the match is missing
  new Optimizer(params, adamw(), { groups: [{ frozen: true }] })
  // @ts-expect-error not a rule
  new Optimizer(params, adamw(), { groups: [{ match: 'embed', rule: { name: 'adams' } }] })
  // @ts-expect-error a regular expression is no match
  new Optimizer(params, adamw(), { groups: [{ match: /embed/, frozen: true }] })
  // @ts-expect-error a factor is no schedule
  new Optimizer(params, adamw(), { groups: [{ match: 'embed', lrScale: warmup(1, { steps: 2 }) }] })
  // @ts-expect-error no tensor of that name
  new Optimizer(params, adamw(), { shapes: { head: [2] } })
  // @ts-expect-error a shape must be a list
  new Optimizer(params, adamw(), { shapes: { embed: 4 } })
  // @ts-expect-error a number is not an average
  new Optimizer(params, adamw(), { average: 0.99 })
  // @ts-expect-error 'ignore' is not a valid value
  new Optimizer(params, adamw(), { onNonFinite: 'ignore' })
  // @ts-expect-error only 'mean' and 'sum' are valid
  new Optimizer(params, adamw(), { accumulate: { batches: 2, reduce: 'max' } })
  // @ts-expect-error momentum has no m
  ofWeight.m
  // @ts-expect-error AdamW has no option momentum
  mixed.set({ momentum: 0.5 })
  // @ts-expect-error neither AdamW nor momentum has the option
  mixed.set('embed', { dampening: 0.5 })
  // @ts-expect-error the match is missing
  mixed.freeze()
  // @ts-expect-error the tensor has not been added yet
  mixed.step({ head: Float32Array.of(1) })
  // @ts-expect-error the shapes must belong to added tensors
  mixed.add({ head: Float32Array.of(1) }, { shapes: { embed: [2, 2] } })
  // @ts-expect-error plain numbers
  mixed.add({ head: [1] })
  // @ts-expect-error plain numbers
  mixed.appendRows('embed', [1, 2])
  // @ts-expect-error an optimizer is no saved run
  Optimizer.load(mixed)
  // @ts-expect-error clip is not an option of load
  Optimizer.load(saved, { clip: { norm: 1 } })
  // @ts-expect-error saved runs are read-only
  saved.updates = 1
  // @ts-expect-error Adam has no option momentum
  Optimizer.load<Model, Adam>(saved).set({ momentum: 1 })
  // @ts-expect-error AdamW is not gradient descent
  const other: Optimizer<Model, GradientDescent> = Optimizer.load<Model, AdamW>(saved)
  return [other, adam]
}

const one = () => Float32Array.of(1)

/** Rules of several groups in one array. */
const several = new Optimizer({ a: one(), b: one(), c: one() }, adamw(), {
  groups: [
    { match: 'a', rule: momentum() },
    { match: 'c', lr: 1 },
    { match: 'b', rule: sgd({ momentum: 0.9 }) },
    { match: 'c', rule: nesterov() },
  ],
})
const { b } = several.state
export const buffer = 'b' in b && (b.b satisfies Float32Array | undefined | false)
several.set('a', { momentum: 0.5 })
export const wrong = () => {
  // @ts-expect-error: none of the rules has the option
  several.set('a', { alpha: 0.5 })
}
