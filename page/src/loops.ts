/** Plain JavaScript loops, with which the engines are compared. */

import type { Rule } from 'antigrad'

type PlainLoop = (rule: never, params: Float32Array, grads: Float32Array) => () => void

const loops: Readonly<Partial<Record<Rule['name'], PlainLoop>>> = {
  gradientDescent:
    ({ lr }: { lr: number }, params, grads) =>
    () => {
      for (let i = 0; i < params.length; i++) params[i] -= lr * grads[i]
    },
  momentum: ({ lr, momentum }: { lr: number; momentum: number }, params, grads) => {
    const v = new Float32Array(params.length)
    return () => {
      for (let i = 0; i < params.length; i++) {
        v[i] = momentum * v[i] - lr * grads[i]
        params[i] += v[i]
      }
    }
  },
  adam: ({ lr, beta1, beta2, eps }: Record<'lr' | 'beta1' | 'beta2' | 'eps', number>, params, grads) => {
    const m = new Float32Array(params.length)
    const v = new Float32Array(params.length)
    let t = 0
    return () => {
      t++
      const [c1, c2] = [lr / (1 - beta1 ** t), 1 / Math.sqrt(1 - beta2 ** t)]
      for (let i = 0; i < params.length; i++) {
        m[i] = beta1 * m[i] + (1 - beta1) * grads[i]
        v[i] = beta2 * v[i] + (1 - beta2) * grads[i] * grads[i]
        params[i] -= (c1 * m[i]) / (Math.sqrt(v[i]) * c2 + eps)
      }
    }
  },
}

/** The plain loop of a rule; undefined if the rule has no plain loop. */
export const makePlainLoop = (rule: Rule) => loops[rule.name] as PlainLoop | undefined
