import type { Arena } from './arena.js'
import type { Cohorts, RuleInUse } from './cohorts.js'
import type { FloatArray } from './rules/kernel.js'
import type { StateOf } from './rules/rule.js'
import { type Shape, unflatten, type Views } from './tensors.js'

/** A tensor's state: live views, and how many updates it has had. */
export type TensorState<R, T> = { readonly updates: number } & StateOf<R, T>

/** The state of each tensor, in the shape of the parameters. */
export type States<P, R> = P extends FloatArray
  ? TensorState<R, Views<P>>
  : P extends readonly unknown[]
    ? { readonly [K in keyof P]: States<P[K], R> }
    : { readonly [K in keyof P as K & keyof Views<P>]: States<P[K], R> }

/** Live views of the state of each tensor. */
export function statesOf<P, R>(shape: Shape, arena: Arena, use: RuleInUse, cohorts: Cohorts): States<P, R> {
  const [firstArray] = arena.firstArrays
  return unflatten(shape, (tensor) => {
    const views = use.state.map((name, k) => [name, arena.view(firstArray + k, tensor)])
    return Object.freeze({
      ...Object.fromEntries(views),
      get updates() {
        return cohorts.updatesOf(tensor)
      },
    })
  }) as States<P, R>
}
