// jax-js with the wasm backend: the equations of a rule under jit, which compiles them to kernels. Its own optimizers
// are in @jax-js/optax, a package that could not be installed. Jitted functions consume their arguments, which is how
// jax-js reuses memory; `.ref` keeps an argument alive.
import { readFileSync } from 'node:fs'
import { blockUntilReady, defaultDevice, init, jit, numpy as np } from '@jax-js/jax'
import { pick, settings, values } from '../values.mjs'

const { lr, beta1, beta2, eps, momentum, alpha, adagradEps, weightDecay, threshold } = settings

export async function open() {
  await init('wasm')
  defaultDevice('wasm')
  const { version } = JSON.parse(
    readFileSync(new URL('../node_modules/@jax-js/jax/package.json', import.meta.url), 'utf8'),
  )
  return { version }
}

const moments = (m, v, g) => [
  m.mul(beta1).add(g.ref.mul(1 - beta1)),
  v.mul(beta2).add(np.square(g).mul(1 - beta2)),
]
const adam = (decay) =>
  jit((p, g, m, v, c1, c2) => {
    const [m1, v1] = moments(m, v, g)
    const step = m1.ref.mul(c1).div(np.sqrt(v1.ref).mul(c2).add(eps))
    return [(decay === 1 ? p : p.mul(decay)).sub(step), m1, v1]
  })
const updates = {
  adam: adam(1),
  adamw: adam(1 - lr * weightDecay),
  radam: adam(1),
  unrectified: jit((p, g, m, v, c1, c2) => {
    c2.dispose()
    const [m1, v1] = moments(m, v, g)
    return [p.sub(m1.ref.mul(c1)), m1, v1]
  }),
  sgd: jit((p, g, b) => {
    const b1 = b.mul(momentum).add(g)
    return [p.sub(b1.ref.mul(lr)), b1]
  }),
  adagrad: jit((p, g, s) => {
    const s1 = s.add(np.square(g.ref))
    return [p.sub(g.mul(lr).div(np.sqrt(s1.ref).add(adagradEps))), s1]
  }),
  rmsprop: jit((p, g, v) => {
    const v1 = v.mul(alpha).add(np.square(g.ref).mul(1 - alpha))
    return [p.sub(g.mul(lr).div(np.sqrt(v1.ref).add(eps))), v1]
  }),
}

export function make(rule, lengths) {
  const isAdam = ['adam', 'adamw', 'radam'].includes(rule)
  const zeros = () => lengths.map((length) => np.zeros([length]))
  const params = values(lengths, 0).map((tensor) => np.array(tensor))
  const state = isAdam ? [zeros(), zeros()] : [zeros()]
  let grads = []
  let power1 = 1
  let power2 = 1
  let t = 0
  const rhoInf = 2 / (1 - beta2) - 1

  const step = () => {
    let coefficients = []
    let update = updates[rule]
    if (isAdam) {
      t++
      power1 *= beta1
      power2 *= beta2
      let c1 = lr / (1 - power1)
      if (rule === 'radam') {
        const rho = rhoInf - (2 * t * power2) / (1 - power2)
        if (rho > threshold)
          c1 *= Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho))
        else update = updates.unrectified
      }
      coefficients = [np.array(c1), np.array(1 / Math.sqrt(1 - power2))]
    }
    for (let i = 0; i < params.length; i++) {
      const states = state.map((tensors) => tensors[i])
      const shared = coefficients.map((c) => c.ref)
      const next = update(params[i], grads[i].ref, ...states, ...shared)
      params[i] = next[0]
      for (let k = 0; k < state.length; k++) state[k][i] = next[1 + k]
    }
    for (const c of coefficients) c.dispose()
  }
  return {
    gradients: (k) => {
      for (const tensor of grads) tensor.dispose()
      grads = values(lengths, k).map((tensor) => np.array(tensor))
    },
    // Evaluation is lazy: without a wait, a step is only queued.
    run: async (count) => {
      for (let i = 0; i < count; i++) {
        step()
        await blockUntilReady(params)
      }
    },
    read: (indices) =>
      pick(
        params.map((tensor) => tensor.ref.dataSync()),
        indices,
      ),
    drop: () => {
      for (const tensor of [...params, ...grads, ...state.flat()]) tensor.dispose()
    },
  }
}
