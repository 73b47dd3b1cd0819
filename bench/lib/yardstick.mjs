// The yardstick for every rule: what its stages take at least on this machine.
//
// A stage cannot be faster than the pass that reads and writes the arrays of its equation, by vectors in C and
// on the optimizer's own memory; nor than its divisions and roots, which have one unit. The larger of the two
// is its bound, a step's the sum over its stages, and that of the point behind them. What a stage has to read and
// write, divide and root is counted in its loop in TypeScript, as tests count instructions: so a new rule is here
// as soon as it is in the list.
//
// Kernels that take matrices whole are a pass over their arrays, once: how much longer they take is the price of
// going over a matrix more often, and with `muon` that of its products, which are nearly all of a step.

import { getLoop } from '../../dist/arena/kernel.js'
import { definitions } from '../../dist/rules/definitions.js'
import * as functions from '../../dist/rules/index.js'
import { ours, passOver, rules } from './subjects.mjs'

const simple = Object.entries(functions).filter(([name]) => name in definitions)

/** Every rule with its defaults, and the other forms of the table of engines. */
export const all = {
  ...Object.fromEntries(simple.map(([name, make]) => [name, make()])),
  ...rules,
}

/** Products of matrices take seconds at 10⁶ parameters. */
export const isSlow = ({ name }, n) => name === 'muon' && n > 10_000

/** The sides of a matrix of so many parameters. */
const sides = { 16: [4, 4], 10000: [100, 100], 1000000: [1000, 1000], 10000000: [2500, 4000] }

/**
 * A rule's optimizer of one tensor, which has a shape where that matters. What a stage leaves for the next one lies where
 * the gradient was, and is none (SM3's becomes subnormal): so rules of several stages get their gradient anew before each
 * step, and `renewal` is what that takes by itself.
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

/** What a kernel reads, writes, divides and roots for one element, by its loop's text. */
export function needsOf(kernel) {
  const { number, state, isMatrix, sums } = kernel
  const text = getLoop(number, 'float64').toString()
  const [, head, body] = /^\(([\s\S]*?)\) =>([\s\S]*)$/.exec(text)
  // Of a tensor that is taken as matrices each array has its name.
  const [theta, g, ...rest] = isMatrix ? ['theta', 'g'] : head.replaceAll(/\{[^}]*\}/g, '_').split(/,\s*/)
  const reads = (name) => new RegExp(`\\b${name}\\[`).test(body)
  const writes = (name) => new RegExp(`\\b${name}\\[[^\\]]*\\] = `).test(body)
  // A direction goes where the gradient was.
  const names = {
    params: [theta],
    grads: [g, rest.at(-1), 'u'],
    ...Object.fromEntries(state.map((s) => [s, [s]])),
  }
  const those = (test) => Object.keys(names).filter((array) => names[array].some(test))
  const written = those(writes)
  const read = those(reads).filter((array) => !written.includes(array))
  if (sums.includes('parameters') && !written.includes('params')) read.push('params')
  // Of a matrix loops within loops, which write an element, are once for each.
  const inner = isMatrix
    ? (body.match(/for \([^{}]*\{[^{}]*\b(theta|g)\[[^\]]*\] = [^{}]*\}/g) ?? []).join()
    : body
  const count = (pattern) => inner.match(pattern)?.length ?? 0
  const needs = { divisions: count(/ \/\s/g), roots: count(/Math\.sqrt\(/g) }
  if (isMatrix) return { written: written.length > 0 ? written : ['grads'], read, ...needs }
  return { written, read: [...new Set(read)], ...needs }
}

/** The stages of a step: each a pass over this optimizer's arrays, with so many divisions and roots. */
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
