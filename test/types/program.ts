/** Uses of the published declarations that the oldest and the newest TypeScript must accept or refuse. */

import {
  type Adam,
  adam,
  delayedStart,
  expression,
  findMinimaSync,
  gradientDescent,
  lbfgs,
  type Method,
  type MinimizeResult,
  minimize,
  minimizeMany,
  minimizeManySync,
  newton,
  Optimizer,
  type Params,
  type Rule,
  rosenbrock,
  sgd,
  sqp,
  type Tree,
} from 'antigrad'

interface Layer {
  weight: Float32Array
  bias?: Float32Array
}

interface Network {
  readonly first: Layer
  layers: Layer[]
}

class Model {
  readonly w = Float32Array.of(1, 2)
  readonly inner = { b: Float32Array.of(3) }
  forward(x: number): number {
    return x * this.w[0] + this.inner.b[0]
  }
}

class Sized {
  readonly w = Float32Array.of(1)
  readonly size = 1
}

export const network: Network = {
  first: { weight: Float32Array.of(1) },
  layers: [{ weight: Float32Array.of(2), bias: Float32Array.of(3) }],
}
export const ofNetwork = new Optimizer(network, gradientDescent({ lr: 1 }))
ofNetwork.step(network)
export const weight: Float32Array = ofNetwork.params.layers[0].weight

export const model = new Model()
export const ofModel = new Optimizer(model, gradientDescent({ lr: 1 }))
ofModel.step(model)
export const b: Float32Array = ofModel.params.inner.b
// @ts-expect-error methods are no parameters
ofModel.params.forward

export const ofOne = new Optimizer(Float64Array.of(1), sgd({ lr: 1 }))
ofOne.step(Float64Array.of(1))
export const ofList = new Optimizer([{ deep: [Float32Array.of(1)] }, { deep: [Float32Array.of(2)] }], adam())
ofList.step([null, { deep: [Float32Array.of(1)] }])
export const deep: Float32Array = ofList.params[1].deep[0]
export const buffer: ArrayBuffer = deep.buffer as ArrayBuffer

export function generic<P extends Params>(params: P): Optimizer<P, Rule> {
  return new Optimizer(params, adam() as Rule)
}
generic({ w: Float32Array.of(1) }).set({ lr: 0.1 })
export const ofAny = <P>(params: P & Tree<P>) => new Optimizer<P, Adam>(params, adam())
export const first: Float32Array = ofAny(network).params.first.weight
const unions: Float32Array | Float64Array = Float32Array.of(1)
new Optimizer(unions, adam())

ofList.set({ lr: 0.1, beta1: 0.8 })
export const delayed = new Optimizer(Float32Array.of(1), delayedStart(1, adam()))
delayed.set({ lr: 0.1 })
const anyRule: Rule = sgd()
new Optimizer(Float32Array.of(1), anyRule).set({ lr: 0.1 })

const method: Method = lbfgs({ history: 5 })
const fill = (out: { [i: number]: number }, by: number) => void Object.assign(out, [by])
const ruleOrMethod: Rule | Method = method
export const ended: MinimizeResult = minimize(rosenbrock(), [0, 0], method, { maxIterations: 2 })
export const either = minimize(rosenbrock(), [0, 0], ruleOrMethod, { tolerance: 1e-6 })
export const manyByMethod = minimizeMany(expression('x^2'), [1], lbfgs())
export const byNewton = minimize(
  { value: (x) => x[0] ** 2, gradient: (x, out) => fill(out, 2 * x[0]), hessian: (_, out) => fill(out, 2) },
  [1],
  newton({ radius: 2 }),
)
export const manyByNewton = minimizeMany(expression('x^2'), [1], newton())
const constrained = minimizeManySync(expression('(a*t - b)^2'), { a: [1], b: [2], c: [3] }, sqp(), {
  data: { t: [1] },
  bounds: { a: { min: [0] } },
  constraints: [{ name: 'sum', expr: 'a + b + c', equal: 1 }],
})
export const column: Float64Array = constrained.boundMultipliers.c ?? constrained.x.a
export const lowest: number = findMinimaSync(expression('(a*t - b)^2'), {
  data: { t: [1] },
  bounds: [
    [0, 1],
    [0, 1],
  ],
}).minima[0].values.a
export const byRule = minimize(rosenbrock(), [0, 0], anyRule, { bounds: [null, null], maxIterations: 1 })

export const refused = (never: false) => {
  if (!never) return
  // @ts-expect-error a method is no rule
  new Optimizer(Float32Array.of(1), lbfgs())
  // @ts-expect-error a method is no rule
  delayedStart(1, lbfgs())
  // @ts-expect-error no clipping for a method
  minimize(rosenbrock(), [0, 0], lbfgs(), { bounds: [null, null], clip: { norm: 1 } })
  // @ts-expect-error no engine for what may be a method
  minimize(rosenbrock(), [0, 0], ruleOrMethod as Rule | Method, { engine: 'wasm' })
  // @ts-expect-error a column
  constrained.x.t
  // @ts-expect-error no constraints
  minimizeManySync(expression('x^2'), [1], lbfgs(), { constraints: [] })
  // @ts-expect-error no such option
  lbfgs({ lr: 1 })
  // @ts-expect-error no such option
  newton({ history: 1 })
  // @ts-expect-error no such option
  ofList.set({ learningRate: 1 })
  // @ts-expect-error gradient descent has no beta1
  ofModel.set({ beta1: 0.5 })
  // @ts-expect-error not a number
  delayed.set({ lr: '1' })
  // @ts-expect-error no such option of any rule
  new Optimizer(Float32Array.of(1), anyRule).set({ learningRate: 1 })
  // @ts-expect-error plain numbers
  new Optimizer([1, 2], adam())
  // @ts-expect-error plain numbers
  new Optimizer({ w: Float32Array.of(1), b: [1, 2] }, adam())
  // @ts-expect-error integers
  new Optimizer({ w: new Int32Array(1) }, adam())
  // @ts-expect-error a number in a class
  new Optimizer(new Sized(), adam())
  // @ts-expect-error text
  new Optimizer('weights', adam())
  // @ts-expect-error a function
  new Optimizer(() => Float32Array.of(1), adam())
  // @ts-expect-error nothing
  new Optimizer({ w: Float32Array.of(1), b: undefined }, adam())
  // @ts-expect-error a map
  new Optimizer(new Map([['w', Float32Array.of(1)]]), adam())
  // @ts-expect-error a misspelled name
  ofNetwork.step({ frist: { weight: Float32Array.of(1) } })
  // @ts-expect-error the other dtype
  ofOne.step(Float32Array.of(1))
  // @ts-expect-error not a list
  ofList.step(Float32Array.of(1))
}
