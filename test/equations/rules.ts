/** Built-in rules written as equations. The equations have the same bits as the built-in rule of the same name. */

import {
  adabelief,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  adan,
  ademamix,
  adopt,
  defineRule,
  gradientDescent,
  lamb,
  laprop,
  lars,
  lion,
  mars,
  momentum,
  nadam,
  novograd,
  type Rule,
  type RuleDefinition,
  radam,
  rmsprop,
  rprop,
  sgd,
  signSgd,
  stableAdamW,
  yogi,
} from 'antigrad'

type Options = Readonly<Record<string, unknown>>

/** Equations, and the options that the equations share with a built-in rule. */
export interface Twin {
  readonly name: string
  readonly own: (options?: Options) => Rule
  readonly built: (options?: Options) => Rule
  readonly options: Options
  /** Whether an element's update depends on other elements of the tensor. */
  readonly sums: boolean
}

const rate = (value: number) => ({ default: value, min: 0, scheduled: true })
const fraction = (value: number) => ({ default: value, min: 0, below: 1 })
const positive = (value: number) => ({ default: value, min: 0 })
const betas = { beta1: fraction(0.9), beta2: fraction(0.999) }
/** The state of Adam and similar rules. */
const moments = {
  options: { lr: rate(1e-3), ...betas, eps: positive(1e-8), weightDecay: rate(0) },
  state: { m: 0, v: 0 },
  scalars: { p1: 1, p2: 1 },
} as const

/** The pipeline does not add 0·θ, so a gradient of −0 remains −0. */
const coupled = 'g = weightDecay > 0 ? g + weightDecay*theta : g'
const products = `p1 = p1*beta1
  p2 = p2*beta2`
const averagesOf = (x: string) => `${products}
  m = beta1*m + (1 - beta1)*${x}
  v = beta2*v + (1 - beta2)*(${x}*${x})`
const averages = averagesOf('g')
const divisor = 'sqrt(v)*(1/sqrt(1 - p2)) + eps'
const decayed = 'theta*(1 - lr*weightDecay)'

export const twins: Twin[] = []

function twin<R extends Rule>(
  name: string,
  given: RuleDefinition,
  built: (options: never) => R,
  options: Options = {},
  /** Options of the built-in rule that select the form of the equations. */
  form: Options = {},
): void {
  // Options that several rules share.
  const used = Object.entries(given.options ?? {}).filter(([option]) =>
    new RegExp(`\\b${option}\\b`).test(given.step),
  )
  twins.push({
    name,
    options,
    own: defineRule(name, { ...given, options: Object.fromEntries(used) }) as never,
    built: (options) => built({ ...form, ...options } as never),
    sums: /\b(?:norm|sum|mean)\(/.test(given.step),
  })
}

twin('own-gradientDescent', { options: { lr: rate(1e-3) }, step: 'theta = theta - lr*g' }, gradientDescent, {
  lr: 0.05,
})
const ofSgd = { lr: rate(1e-3), momentum: rate(0), weightDecay: rate(0) }
twin('own-sgd', { options: ofSgd, step: `${coupled}; theta = theta - lr*g` }, sgd, {
  lr: 0.05,
  weightDecay: 0.1,
})
twin(
  'own-sgd-momentum',
  {
    options: { ...ofSgd, dampening: positive(0) },
    state: { b: 0 },
    step: `${coupled}
      b = momentum*b + (t == 1 ? 1 : 1 - dampening)*g
      theta = theta - lr*b`,
  },
  sgd,
  { lr: 0.05, momentum: 0.9, dampening: 0.1, weightDecay: 0.01 },
)
twin(
  'own-sgd-nesterov',
  {
    options: ofSgd,
    state: { b: 0 },
    step: `b = momentum*b + g
      theta = ${decayed} - lr*(g + momentum*b)`,
  },
  sgd,
  { lr: 0.05, momentum: 0.9, weightDecay: 0.1 },
  { nesterov: true, decoupledWeightDecay: true },
)
twin(
  'own-momentum',
  {
    options: { lr: rate(1e-3), momentum: rate(0.9) },
    state: { v: 0 },
    step: 'v = momentum*v - lr*g; theta = theta + v',
  },
  momentum,
  { lr: 0.05 },
)

twin(
  'own-adagrad',
  {
    options: { lr: rate(1e-2), lrDecay: positive(0), weightDecay: rate(0), eps: positive(1e-10) },
    state: { s: 0.25 },
    step: `${coupled}
      s = s + g*g
      theta = theta - lr/(1 + (t - 1)*lrDecay)*over(g, sqrt(s) + eps)`,
  },
  adagrad,
  { lr: 0.1, lrDecay: 0.01, weightDecay: 0.1 },
  { initialAccumulator: 0.25 },
)
twin(
  'own-adagrad-essay',
  {
    options: { lr: rate(1e-2) },
    state: { s: { start: 0, flush: false } },
    step: 's = s + g*g; theta = theta - lr*over(g, sqrt(1/t*s))',
  },
  adagrad,
  { lr: 0.1 },
  { form: 'essay' },
)
const ofRmsprop = {
  lr: rate(1e-2),
  alpha: fraction(0.99),
  eps: positive(1e-8),
  weightDecay: rate(0),
  momentum: rate(0),
}
const rms = 'v = alpha*v + (1 - alpha)*(g*g)'
twin(
  'own-rmsprop',
  {
    options: ofRmsprop,
    state: { v: 0 },
    step: `${coupled}; ${rms}; theta = theta - lr*over(g, sqrt(v) + eps)`,
  },
  rmsprop,
  { lr: 0.01, alpha: 0.9, weightDecay: 0.1 },
)
twin(
  'own-rmsprop-essay',
  {
    options: ofRmsprop,
    state: { v: { start: 0, flush: false } },
    step: `kept = t == 1 ? 0 : alpha
      v = kept*v + (1 - kept)*(g*g)
      theta = theta - lr*over(g, sqrt(v))`,
  },
  rmsprop,
  { lr: 0.01 },
  { form: 'essay' },
)
twin(
  'own-rmsprop-optax',
  {
    options: ofRmsprop,
    state: { v: 0, b: 0 },
    step: `${rms}
      b = momentum*b + lr*over(g, sqrt(v + eps))
      theta = theta - b`,
  },
  rmsprop.optax,
  { lr: 0.01, alpha: 0.9, momentum: 0.9 },
)
twin(
  'own-rmsprop-centered',
  {
    options: ofRmsprop,
    state: { v: 0, a: 0, b: 0 },
    step: `${coupled}; ${rms}
      a = alpha*a + (1 - alpha)*g
      variance = v - a*a
      b = momentum*b + over(g, sqrt(variance < 0 ? 0 : variance) + eps)
      theta = theta - lr*b`,
  },
  rmsprop,
  { lr: 0.01, alpha: 0.9, momentum: 0.5, weightDecay: 0.1 },
  { centered: true },
)
twin(
  'own-adadelta',
  {
    options: { lr: rate(1), rho: fraction(0.9), eps: positive(1e-6), weightDecay: rate(0) },
    state: { v: 0, w: 0 },
    step: `${coupled}
      v = rho*v + (1 - rho)*(g*g)
      delta = over(sqrt(w + eps), sqrt(v + eps))*g
      w = rho*w + (1 - rho)*(delta*delta)
      theta = theta - lr*delta`,
  },
  adadelta,
  { lr: 0.5, weightDecay: 0.1 },
)

twin(
  'own-adam',
  { ...moments, step: `${coupled}; ${averages}; theta = theta - over(lr/(1 - p1)*m, ${divisor})` },
  adam,
  { lr: 0.05, weightDecay: 0.1 },
)
twin(
  'own-adam-raw',
  {
    ...moments,
    step: `${averages}; theta = theta - over(lr/(1 - p1)*sqrt(1 - p2)*m, sqrt(v) + eps)`,
  },
  adam.sparse,
  { lr: 0.05, beta2: 0.9 },
)
twin(
  'own-adam-unprotected',
  {
    ...moments,
    state: { m: { start: 0, flush: false }, v: { start: 0, flush: false } },
    step: `${averages}; theta = theta - over(lr/(1 - p1)*m, ${divisor})`,
  },
  adam,
  { lr: 0.05, eps: 0 },
)
twin(
  'own-adamw',
  { ...moments, step: `${averages}; theta = ${decayed} - over(lr/(1 - p1)*m, ${divisor})` },
  adamw,
  { lr: 0.05, weightDecay: 0.1 },
)
twin(
  'own-amsgrad',
  {
    ...moments,
    state: { m: 0, v: 0, largest: 0 },
    step: `${coupled}; ${averages}
      largest = largest > v ? largest : v
      theta = theta - over(lr/(1 - p1)*m, sqrt(largest)*(1/sqrt(1 - p2)) + eps)`,
  },
  adam,
  { lr: 0.05, beta2: 0.9, weightDecay: 0.1 },
  { amsgrad: true },
)
twin(
  'own-amsgrad-corrected',
  {
    ...moments,
    state: { m: 0, v: 0, largest: 0 },
    step: `${averages}
      size = 1/(1 - p2)*v
      largest = largest > size ? largest : size
      theta = theta - over(lr/(1 - p1)*m, sqrt(largest) + eps)`,
  },
  adam,
  { lr: 0.05 },
  { amsgrad: true, amsgradMoment: 'corrected' },
)
twin(
  'own-adamax',
  {
    ...moments,
    state: { m: 0, n: 0 },
    scalars: { p1: 1 },
    step: `${coupled}
      p1 = p1*beta1
      m = beta1*m + (1 - beta1)*g
      faded = beta2*n
      size = abs(g) + eps
      n = faded > size ? faded : size
      theta = theta - over(lr/(1 - p1)*m, n)`,
  },
  adamax,
  { lr: 0.05, weightDecay: 0.1 },
)
twin(
  'own-nadam',
  {
    ...moments,
    options: { ...moments.options, momentumDecay: positive(4e-3) },
    scalars: { p2: 1, momenta: 1 },
    step: `p2 = p2*beta2
      mu = beta1*(1 - 0.5*pow(0.96, t*momentumDecay))
      next = beta1*(1 - 0.5*0.96^((t + 1)*momentumDecay))
      momenta = momenta*mu
      m = beta1*m + (1 - beta1)*g
      v = beta2*v + (1 - beta2)*(g*g)
      ahead = lr*(1 - mu)/(1 - momenta)*g + lr*next/(1 - momenta*next)*m
      theta = ${decayed} - over(ahead, ${divisor})`,
  },
  nadam,
  { lr: 0.05, weightDecay: 0.1 },
  { decoupledWeightDecay: true },
)
const rectified = `rhoInf = 2/(1 - beta2) - 1
  rho = rhoInf - 2*t*p2/(1 - p2)
  r = sqrt((rho - 4)*(rho - 2)*rhoInf/((rhoInf - 4)*(rhoInf - 2)*rho))`
twin(
  'own-radam',
  {
    ...moments,
    step: `${coupled}; ${averages}; ${rectified}
      theta = theta - over((rho > 5 ? lr*r*sqrt(1 - p2) : lr)/(1 - p1)*m, rho > 5 ? sqrt(v) + eps : 1)`,
  },
  radam,
  { lr: 0.05, beta2: 0.99, weightDecay: 0.1 },
)
twin(
  'own-radam-optax',
  {
    ...moments,
    step: `${averages}; ${rectified}
      theta = ${decayed} - over((rho >= 5 ? lr*r : lr)/(1 - p1)*m, rho >= 5 ? ${divisor} : 1)`,
  },
  radam.optax,
  { lr: 0.05, beta2: 0.99, weightDecay: 0.1 },
  { decoupledWeightDecay: true },
)
twin(
  'own-lion',
  {
    options: { lr: rate(1e-4), ...betas, weightDecay: rate(0) },
    state: { m: 0 },
    step: `u = sign(beta1*m + (1 - beta1)*g)
      m = beta2*m + (1 - beta2)*g
      theta = ${decayed} - lr*u`,
  },
  lion,
  { lr: 0.01, beta2: 0.99, weightDecay: 0.1 },
)
twin(
  'own-adabelief',
  {
    ...moments,
    options: { ...moments.options, eps: positive(1e-16), epsRoot: positive(1e-16) },
    step: `${products}
      m = beta1*m + (1 - beta1)*g
      surprise = g - m
      v = beta2*v + (1 - beta2)*(surprise*surprise) + epsRoot
      theta = ${decayed} - over(lr/(1 - p1)*m, ${divisor})`,
  },
  adabelief,
  { lr: 0.05, weightDecay: 0.1 },
)
twin(
  'own-yogi',
  {
    ...moments,
    state: { m: 1e-6, v: 1e-6 },
    step: `${products}
      m = beta1*m + (1 - beta1)*g
      square = g*g
      v = v - (1 - beta2)*(sign(v - square)*square)
      theta = ${decayed} - over(lr/(1 - p1)*m, ${divisor})`,
  },
  yogi,
  { lr: 0.05, eps: 1e-3, weightDecay: 0.1 },
)
twin(
  'own-laprop',
  {
    ...moments,
    scalars: { p2: 1, average: 0 },
    step: `p2 = p2*beta2
      average = beta1*average + (1 - beta1)*lr
      v = beta2*v + (1 - beta2)*(g*g)
      m = beta1*m + lr*(1 - beta1)*over(g, ${divisor})
      kept = 1 - lr*weightDecay
      theta = theta*kept - (average == 0 ? 0 : lr/average*kept)*m`,
  },
  laprop,
  { lr: 0.05, eps: 1e-15, weightDecay: 0.1 },
)
twin(
  'own-adopt',
  {
    ...moments,
    scalars: {},
    options: { ...moments.options, clipExponent: positive(0.25) },
    step: `divided = over(g, eps > sqrt(v) ? eps : sqrt(v))
      high = (t - 1)^clipExponent
      clipped = divided < -high ? -high : divided > high ? high : divided
      m = beta1*m + (t == 1 ? 0 : 1 - beta1)*clipped
      kept = t == 1 ? 0 : beta2
      v = kept*v + (1 - kept)*(g*g)
      theta = theta*(t == 1 ? 1 : 1 - lr*weightDecay) - (t == 1 ? 0 : lr)*m`,
  },
  adopt,
  { lr: 0.05, eps: 1e-6, beta2: 0.99, weightDecay: 0.1 },
  { decoupledWeightDecay: true },
)
twin(
  'own-adan',
  {
    options: { ...moments.options, beta3: fraction(0.99) },
    state: { m: 0, n: 0, q: 0, previous: 0 },
    scalars: { p1: 1, p2: 1, p3: 1 },
    step: `${products}; p3 = p3*beta3
      change = g - previous
      ahead = t == 1 ? 0 : beta2
      expected = g + ahead*change
      previous = g
      m = beta1*m + (1 - beta1)*g
      n = beta2*n + (t == 1 ? 0 : 1 - beta2)*change
      q = beta3*q + (1 - beta3)*(expected*expected)
      d = 1/(1 + lr*weightDecay)
      momentum = lr*d/(1 - p1)*m + lr*d*beta2/(1 - p2)*n
      theta = theta*d - over(momentum, sqrt(q)*(1/sqrt(1 - p3)) + eps)`,
  },
  adan,
  { lr: 0.05, beta1: 0.98, beta2: 0.92, weightDecay: 0.1 },
)
twin(
  'own-ademamix',
  {
    options: {
      ...{ ...moments.options, beta3: fraction(0.9999), alpha: positive(5) },
      ...{ alphaWarmup: positive(0), beta3Warmup: positive(0) },
    },
    state: { m1: 0, m2: 0, v: 0 },
    scalars: { p1: 1, p2: 1 },
    step: `${products}
      part = t/beta3Warmup
      warmed = min(exp(1/((1 - part)/log(beta1) + part/log(beta3))), beta3)
      slow = t < beta3Warmup ? warmed : beta3
      m1 = beta1*m1 + (1 - beta1)*g
      m2 = slow*m2 + (1 - slow)*g
      v = beta2*v + (1 - beta2)*(g*g)
      mixed = lr/(1 - p1)*m1 + lr*(t < alphaWarmup ? alpha*t/alphaWarmup : alpha)*m2
      theta = ${decayed} - over(mixed, ${divisor})`,
  },
  ademamix,
  { lr: 0.01, weightDecay: 0.1, alphaWarmup: 200, beta3Warmup: 250 },
)
twin(
  'own-rprop',
  {
    options: {
      ...{ lr: positive(1e-2), etaMinus: fraction(0.5), etaPlus: { default: 1.2, min: 1 } },
      ...{ minStep: positive(1e-6), maxStep: positive(50) },
    },
    state: { before: 0, h: 0 },
    step: `p = g*before
      size = (h + (t == 1 ? lr : 0))*(p > 0 ? etaPlus : p < 0 ? etaMinus : 1)
      enough = minStep > size ? minStep : size
      h = enough > maxStep ? maxStep : enough
      before = p < 0 ? 0 : g
      theta = theta - h*sign(before)`,
  },
  rprop,
  { lr: 0.1, minStep: 0.03, maxStep: 0.3 },
)
twin('own-signSgd', { options: { lr: rate(1e-3) }, step: 'theta = theta - lr*sign(g)' }, signSgd, {
  lr: 0.05,
})
twin(
  'own-signum',
  {
    options: { lr: rate(1e-3), momentum: rate(0) },
    state: { m: 0 },
    step: 'm = momentum*m + (1 - momentum)*g; theta = theta - lr*sign(m)',
  },
  signSgd,
  { lr: 0.05, momentum: 0.9 },
)

const ofLars = {
  ...{ lr: rate(1e-3), momentum: rate(0.9), weightDecay: rate(0) },
  ...{ trustCoefficient: positive(1e-3), eps: positive(0) },
}
twin(
  'own-lars',
  {
    options: ofLars,
    state: { b: 0 },
    step: `${coupled}
      ratio = norm(theta) > 0 && norm(g) > 0 ? trustCoefficient*norm(theta)/(norm(g) + eps) : 1
      b = momentum*b + lr*ratio*(g + 0*theta)
      theta = theta - b`,
  },
  lars,
  { lr: 0.5, trustCoefficient: 0.1, weightDecay: 0.1 },
)
twin(
  'own-lars-timm',
  {
    options: ofLars,
    state: { b: 0 },
    step: `below = norm(g) + weightDecay*norm(theta)
      ratio = norm(theta) > 0 && norm(g) > 0 ? trustCoefficient*norm(theta)/(below + eps) : 1
      b = momentum*b + ratio*(g + weightDecay*theta)
      theta = theta - lr*b`,
  },
  lars.timm,
  { lr: 0.5, momentum: 0.5, eps: 1e-8, trustCoefficient: 0.1, weightDecay: 0.1 },
)
twin(
  'own-lamb',
  {
    ...moments,
    state: { m: { start: 0, flush: false }, v: { start: 0, flush: false } },
    step: `${averages}
      u = over(1/(1 - p1)*m, ${divisor}) + weightDecay*theta
      ratio = norm(theta) > 0 && norm(u) > 0 ? norm(theta)/norm(u) : 1
      theta = theta - lr*ratio*u`,
  },
  lamb,
  { lr: 0.05, eps: 1e-6, weightDecay: 0.1 },
)
const change = `c = g + (t == 1 ? 0 : gamma*beta1/(1 - beta1))*(g - previous)
  previous = g
  c = (norm(c) > 1 ? 1/norm(c) : 1)*c`
twin(
  'own-mars',
  {
    ...moments,
    options: { ...moments.options, gamma: rate(0.025) },
    state: { previous: 0, m: 0, v: 0 },
    step: `${change}
      ${averagesOf('c')}
      theta = ${decayed} - over(lr/(1 - p1)*m, ${divisor})`,
  },
  mars,
  { lr: 0.05, beta1: 0.95, beta2: 0.99, weightDecay: 0.1 },
)
twin(
  'own-mars-lion',
  {
    options: { ...moments.options, gamma: rate(0.025) },
    state: { previous: 0, m: 0 },
    step: `${change}
      m = beta1*m + (1 - beta1)*c
      theta = ${decayed} - lr*sign(m)`,
  },
  mars,
  { lr: 0.05, beta1: 0.95, gamma: 0.1, weightDecay: 0.1 },
  { form: 'lion' },
)
twin(
  'own-novograd',
  {
    options: moments.options,
    state: { m: 0 },
    scalars: { v: 0 },
    step: `v = v == 0 ? sum(g*g) : beta2*v + (1 - beta2)*sum(g*g)
      m = beta1*m + (over(1, sqrt(v) + eps)*g + weightDecay*theta)
      theta = theta - lr*m`,
  },
  novograd,
  { lr: 0.05, beta2: 0.25, eps: 1e-6, weightDecay: 0.1 },
)
twin(
  'own-stableAdamW',
  {
    ...moments,
    step: `${products}
      taken1 = (1 - beta1)/(1 - p1)
      taken2 = (1 - beta2)/(1 - p2)
      m = (1 - taken1)*m + taken1*g
      v = (1 - taken2)*v + taken2*(g*g)
      u = over(g, eps > sqrt(v) ? eps : sqrt(v))
      rms = sqrt(mean(u*u))
      rate = rms > 1 ? lr/rms : lr
      theta = theta*(1 - rate*weightDecay) - rate*over(m, sqrt(v) + eps)`,
  },
  stableAdamW,
  { lr: 0.05, beta2: 0.99, weightDecay: 0.1 },
)
