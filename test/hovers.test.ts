/** Hovers of editors, from TypeScript's language server: a description, the range and the default of each option. */

import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { home } from './children.js'
import { hoversIn } from './types/server.mjs'

const program = `
import { adam, adamw, cosine, delayedStart, ema, expression, lbfgs, linear, lion, minimize, minimizeMany } from 'antigrad'
import { momentum, muon, newton, noDecay, Optimizer, oneCycle, rosenbrock, sgd, standardErrors, warmup } from 'antigrad'
import { bootstrap, compare, contour, covarianceMatrix, fit, fitMany, fitShared, models, profile } from 'antigrad/fit'

const optimizer = new Optimizer({ w: Float32Array.of(1) }, adamw({ beta1: 0.9, beta2: 0.99, weightDecay: 0 }), {
  groups: [noDecay(), { match: '**.bias', weightDecay: 0, beta1: 0.5, lrScale: 2 }],
  shapes: {},
  clip: { norm: 1 },
  zeroGrads: true,
  accumulate: 2,
  average: ema(0.9),
  lookahead: { steps: 5, alpha: 0.4 },
  onNonFinite: 'skip',
  maxConsecutiveSkips: 3,
  recordNorms: true,
  threads: 1,
})
optimizer.set({ lr: 1e-4, eps: 1e-6, cautious: true, maximize: false })
const mixed = new Optimizer({ w: Float32Array.of(1) }, delayedStart(9, sgd()), { groups: [{ match: 'w', rule: lion() }] })
mixed.set('w', { dampening: 0, momentum: 0.9 })
adam({ lr: 1e-3, eps: 1e-8, amsgrad: true })
sgd({ nesterov: true, dampening: 0, decoupledWeightDecay: false })
lion({ cautious: true, maximize: false })
muon({ nsSteps: 5 })
const falling = cosine(1, { steps: 10, endValue: 0, exponent: 1, periodic: false })
const rise = warmup(falling, { from: 0 })
linear(1, { begin: 3, endValue: 0.5, steps: 9 })
oneCycle(1, { pctStart: 0.3, divFactor: 25, steps: 8 })
const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')
minimize(valley, [0, 0], lbfgs({ history: 10, c1: 1e-4, maxLineSearch: 25 }), { maxIterations: 9, tolerance: 1e-9 })
minimize(valley, [0, 0], newton({ radius: 3 }))
const line = expression('a*x + b')
const found = fit(line, { x: [1, 2, 3], y: [1, 2, 4] }, {
  start: { a: 1, b: 0 },
  loss: 'cauchy',
  lossScale: 1,
  weights: [1, 1, 1],
  covariance: covarianceMatrix([[1, 0, 0], [0, 1, 0], [0, 0, 1]]),
  derive: {},
  multiStart: 4,
})
profile(found, ['a'], { level: 0.9 })
bootstrap(found, { count: 100, seed: 1, kind: 'cases' })
contour(found, 'a', 'b', { points: 9 })
found.predict({ x: [1] })
optimizer.step({ w: Float32Array.of(1) })
`

/**
 * Options and the expected details of their hovers: the range and the default, where the published declarations state
 * both.
 */
const options: readonly (readonly [name: string, details: RegExp])[] = [
  ['radius', /> 0: radius of the first trust region.*default 3/],
  ['beta1', /Range: a number in \[0, 1\)\. Default: 0\.9\./],
  ['beta2', /Default: 0\.999\./],
  ['weightDecay', /a schedule or a function\. Default: 0\.01; 0\.0001 in adamw\.optax\./],
  ['lr', /Range: a finite number ≥ 0, a schedule or a function\. Default: 0\.001\./],
  ['eps', /Range: a finite number ≥ 0\. Default: 1e-8[.;]/],
  ['amsgrad', /Range: true or false\. Default: false\./],
  ['nesterov', /Default: false\./],
  ['dampening', /Default: 0\./],
  ['decoupledWeightDecay', /Default: false\./],
  ['cautious', /Default: false\./],
  ['maximize', /Default: false\./],
  ['nsSteps', /Range: .*\. Default: 5/],
  ['exponent', /Range: a finite number ≥ 0\. Default: 1\./],
  ['periodic', /Default: false\./],
  ['pctStart', /Range: .*\. Default: 0\.3\./],
  ['divFactor', /Range: .*\. Default: 25\./],
  ['begin', /Range: an integer ≥ 0\. Default: 0\./],
  ['history', /≥ 1: .*; null: 10, or twice/],
  ['c1', /Default: 0\.0001\./],
  ['maxLineSearch', /Default: 25\./],
  ['groups', /by default/],
  ['shapes', /By default/],
  ['clip', /by default/],
  ['zeroGrads', /by default/],
  ['accumulate', /at least 1\. Default: 1\./],
  ['average', /by default/],
  ['lookahead', /by default/],
  ['alpha', /in \(0, 1\]; 0\.5 by default/],
  ['onNonFinite', /The default is 'propagate'/],
  ['maxConsecutiveSkips', /≥ 0, unlimited\s+by\s+default/],
  ['recordNorms', /by\s+default/],
  ['threads', /1 to 256\. By default/],
  ['maxIterations', /default/i],
  ['tolerance', /default/i],
  ['start', /by name/],
  ['loss', /default/i],
  ['lossScale', /default/i],
  ['weights', /1 by default/],
  ['covariance', /Default: independent errors/],
  ['derive', /Default: no derived quantities/],
  ['multiStart', /default/i],
  ['level', /default/i],
  ['count', /default/i],
  ['seed', /default/i],
  ['kind', /default/i],
  ['points', /default/i],
]

/** Options in groups and in calls of `set`, which follow the given text, and their expected details. */
const changed: readonly (readonly [after: string, name: string, details: RegExp])[] = [
  ['groups: [', 'match', /pattern on dotted names/],
  ['groups: [', 'weightDecay', /a schedule or a function\. Default: 0\.01; 0\.0001 in adamw\.optax\./],
  ['groups: [', 'beta1', /Range: a number in \[0, 1\)\. Default: 0\.9\./],
  ['groups: [', 'lrScale', /1 by default/],
  ['optimizer.set(', 'lr', /Range: a finite number ≥ 0, a schedule or a function\. Default: 0\.001\./],
  ['optimizer.set(', 'eps', /Range: a finite number ≥ 0\. Default: 1e-8\./],
  ['optimizer.set(', 'cautious', /Range: true or false\. Default: false\./],
  ['optimizer.set(', 'maximize', /Range: true or false\. Default: false\./],
  ['mixed.set(', 'dampening', /Range: a finite number ≥ 0\. Default: 0\./],
  ['mixed.set(', 'momentum', /Range: .*\. Default: 0\./],
]

/** Functions, classes and methods, each with words of its description. */
const functions: readonly (readonly [name: string, words: string])[] = [
  ['Optimizer', 'Makes an optimizer for one model'],
  ['adamw', 'weight decay is not part of the gradient'],
  ['adam', 'Kingma'],
  ['sgd', 'SGD'],
  ['lion', 'Lion'],
  ['muon', 'Muon'],
  ['cosine', 'cosine_decay_schedule'],
  ['linear', 'straight line'],
  ['oneCycle', 'OneCycleLR'],
  ['warmup', 'warm-up'],
  ['ema', 'average'],
  ['noDecay', 'weight decay'],
  ['expression', 'exact'],
  ['minimize', 'Minimizes a function'],
  ['lbfgs', 'quasi-Newton'],
  ['newton', 'trust region'],
  ['fit', 'nonlinear least squares'],
  ['profile', 'profile-likelihood intervals'],
  ['bootstrap', 'replicates'],
  ['contour', 'region'],
  ['step', 'Performs one update'],
  ['predict', 'model'],
]

/** The hover of each name at its last use. */
const hovers = new Map<string, string>()
beforeAll(async () => {
  const names = [...options, ...functions].map(([name]) => name)
  const positions = names.map((name) => {
    const uses = [...program.matchAll(new RegExp(`(?<![\\w'])${name}\\b(?=[:({])`, 'g'))]
    return uses.at(-1)?.index ?? -1
  })
  const later = changed.map(([after, name]) => program.indexOf(`${name}: `, program.indexOf(after)))
  const texts = await hoversIn(home, join(home, 'test/types/hovers.ts'), program, [...positions, ...later])
  names.forEach((name, i) => void hovers.set(name, texts[i]))
  changed.forEach(([after, name], i) => void hovers.set(`${after}${name}`, texts[names.length + i]))
})

test('the hover test reads at least 60 names', () => {
  expect(hovers.size).toBeGreaterThanOrEqual(60)
})

test.each(options)('the option %s has a description and its default: %s', (name, details) => {
  const text = hovers.get(name) ?? ''
  const [, description] = text.split('```\n')
  expect(description?.trim().length, text).toBeGreaterThan(10)
  expect(text).toMatch(details)
})

test.each(changed)('after %s the option %s has a description and its default: %s', (after, name, details) => {
  expect(hovers.get(`${after}${name}`)).toMatch(details)
})

test.each(functions)('the hover of %s contains a description: %s', (name, words) => {
  const [, description] = (hovers.get(name) ?? '').split('```\n')
  expect(description).toContain(words)
})

test('no hover shows a helper type or a file path', () => {
  const shown = [...hovers].filter(([, text]) => {
    const [signature] = text.split('```\n')
    return /GivenOf|ValuesOf|NoInfer|\bOptions<(?!\{)|import\(/.test(signature)
  })
  expect(shown).toEqual([])
})
