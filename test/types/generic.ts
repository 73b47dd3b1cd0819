/** Generic functions and classes for parameters of any shape. All code must compile, and is never run. */

import {
  type Adam,
  adam,
  ema,
  type Gradients,
  Optimizer,
  type Params,
  type Rule,
  type Tree,
  type Views,
} from 'antigrad'

/** Training of any parameters, with a gradient that is written in place. */
export function train<P extends Params>(params: P, gradient: (params: Views<P>, grads: Views<P>) => number) {
  const optimizer = new Optimizer(params, adam(), { average: ema(0.99) })
  const before = gradient(optimizer.params, optimizer.grads)
  optimizer.step()
  gradient(optimizer.average, optimizer.grads)
  return [before, gradient(optimizer.gradientPoint(), optimizer.grads), optimizer.state] as const
}

/** Training with a returned gradient in the structure of the parameters. */
export function descend<P extends Record<string, Float32Array>>(params: P, gradient: (of: Views<P>) => P) {
  const optimizer = new Optimizer(params, adam())
  optimizer.step(gradient(optimizer.params))
  optimizer.step(optimizer.grads)
  optimizer.step(params)
  return optimizer
}

/** Functions that are not generic accept the same parameters. */
export function shown<P extends Record<string, Float32Array>>(params: P, show: (of: Params) => void): number {
  const { params: views, grads } = new Optimizer(params, adam())
  show(views)
  show(grads)
  return Object.values(views).reduce((sum, { length }) => sum + length, 0)
}

export class Trainer<P extends Params, R extends Rule> {
  readonly optimizer: Optimizer<P, R>
  readonly gradient: (params: Views<P>) => Gradients<P>
  constructor(params: P, rule: R, gradient: (params: Views<P>) => Gradients<P>) {
    this.optimizer = new Optimizer(params, rule)
    this.gradient = gradient
  }
  async run(): Promise<Views<P>> {
    await this.optimizer.stepAsync(this.gradient(this.optimizer.params))
    return Optimizer.load<P, R>(this.optimizer.save()).params
  }
}

/** Interfaces and classes are also accepted. */
export function both<P, Q extends Params>(params: P & Tree<P>, others: Q, use: (of: Views<P>) => void) {
  const optimizer = new Optimizer<P, Adam>(params, adam())
  use(optimizer.params)
  optimizer.step(optimizer.grads)
  return optimizer.add(others)
}

interface Network {
  layers: { weight: Float32Array; bias?: Float32Array }[]
  pair: [first: Float32Array, rest: readonly Float32Array[]]
}
const network: Network = {
  layers: [{ weight: Float32Array.of(1) }],
  pair: [Float32Array.of(1), [Float32Array.of(2)]],
}
export const withHead = both(network, { head: Float32Array.of(1) }, ({ layers, pair }) => {
  layers[0].weight[0] = pair[1][0][0]
})
export const head: Float32Array = withHead.params.head
export const stateOfFirst: Float32Array = withHead.state.layers[0].weight.m
withHead.step({ layers: [null], pair: [Float32Array.of(1), [null]] })
export const trained = await new Trainer({ w: Float32Array.of(1) }, adam(), ({ w }) => ({ w })).run()
export const w: Float32Array = trained.w
export const loss: number = train([Float32Array.of(1)], ([w], [g]) => {
  g[0] = w[0]
  return w[0]
})[0]

export const refused = (never: false) => {
  if (!never) return
  // @ts-expect-error numbers are no parameters
  train({ w: [1] }, () => 0)
  // @ts-expect-error no tensor of that name
  train({ w: Float32Array.of(1) }, ({ v }) => v[0])
  // @ts-expect-error the other dtype
  descend({ w: Float32Array.of(1) }, () => ({ w: Float64Array.of(1) }))
  // @ts-expect-error two tensors
  withHead.step({ pair: [null] })
  // @ts-expect-error a misspelled name
  withHead.step({ layers: [{ wieght: Float32Array.of(1) }] })
}
