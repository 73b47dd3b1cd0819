/** Helpers of the parametrized tests: the engines, data from a fixed generator, and runs. */

import { type EngineName, engines, Optimizer, type OptimizerOptions, objectives, type Rule } from 'antigrad'
import { expect } from 'vitest'
import { definitions } from '../dist/rules/definitions.js'
import { arrayOf, bitsOf, type Dtype, digest, dtypes, type FloatArray, random, withOneNaN } from './bits.js'
import { type Case, cases } from './cases.js'
import { remembered } from './helpers.js'

export const STEPS = 10

/** An engine with an instruction set and a thread count, if it is the native engine. */
export interface Variant {
  readonly name: string
  readonly engine: EngineName
  readonly instructionSet?: string
  readonly threads?: number
}

export const reference: Variant = { name: 'typescript', engine: 'typescript' }

/** All variants that the tests can request on the current machine. The first variant is the reference. */
export const variants: readonly Variant[] = [
  reference,
  ...(engines().wasm.available ? [{ name: 'wasm', engine: 'wasm' } as const] : []),
  ...engines().native.instructionSets.map(
    (instructionSet) => ({ name: `native ${instructionSet}`, engine: 'native', instructionSet }) as const,
  ),
]

/** Each engine as users get it, in the order of `variants`. */
export const defaultVariants: readonly Variant[] = [
  ...variants.filter(({ engine }) => engine !== 'native'),
  ...(engines().native.available ? [{ name: 'native', engine: 'native' } as const] : []),
]

/** All modes of fits and batches: instruction sets, numbers of threads, and the other engines. */
export const waysToRun = (...threads: number[]): readonly Omit<Variant, 'name'>[] => [
  ...engines().native.instructionSets.map((instructionSet) => ({
    engine: 'native' as const,
    instructionSet,
  })),
  ...threads.map((threads) => ({ engine: 'native' as const, threads })),
  { engine: 'wasm' },
  { engine: 'typescript' },
]

export function array(dtype: Dtype, values: Iterable<number> | number): FloatArray {
  const Typed = arrayOf[dtype]
  return typeof values === 'number' ? new Typed(values) : Typed.from(values)
}

/** The trajectory of another system for given gradients. */
export interface Trajectory {
  readonly dtype: Dtype
  readonly shape: readonly number[]
  readonly initial: readonly number[]
  readonly gradients: readonly (readonly number[])[]
  readonly parameters: readonly (readonly number[])[]
}

/**
 * Takes the same steps and compares the points. In float64, the points may differ by `exact` times the largest value so
 * far, and in float32 by 4 units.
 */
export function expectTrajectory(
  rule: Rule,
  { dtype, shape, initial, gradients, parameters }: Trajectory,
  engine: OptimizerOptions,
  exact = 1e-12,
): void {
  const optimizer = new Optimizer(array(dtype, initial), rule, { shapes: [...shape], ...engine })
  const largest = initial.map(Math.abs)
  gradients.forEach((gradient, step) => {
    optimizer.step(array(dtype, gradient))
    parameters[step].forEach((expected, i) => {
      largest[i] = Math.max(largest[i], Math.abs(expected))
      const ulps = 4 * 2 ** (Math.floor(Math.log2(largest[i])) - 23)
      const error = dtype === 'float32' ? ulps : exact * largest[i]
      expect(Math.abs(optimizer.params[i] - expected), `step ${step}, index ${i}`).toBeLessThanOrEqual(error)
    })
  })
}

/**
 * Zeros, subnormal numbers, and numbers whose squares underflow. Wild values also overflow, are infinite or are NaN.
 */
const specials: Record<Dtype, { tame: readonly number[]; wild: readonly number[] }> = {
  float32: {
    tame: [0, -0, 1e-45, -3e-40, 1e-23, -4e-23, 2e-38, 1e6],
    wild: [1e25, -3.4028234663852886e38, Infinity, -Infinity, NaN],
  },
  float64: {
    tame: [0, -0, 5e-324, -3e-310, 1e-170, -4e-170, 3e-308, 1e6],
    wild: [1e200, -1.7976931348623157e308, Infinity, -Infinity, NaN],
  },
}

/** Initial values and gradients of a run. */
export interface Data {
  readonly dtype: Dtype
  readonly initial: readonly FloatArray[]
  /** The initial state of some elements, which overrides the initial state of the rule. */
  readonly wild: readonly ReadonlyMap<number, number>[]
  /** Gradients, indexed by step and tensor. */
  readonly gradients: readonly (readonly (FloatArray | null | undefined)[])[]
}

/**
 * Data for tensors of these lengths. A quarter of the elements are wild: they may start at any value, and their last
 * three gradients may have any value. Infinities and NaN occur, but most elements stay finite, and norms are finite for
 * seven steps.
 *
 * @param gaps whether some gradients are missing
 */
function dataFrom(dtype: Dtype, lengths: readonly number[], seed = 1, gaps = false): Data {
  const next = random(seed)
  const pick = <T>(list: readonly T[]) => list[Math.floor(next() * list.length)]
  const { tame, wild } = specials[dtype]
  const tameValue = () =>
    next() < 0.25 ? pick(tame) : (next() < 0.5 ? -1 : 1) * next() * pick([1e-3, 1, 1, 30])
  const wildValue = () => (next() < 0.5 ? tameValue() : pick(wild))
  const wildElements = lengths.map(
    (length) =>
      new Map(Array.from({ length }, (_, i) => [i, wildValue()] as const).filter(() => next() < 0.25)),
  )
  const values = (tensor: number, isWild: boolean) => {
    const result = array(dtype, lengths[tensor])
    for (let i = 0; i < result.length; i++) {
      result[i] = isWild && wildElements[tensor].has(i) ? wildValue() : tameValue()
    }
    return result
  }
  return {
    dtype,
    initial: lengths.map((_, tensor) => values(tensor, true)),
    wild: wildElements,
    gradients: Array.from({ length: STEPS }, (_, step) =>
      lengths.map((_, tensor) =>
        gaps && next() < 0.3 ? pick([null, undefined]) : values(tensor, step >= STEPS - 3),
      ),
    ),
  }
}

export const makeData = remembered(dataFrom)

/** The arrays with their names, and the update counts of the tensors. */
export interface Snapshot {
  readonly arrays: readonly (readonly [name: string, array: FloatArray])[]
  readonly updates: readonly number[]
}

/** For rules that require matrices, each tensor is a column. */
function shapesFor(rule: Case['rule'], { initial }: Data) {
  const name = rule.name === 'delayedStart' ? rule.rule.name : rule.name
  return definitions[name]?.wantsShapes && { shapes: initial.map(({ length }) => [length, 1]) }
}

/** An optimizer for a case on the given engine, with all kinds of state. */
function begin(variant: Variant, { rule, options }: Case, data: Data) {
  const { name: _, ...forced } = variant
  const optimizer = new Optimizer(data.initial, rule, { ...shapesFor(rule, data), ...options, ...forced })
  const { engine, threads } = optimizer
  if (engine !== variant.engine) throw new Error(`${engine} instead of ${variant.engine}`)
  if (threads !== (variant.threads ?? threads)) throw new Error(`${threads} threads`)
  const states = optimizer.state as unknown as readonly { readonly updates: number }[]
  const named = (name: string, arrays: readonly FloatArray[]) =>
    arrays.map((array, i) => [`${name}[${i}]`, array] as const)
  const state = states.flatMap((tensor, i) =>
    Object.entries(tensor)
      .filter(([, value]) => ArrayBuffer.isView(value))
      .map(([name, value]) => [`state[${i}].${name}`, value as unknown as FloatArray, i] as const),
  )
  state.forEach(([, array, tensor]) => {
    for (const [i, value] of data.wild[tensor]) array[i] = value
  })
  const params = optimizer.params as unknown as readonly FloatArray[]
  const grads = optimizer.grads as unknown as readonly FloatArray[]
  const always = [...named('params', params), ...state.map(([name, array]) => [name, array] as const)]
  // In every third step, the gradients are read in place. A missing gradient keeps the previous values.
  const isInPlace = (step: number) => step % 3 === 2
  return {
    optimizer,
    /** The argument of a step. */
    gradients(step: number) {
      const gradients = data.gradients[step]
      if (!isInPlace(step)) return gradients as never
      grads.forEach((grad, i) => {
        if (gradients[i]) grad.set(gradients[i])
        else grad.fill(step)
      })
      return undefined
    },
    snapshot(step: number): Snapshot {
      const arrays = isInPlace(step) ? [...always, ...named('grads', grads)] : always
      return { arrays, updates: states.map(({ updates }) => updates) }
    },
  }
}

/**
 * Runs a case on a given engine. After each step, yields its live parameters and state, and the gradients if they are
 * specified.
 */
export function* run(variant: Variant, testCase: Case, data: Data): Generator<Snapshot> {
  const { optimizer, gradients, snapshot } = begin(variant, testCase, data)
  for (const step of data.gradients.keys()) {
    optimizer.gradientPoint()
    optimizer.step(gradients(step))
    yield snapshot(step)
  }
}

/** Like `run`, but with `stepAsync`. */
export async function* runAsync(variant: Variant, testCase: Case, data: Data): AsyncGenerator<Snapshot> {
  const { optimizer, gradients, snapshot } = begin(variant, testCase, data)
  for (const step of data.gradients.keys()) {
    optimizer.gradientPoint()
    await optimizer.stepAsync(gradients(step))
    yield snapshot(step)
  }
}

/** The index of the first element whose bits differ, or −1. All NaNs are equal. */
export function firstDifference(a: FloatArray, b: FloatArray): number {
  if (a.length !== b.length) return Math.min(a.length, b.length)
  if (Buffer.compare(bytesOf(a), bytesOf(b)) === 0) return -1
  const [aBits, bBits] = [bitsOf(a), bitsOf(b)]
  for (let i = 0; i < a.length; i++) {
    if (aBits[i] !== bBits[i] && !(Number.isNaN(a[i]) && Number.isNaN(b[i]))) return i
  }
  return -1
}

const bytesOf = (array: FloatArray) => new Uint8Array(array.buffer, array.byteOffset, array.byteLength)

/** A description of the first difference of two snapshots, or null. */
export function compare(expected: Snapshot, actual: Snapshot): string | null {
  for (const [k, [name, array]] of expected.arrays.entries()) {
    const [, other] = actual.arrays[k]
    const i = firstDifference(array, other)
    if (i >= 0) return `${name}, index ${i}: ${show(other, i)} instead of ${show(array, i)}`
  }
  const [e, a] = [expected.updates.join(), actual.updates.join()]
  return e === a ? null : `updates: ${a} instead of ${e}`
}

const show = (array: FloatArray, i: number) => `${array[i]} (0x${bitsOf(array)[i].toString(16)})`

/** Runs a case on several engines side by side. Returns the first difference from the reference, or null. */
export function differenceAmong(others: readonly Variant[], testCase: Case, data: Data): string | null {
  const runs = others.map((variant) => run(variant, testCase, data))
  let step = 0
  for (const expected of run(reference, testCase, data)) {
    for (const [k, other] of runs.entries()) {
      const difference = compare(expected, other.next().value as Snapshot)
      if (difference !== null) {
        const lengths = data.initial.map(({ length }) => length).join()
        const engine = others[k].name
        return `${testCase.name}, ${data.dtype}, ${engine}, length ${lengths}, step ${step}, ${difference}`
      }
    }
    step++
  }
  return null
}

/** A rule of the core module, a rule of the catalogue module, and a rule with sums. */
export const sample: readonly Case[] = cases.filter(({ name }) => ['adam', 'adamax', 'lamb'].includes(name))

/** Hashes of all bits of all steps, by case and dtype. All NaNs have the same bits. */
export function digests(variant: Variant, chosen: readonly Case[] = cases): Record<string, string> {
  return Object.fromEntries(
    digested(chosen).map(({ name, testCase, data }) => [name, digest(wordsOf(run(variant, testCase, data)))]),
  )
}

/** Like `digests`, but with `stepAsync`. */
export async function asyncDigests(
  variant: Variant,
  chosen: readonly Case[] = cases,
): Promise<Record<string, string>> {
  const result: Record<string, string> = {}
  for (const { name, testCase, data } of digested(chosen)) {
    const words: Uint32Array[] = []
    for await (const snapshot of runAsync(variant, testCase, data)) words.push(...wordsOf([snapshot]))
    result[name] = digest(words)
  }
  return result
}

function digested(chosen: readonly Case[]) {
  // The run is long enough for the optimizing compiler of a JavaScript engine, and includes short and empty tensors.
  const lengths = [5003, 1, 0, 17, 65]
  return dtypes.flatMap((dtype) => {
    const data = makeData(dtype, lengths, 3, true)
    return chosen.map((testCase) => ({ name: `${testCase.name}, ${dtype}`, testCase, data }))
  })
}

function* wordsOf(snapshots: Iterable<Snapshot>): Generator<Uint32Array> {
  for (const { arrays, updates } of snapshots) {
    for (const [, array] of arrays) yield withOneNaN(array)
    yield Uint32Array.from(updates)
  }
}

/** Values and derivatives of Rastrigin's function along its view. */
export function rastriginAlongView(): number[] {
  const { value, gradient, view } = objectives.rastrigin()
  return Array.from({ length: 2000 }, (_, i) => {
    const x = [view[0] + ((view[1] - view[0]) * i) / 2000]
    const out = [NaN]
    gradient(x, out)
    return [value(x), out[0]]
  }).flat()
}
