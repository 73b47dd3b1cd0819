import type { FloatArray } from '../core/numbers.js'
import type { Views } from '../core/tensors.js'
import type { StateOf } from '../rules/rule.js'
import type { Model } from './model.js'

/** The state of a tensor: live views of the state arrays, and the update count. */
export type TensorState<R, T> = { readonly updates: number } & StateOf<R, T>

/** The state of each tensor, in the structure of the parameters. */
export type States<P, R> = P extends FloatArray
  ? TensorState<R, Views<P>>
  : P extends readonly (infer E)[]
    ? E[] extends P
      ? readonly States<E, R>[]
      : { readonly [K in keyof P]: States<P[K], R> }
    : { readonly [K in keyof P as K & keyof Views<P>]: States<P[K], R> }

/** Live views of the state of each tensor; empty for a frozen tensor. */
export function collectStates(model: Model): unknown {
  return model.views((tensor) =>
    Object.freeze({
      ...tensor.state,
      get updates() {
        return tensor.updates
      },
    }),
  )
}
