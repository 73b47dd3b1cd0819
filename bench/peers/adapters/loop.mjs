// Loops that a user would write without a library: once with float64 arithmetic (a Float32Array rounds stored values),
// and once with float32 rounding by Math.fround after each operation. Each rule is a separate function, so that it is
// compiled separately. Coefficients are computed once per step.
import { pick, settings, values } from '../values.mjs'

const { lr, beta1, beta2, eps, momentum, alpha, adagradEps, weightDecay, threshold } = settings
const f = Math.fround
const [b1, o1, b2, o2, e] = [beta1, 1 - beta1, beta2, 1 - beta2, eps].map(f)
const [a, o, mu, eta, tiny] = [alpha, 1 - alpha, momentum, lr, adagradEps].map(f)

const loops = {
  float64: {
    adam: (p, g, [m, v], { c1, c2, decay }) => {
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const mi = beta1 * m[i] + (1 - beta1) * gi
        const vi = beta2 * v[i] + (1 - beta2) * gi * gi
        m[i] = mi
        v[i] = vi
        p[i] = decay * p[i] - (c1 * mi) / (Math.sqrt(vi) * c2 + eps)
      }
    },
    sgd: (p, g, [b]) => {
      for (let i = 0; i < p.length; i++) {
        const bi = momentum * b[i] + g[i]
        b[i] = bi
        p[i] -= lr * bi
      }
    },
    adagrad: (p, g, [s]) => {
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const si = s[i] + gi * gi
        s[i] = si
        p[i] -= (lr * gi) / (Math.sqrt(si) + adagradEps)
      }
    },
    rmsprop: (p, g, [v]) => {
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const vi = alpha * v[i] + (1 - alpha) * gi * gi
        v[i] = vi
        p[i] -= (lr * gi) / (Math.sqrt(vi) + eps)
      }
    },
    unrectified: (p, g, [m, v], { c1 }) => {
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const mi = beta1 * m[i] + (1 - beta1) * gi
        m[i] = mi
        v[i] = beta2 * v[i] + (1 - beta2) * gi * gi
        p[i] -= c1 * mi
      }
    },
  },
  fround: {
    adam: (p, g, [m, v], coefficients) => {
      const c1 = f(coefficients.c1)
      const c2 = f(coefficients.c2)
      const decay = f(coefficients.decay)
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const mi = f(f(b1 * m[i]) + f(o1 * gi))
        const vi = f(f(b2 * v[i]) + f(o2 * f(gi * gi)))
        m[i] = mi
        v[i] = vi
        p[i] = f(f(decay * p[i]) - f(f(c1 * mi) / f(f(f(Math.sqrt(vi)) * c2) + e)))
      }
    },
    sgd: (p, g, [b]) => {
      for (let i = 0; i < p.length; i++) {
        const bi = f(f(mu * b[i]) + g[i])
        b[i] = bi
        p[i] = f(p[i] - f(eta * bi))
      }
    },
    adagrad: (p, g, [s]) => {
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const si = f(s[i] + f(gi * gi))
        s[i] = si
        p[i] = f(p[i] - f(f(eta * gi) / f(f(Math.sqrt(si)) + tiny)))
      }
    },
    rmsprop: (p, g, [v]) => {
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const vi = f(f(a * v[i]) + f(o * f(gi * gi)))
        v[i] = vi
        p[i] = f(p[i] - f(f(eta * gi) / f(f(Math.sqrt(vi)) + e)))
      }
    },
    unrectified: (p, g, [m, v], coefficients) => {
      const c1 = f(coefficients.c1)
      for (let i = 0; i < p.length; i++) {
        const gi = g[i]
        const mi = f(f(b1 * m[i]) + f(o1 * gi))
        m[i] = mi
        v[i] = f(f(b2 * v[i]) + f(o2 * f(gi * gi)))
        p[i] = f(p[i] - f(c1 * mi))
      }
    },
  },
}

export function make(rule, lengths, _threads, rounding) {
  const params = values(lengths, 0)
  const state = lengths.map((length) => [new Float32Array(length), new Float32Array(length)])
  let grads
  let power1 = 1
  let power2 = 1
  let t = 0
  const { adam, unrectified } = loops[rounding]
  const simple = loops[rounding][rule]
  const isAdam = ['adam', 'adamw', 'radam'].includes(rule)
  const coefficients = { c1: 0, c2: 0, decay: rule === 'adamw' ? 1 - lr * weightDecay : 1 }
  const rhoInf = 2 / (1 - beta2) - 1

  const step = () => {
    let loop = simple
    if (isAdam) {
      t++
      power1 *= beta1
      power2 *= beta2
      coefficients.c1 = lr / (1 - power1)
      coefficients.c2 = 1 / Math.sqrt(1 - power2)
      loop = adam
      if (rule === 'radam') {
        const rho = rhoInf - (2 * t * power2) / (1 - power2)
        if (rho > threshold) {
          coefficients.c1 *= Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho))
        } else {
          loop = unrectified
        }
      }
    }
    for (let i = 0; i < params.length; i++) loop(params[i], grads[i], state[i], coefficients)
  }
  return {
    gradients: (k) => {
      grads = values(lengths, k)
    },
    run: (count) => {
      for (let i = 0; i < count; i++) step()
    },
    read: (indices) => pick(params, indices),
  }
}
