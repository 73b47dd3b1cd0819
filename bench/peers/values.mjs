// The common work: the same parameters and gradients in each language, and the expected results.

/** Options of each library, by antigrad's names. All other options are 0 or off. */
export const settings = {
  lr: 1e-2,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  momentum: 0.9,
  alpha: 0.99,
  adagradEps: 1e-10,
  weightDecay: 1e-2,
  threshold: 5,
  norm: 1,
}

/**
 * The rules that measure whole tensors, by antigrad's options; what is not here is in `settings`. The gradients
 * never change while time is taken: decay keeps parameters finite all the same, and η is such that each rule's
 * movement can be told from float32's rounding.
 */
export const measuring = {
  lamb: { lr: 1e-2, eps: 1e-6, weightDecay: 1e-2 },
  lars: { lr: 1, momentum: 0.9, eps: 0, trustCoefficient: 1e-3, weightDecay: 1e-2 },
  novograd: { lr: 1, beta2: 0.25, eps: 1e-6, weightDecay: 1e-2 },
  prodigy: { lr: 0.1, d0: 1e-2, useBiasCorrection: true, weightDecay: 1e-2 },
  scheduleFreeAdamW: { lr: 1e-2, weightDecay: 1e-2 },
  stableAdamW: { lr: 1e-2, beta2: 0.99, weightDecay: 1e-2 },
  // The step is proportional to the parameters, so a smaller one lets them grow for longer.
  adafactor: { lr: 2e-4 },
  // Without Nesterov momentum, whose first steps Optax corrects.
  muon: { lr: 1e-2, momentum: 0.95, nesterov: false, weightDecay: 1e-2 },
}

/** `train` is AdamW with clipping by the global norm before the step and zeroing of the gradients after it. */
export const elementwise = ['adam', 'adamw', 'sgd', 'adagrad', 'rmsprop', 'radam']
export const rules = [...elementwise, ...Object.keys(measuring)]
export const ruleNames = {
  adam: 'Adam',
  adamw: 'AdamW',
  sgd: 'SGD with momentum',
  adagrad: 'Adagrad',
  rmsprop: 'RMSProp',
  radam: 'RAdam',
  lamb: 'LAMB',
  lars: 'LARS',
  novograd: 'NovoGrad',
  prodigy: 'Prodigy',
  scheduleFreeAdamW: 'Schedule-Free AdamW',
  stableAdamW: 'StableAdamW',
  adafactor: 'Adafactor',
  muon: 'Muon',
  train: 'clip, AdamW, zero',
}

export const sizes = ['2', '10', '100', '1000', '10000', '100000', '1000000', '10000000', '1000x1000']

/** Shapes for the measuring rules: one nearly square matrix per size. */
const matrices = {
  1000: [25, 40],
  10000: [100, 100],
  100000: [250, 400],
  1000000: [1000, 1000],
  10000000: [2500, 4000],
}

/** The shapes of the tensors, or undefined if a rule has none of that size. */
export function shapesOf(rule, size) {
  if (!Object.hasOwn(measuring, rule)) return lengthsOf(size).map((length) => [length])
  return Object.hasOwn(matrices, size) ? [matrices[size]] : undefined
}

/** The lengths of the tensors: '1000x1000' is 1000 tensors of 1000. */
export function lengthsOf(size) {
  const [count, length] = size.includes('x') ? size.split('x').map(Number) : [1, Number(size)]
  return new Array(count).fill(length)
}
export const parametersOf = (size) => lengthsOf(size).reduce((sum, length) => sum + length, 0)

/**
 * Element i of the parameters (k = 0) or of a set of gradients (k = 1 or 2): from −½ to ½, exact in float32, and
 * computed from integers, so that host.py computes the same values.
 */
export const value = (i, k) => (Math.imul(i + 1 + k * 7919, 0x9e3779b1) >>> 8) / 2 ** 24 - 0.5

/** The values of all tensors; i counts through all of them. */
export function values(lengths, k) {
  let from = 0
  return lengths.map((length) => {
    const tensor = new Float32Array(length)
    for (let i = 0; i < length; i++) tensor[i] = value(from + i, k)
    from += length
    return tensor
  })
}

/** Indices of the compared elements: all, or 1000 spread over the whole length. */
export function probes(count) {
  if (count <= 1000) return Array.from({ length: count }, (_, i) => i)
  return Array.from({ length: 1000 }, (_, j) => Math.floor((j * (count - 1)) / 999))
}

/** The elements with these indices, counted through all tensors. */
export function pick(tensors, indices) {
  const ends = []
  let end = 0
  for (const tensor of tensors) {
    end += tensor.length
    ends.push(end)
  }
  let at = 0
  return indices.map((i) => {
    while (i >= ends[at]) at++
    return tensors[at][i - (ends[at] - tensors[at].length)]
  })
}

/** Number of steps with each set of gradients before the results are compared. */
export const CHECKED_STEPS = 4

/**
 * Reference values of elementwise rules in float64, after CHECKED_STEPS with gradients 1 and as many with gradients 2.
 * @param eps, epsInRoot if a library's ε cannot be set as in `settings`
 */
export function reference(rule, count, indices, { eps = epsMoment(rule), epsInRoot = false } = {}) {
  const { lr, beta1, beta2, momentum, alpha, weightDecay, threshold, norm } = settings
  const scale = [1, 1, 1]
  if (rule === 'train') {
    for (const k of [1, 2]) {
      let sum = 0
      for (let i = 0; i < count; i++) sum += value(i, k) ** 2
      scale[k] = Math.min(1, norm / Math.sqrt(sum))
    }
  }
  const root = (x) => (epsInRoot ? Math.sqrt(x + eps) : Math.sqrt(x) + eps)
  const rhoInf = 2 / (1 - beta2) - 1
  return indices.map((i) => {
    let theta = value(i, 0)
    let m = 0
    let v = 0
    for (let t = 1; t <= 2 * CHECKED_STEPS; t++) {
      const k = t <= CHECKED_STEPS ? 1 : 2
      const g = value(i, k) * scale[k]
      if (rule === 'sgd') {
        m = momentum * m + g
        theta -= lr * m
      } else if (rule === 'adagrad') {
        v += g * g
        theta -= (lr * g) / root(v)
      } else if (rule === 'rmsprop') {
        v = alpha * v + (1 - alpha) * g * g
        theta -= (lr * g) / root(v)
      } else {
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        const mHat = m / (1 - beta1 ** t)
        const bias2 = 1 - beta2 ** t
        if (rule === 'adamw' || rule === 'train') theta *= 1 - lr * weightDecay
        if (rule === 'radam') {
          const rho = rhoInf - (2 * t * beta2 ** t) / bias2
          const r = Math.sqrt(((rho - 4) * (rho - 2) * rhoInf) / ((rhoInf - 4) * (rhoInf - 2) * rho))
          theta -= rho > threshold ? (lr * mHat * r) / root(v / bias2) : lr * mHat
        } else {
          theta -= (lr * mHat) / root(v / bias2)
        }
      }
    }
    return theta
  })
}

const epsMoment = (rule) => (rule === 'adagrad' ? settings.adagradEps : settings.eps)

/** The largest difference relative to the largest movement. */
export function errorOf(found, expected, indices) {
  let worst = 0
  let movement = 0
  found.forEach((x, j) => {
    const error = Math.abs(x - expected[j])
    if (!(error <= worst)) worst = error // NaN counts as the largest error.
    movement = Math.max(movement, Math.abs(expected[j] - value(indices[j], 0)))
  })
  return worst / movement
}

/**
 * Tolerance of errors. Rounding in float32 causes errors of 1e-7 to 1e-5, and of 2e-4 if r_t is also computed in
 * float32 (Optax's RAdam). Another rule, or a missing bias correction, causes errors of 1e-1 and more.
 */
export const TOLERANCE = 1e-3
