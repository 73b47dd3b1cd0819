// The yardstick of every rule: a lower bound of the time of its stages on this machine.
//
// A stage cannot be faster than a pass that reads and writes the arrays of its equations, by vectors in C on the
// optimizer's own memory. It also cannot be faster than its divisions and roots, which share one unit. The bound of a
// stage is the larger of the two. The bound of a step is the sum over its stages and over the gradient point. The
// numbers of arrays, divisions and roots are counted in the rule's TypeScript loop, so that new rules are included
// automatically.
//
// For kernels that process whole matrices, the yardstick is a single pass over their arrays. Additional time is the
// cost of repeated passes and, for `muon`, of matrix products, which are nearly the whole step.

import { getLoop } from '../../dist/arena/kernel.js'
import { definitions } from '../../dist/rules/definitions.js'
import * as functions from '../../dist/rules/index.js'
import { ours, passOver, rules } from './subjects.mjs'

const simple = Object.entries(functions).filter(([name]) => name in definitions)

/** Every rule with its defaults, and the variants in the table of engines. */
export const all = {
  ...Object.fromEntries(simple.map(([name, make]) => [name, make()])),
  ...rules,
}

/** Whether a size is too slow: matrix products take seconds at 10⁶ parameters. */
export const isSlow = ({ name }, n) => name === 'muon' && n > 10_000

/** Sides of matrices by their number of parameters. */
const sides = { 16: [4, 4], 10000: [100, 100], 1000000: [1000, 1000], 10000000: [2500, 4000] }

/**
 * An optimizer of one tensor, with a shape if the rule needs one. Rules with several stages overwrite the gradient with
 * intermediate results (SM3's become subnormal). Their gradient is therefore restored before each step, and `renewal`
 * measures the time of that alone.
 */
export function subjectOf(rule, dtype, n, options) {
  const definition = definitions[rule.name]
  const isMatrix = definition.stages(rule).some((kernel) => kernel.isMatrix)
  const subject = ours(rule, dtype, [n], { ...options, ...(isMatrix && { shapes: sides[n] }) })
  const { optimizer } = subject
  if (definition.point(rule) !== undefined) {
    subject.call = () => {
      optimizer.gradientPoint()
      optimizer.step()
    }
  }
  if (definition.stages(rule).length === 1) return subject
  const { grads } = optimizer
  const gradient = grads.slice()
  const renewal = { name: 'gradients anew', call: () => grads.set(gradient) }
  const { call } = subject
  subject.call = () => {
    renewal.call()
    call()
  }
  return { ...subject, renewal }
}

/** Arrays read and written, divisions and roots per element of a kernel, counted in the text of its loop. */
export function needsOf(kernel) {
  const { number, state, isMatrix, sums } = kernel
  const text = getLoop(number, 'float64').toString()
  const [, head, body] = /^\(([\s\S]*?)\) =>([\s\S]*)$/.exec(text)
  // Kernels of matrices take their arrays by name.
  const [theta, g, ...rest] = isMatrix ? ['theta', 'g'] : head.replaceAll(/\{[^}]*\}/g, '_').split(/,\s*/)
  const reads = (name) => new RegExp(`\\b${name}\\[`).test(body)
  const writes = (name) => new RegExp(`\\b${name}\\[[^\\]]*\\] = `).test(body)
  // The direction overwrites the gradient.
  const names = {
    params: [theta],
    grads: [g, rest.at(-1), 'u'],
    ...Object.fromEntries(state.map((s) => [s, [s]])),
  }
  const those = (test) => Object.keys(names).filter((array) => names[array].some(test))
  const written = those(writes)
  const read = those(reads).filter((array) => !written.includes(array))
  if (sums.includes('parameters') && !written.includes('params')) read.push('params')
  // In kernels of matrices, the innermost loops that write an element run once per element.
  const inner = isMatrix
    ? (body.match(/for \([^{}]*\{[^{}]*\b(theta|g)\[[^\]]*\] = [^{}]*\}/g) ?? []).join()
    : body
  const count = (pattern) => inner.match(pattern)?.length ?? 0
  const needs = { divisions: count(/ \/\s/g), roots: count(/Math\.sqrt\(/g) }
  if (isMatrix) return { written: written.length > 0 ? written : ['grads'], read, ...needs }
  return { written, read: [...new Set(read)], ...needs }
}

/** The stages of a step: for each one, the pass over the optimizer's arrays, and the numbers of divisions and roots. */
export function stagesOf(limits, rule, { optimizer }) {
  const definition = definitions[rule.name]
  const point = definition.point(rule)
  const kernels = [...definition.stages(rule), ...(point ? [point] : [])]
  const arrays = { ...optimizer.state, params: optimizer.params, grads: optimizer.grads }
  return kernels.map((kernel) => {
    const { written, read, ...needs } = needsOf(kernel)
    const planes = (names) => names.map((name) => arrays[name])
    const counts = `${written.length + read.length} read, ${written.length} written`
    return { ...needs, counts, pass: passOver(limits, planes(written), planes(read)) }
  })
}
