/**
 * Problems of the PEtab benchmark collection (test/data/petab): log-likelihoods and their gradients, from simulations
 * with sensitivities. The references were integrated in extended precision.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { ode, simulate } from 'antigrad/fit'
import { describe, expect, test } from 'vitest'

interface Problem {
  readonly name: string
  readonly equations: Readonly<Record<string, string>>
  readonly initial: Readonly<Record<string, string | Readonly<Record<string, string>>>>
  readonly parameters: readonly {
    readonly name: string
    readonly nominal: number
    readonly estimate: boolean
  }[]
  readonly conditions: Readonly<Record<string, Readonly<Record<string, number | string>>>>
  readonly observables: readonly { readonly name: string; readonly formula: string; readonly noise: string }[]
  readonly measurements: Readonly<
    Record<'observable' | 'condition' | 'observableParameters' | 'noiseParameters', readonly string[]> &
      Record<'time' | 'value', readonly number[]>
  >
  readonly logLikelihood: number
  readonly gradientOnScale: Readonly<Record<string, number>>
}

const folder = new URL('data/petab/', import.meta.url)
const problems = readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .map((name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8')) as Problem)

/** Replaces names in an expression by other expressions. */
const replace = (text: string, by: Readonly<Record<string, string | number>>) =>
  text.replace(/[A-Za-z_]\w*/g, (name) => (Object.hasOwn(by, name) ? `(${by[name]})` : name))

/** The expression of a row, with the row's own parameters. */
function ofRow(text: string, kind: string, observable: string, given: string): string {
  const parts = given.split(';')
  const own = parts.map((part, k) => [`${kind}Parameter${k + 1}_${observable}`, part] as const)
  return replace(text, Object.fromEntries(own))
}

/** Log-likelihood and gradient of the rows of a condition. The derivatives are by the logarithm to base 10. */
function evaluate(problem: Problem, condition: string, options: object) {
  const { measurements: rows, observables, parameters } = problem
  const values = Object.fromEntries(parameters.map(({ name, nominal }) => [name, nominal]))
  const own = problem.conditions[condition]
  const of = (text: string) => replace(text, own)
  const initial = Object.entries(problem.initial).map(
    ([name, one]) => [name, of(typeof one === 'string' ? one : one[condition])] as const,
  )
  const indices = [...rows.time.keys()].filter((row) => rows.condition[row] === condition)
  const texts: string[] = []
  const placeOf = (text: string) => (texts.includes(text) ? texts.indexOf(text) : texts.push(text) - 1)
  const places = indices.map((row) => {
    const name = rows.observable[row]
    const { formula, noise } = observables.find((one) => one.name === name) as Problem['observables'][number]
    const value = placeOf(of(ofRow(formula, 'observable', name, rows.observableParameters[row])))
    return { value, noise: placeOf(of(ofRow(noise, 'noise', name, rows.noiseParameters[row]))) }
  })
  const model = ode({
    states: Object.fromEntries(initial),
    rates: Object.fromEntries(Object.entries(problem.equations).map(([name, text]) => [name, of(text)])),
    observe: Object.fromEntries(texts.map((text, k) => [`quantity${k}`, text])),
    ...options,
  })
  const used = Object.fromEntries(model.parameters.map((name) => [name, values[name]]))
  const times = [...new Set(indices.map((row) => rows.time[row]))]
  const sensitivities = parameters
    .filter(({ name, estimate }) => estimate && name in used)
    .map((one) => one.name)
  const found = simulate(model, used, times, { sensitivities })
  expect(found.message).toBe('')
  let value = 0
  const gradient = Object.fromEntries(sensitivities.map((name) => [name, 0]))
  for (const [k, row] of indices.entries()) {
    const at = times.indexOf(rows.time[row])
    const [h, s] = [places[k].value, places[k].noise].map((q) => `quantity${q}`)
    const [y, sigma] = [found.observed[h][at], found.observed[s][at]]
    const off = (rows.value[row] - y) / sigma
    value -= Math.log(2 * Math.PI * sigma * sigma) / 2 + (off * off) / 2
    for (const name of sensitivities) {
      const slopes = found.observedSensitivities[name]
      const slope = (off * slopes[h][at]) / sigma + ((off * off - 1) * slopes[s][at]) / sigma
      gradient[name] += slope * values[name] * Math.LN10
    }
  }
  return { value, gradient }
}

describe('problems of the PEtab collection', () => {
  test.each(problems)('$name: the log-likelihood and its gradient agree with the reference', (problem) => {
    // The nominal point of Crauste lies next to an explosion, which amplifies errors of the gradient by 10⁷.
    const isNearExplosion = problem.name.startsWith('Crauste')
    const options = isNearExplosion ? { rtol: 1e-13, controlSensitivities: true } : { rtol: 1e-10 }
    const all = Object.keys(problem.conditions).map((name) => evaluate(problem, name, options))
    const value = all.reduce((sum, one) => sum + one.value, 0)
    // Rounding errors of Sneyd's rates, whose constants differ by eight powers of 10, limit the gradient.
    const ofGradient = isNearExplosion || problem.name.startsWith('Sneyd') ? 1e-5 : 1e-6
    expect(Math.abs(value / problem.logLikelihood - 1)).toBeLessThan(1e-9)
    const onScale = Object.entries(problem.gradientOnScale)
    const largest = Math.max(...onScale.map(([, slope]) => Math.abs(slope)))
    for (const [name, slope] of onScale) {
      const found = all.reduce((sum, { gradient }) => sum + (gradient[name] ?? 0), 0)
      expect(Math.abs(found - slope) / largest, name).toBeLessThan(ofGradient)
    }
  })
})
