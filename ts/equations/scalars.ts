/** Evaluates the nodes of a step that are not per element, in float64. */

import { EquationError } from '../core/errors.js'
import { type Code, toScalarOperation } from '../expressions/operations.js'
import { flushTrace } from '../rules/moments.js'
import { maxOrNaN } from './interpreter.js'
import { MAX_ABS, MAX_SUMS, MAX_VALUES } from './layout.js'
import type { StagePrograms } from './program.js'
import {
  ALL_LENGTH,
  COMMON_VALUE,
  LENGTH,
  PER_TENSOR,
  type PersistentVariable,
  type RuleStep,
} from './read.js'

type OptionNumbers = Readonly<Record<string, unknown>>
type Counter = Readonly<Record<string, number>>
type TensorColumns = Readonly<Record<string, Float64Array>>

/**
 * Name of the value `k` of a tensor, which is a sum of the last stage and an input of the next stage. Users' names
 * contain no spaces.
 */
export const valueName = (k: number): string => `value ${k}`
/** Prefix of the names of the first sums, which are saved if a second summing stage follows. */
const FIRST_SUM_PREFIX = 'first '

/** Replaces positive and negative numbers near 0 with 0. */
const withoutTrace = (x: number): number => (x < 0 ? -flushTrace(-x) || 0 : flushTrace(x))

const numberedNames = (count: number, name: (k: number) => string): string[] =>
  Array.from({ length: count }, (_, k) => name(k))

interface AllTensorSums {
  readonly sums: readonly number[]
  readonly length: number
}

/** Computes the values of some nodes from the values of earlier nodes. */
type ComputeScalars = (values: Float64Array) => void

export class Scalars {
  /** Scalars that are equal for all tensors with the same number of updates, and scalars with one value per tensor. */
  readonly common: readonly PersistentVariable[]
  readonly byTensor: readonly PersistentVariable[]
  /** Names of all values per tensor, including scalars. */
  readonly names: readonly string[]
  readonly #name: string
  readonly #step: RuleStep
  readonly #programs: StagePrograms
  readonly #starts: Counter
  /** The nodes of t and of the options. */
  readonly #t: number
  readonly #options: readonly { readonly name: string; readonly node: number }[]
  readonly #computed: ComputeScalars
  /** The computation that follows the sums of each stage. */
  readonly #between: readonly ComputeScalars[]
  /** The values of all nodes by update counter. */
  readonly #values = new WeakMap<object, Float64Array>()
  /** Sums over all tensors of a rule, and their total number of elements, by the rule's `numbers`. */
  readonly #totals = new WeakMap<object, AllTensorSums>()

  constructor(
    name: string,
    step: RuleStep,
    programs: StagePrograms,
    starts: Counter,
    options: readonly string[],
  ) {
    const { graph, sorts, levels, leaves } = step
    const stages = programs.stages.length
    this.#name = name
    this.#step = step
    this.#programs = programs
    this.#starts = starts
    this.common = step.scalars.filter(({ leaf }) => sorts[leaf] === COMMON_VALUE)
    this.byTensor = step.scalars.filter(({ leaf }) => sorts[leaf] === PER_TENSOR)
    const values = stages > 1 ? numberedNames(MAX_VALUES, valueName) : []
    const kept = stages > 2 ? numberedNames(MAX_SUMS, (k) => FIRST_SUM_PREFIX + k) : []
    this.names = [...values, ...kept, ...this.byTensor.map(({ name }) => name)]
    this.#t = leaves.get('t') as number
    this.#options = options.map((name) => ({ name, node: leaves.get(name) as number }))
    const compute = (sort: number, level?: number): ComputeScalars =>
      compileScalars(
        graph.nodes.flatMap((node, number) => {
          if (sorts[number] !== sort || (level !== undefined && levels[number] !== level)) return []
          return node.kind === 'operation' ? [[number, node.operation, ...node.operands] as const] : []
        }),
      )
    this.#computed = compute(COMMON_VALUE)
    this.#between = programs.stages.slice(1).map((_, stage) => compute(PER_TENSOR, stage + 1))
  }

  /**
   * Computes the common scalars of the next update.
   *
   * @throws EquationError if a scalar is not finite
   */
  advance(clock: Counter, numbers: OptionNumbers, next: Record<string, number>): void {
    let values = this.#values.get(next)
    if (values === undefined) {
      values = Float64Array.from(this.#step.graph.nodes, (node) =>
        node.kind === 'constant' ? node.value : 0,
      )
      this.#values.set(next, values)
    }
    const options = this.#options
    const common = this.common
    // The loop uses an index, because this code is part of every small step.
    values[this.#t] = next.t
    for (let k = 0; k < options.length; k++) values[options[k].node] = Number(numbers[options[k].name])
    for (let k = 0; k < common.length; k++) {
      const { name, leaf } = common[k]
      values[leaf] = this.#finite(name, clock[name], next.t)
    }
    this.#computed(values)
    for (let k = 0; k < common.length; k++) {
      const { name, final } = common[k]
      next[name] = withoutTrace(this.#finite(name, values[final], next.t))
    }
  }

  #finite(name: string, x: number, t: number): number {
    if (Number.isFinite(x)) return x
    throw new EquationError(`${this.#name}: ${name} at t = ${t}`, 'a finite number', `${x}`)
  }

  /** Writes the constants of an update that {@link advance} has computed. */
  write(clock: object, row: Float64Array, at: number): void {
    const values = this.#values.get(clock) as Float64Array
    const { constants } = this.#programs
    for (let k = 0; k < constants.length; k++) row[at + k] = values[constants[k]]
  }

  /** Computes sums over all tensors from the tensors' own sums. */
  total(
    numbers: object,
    tensors: readonly { readonly sums: TensorPositions; readonly length: number }[],
  ): void {
    const taken = this.#programs.stages[0].sums
    const sums = taken.map(({ sum }, k) =>
      tensors.reduce((total, { sums, length }) => {
        const x = length === 0 ? 0 : sums[valueName(k)]
        return sum.kind === MAX_ABS ? maxOrNaN(total, x) : total + x
      }, 0),
    )
    const length = tensors.reduce((total, { length }) => total + length, 0)
    this.#totals.set(numbers, { sums, length })
  }

  /** Prepares the values of tensor `i` for the stage after `stage`. */
  between(
    numbers: object,
    clock: Counter,
    tensor: TensorColumns,
    i: number,
    stage: number,
    length: number,
  ): void {
    const { leaves } = this.#step
    const { stages } = this.#programs
    const values = this.#values.get(clock) as Float64Array
    const totals = this.#totals.get(numbers) as AllTensorSums
    // Engines may skip tensors without elements, whose values are still from the previous update.
    if (length === 0) for (const k of stages[stage].sums.keys()) tensor[valueName(k)][i] = 0
    // All sums are written to the same place, so the first sums are saved if a second summing stage follows.
    if (stage === 0 && stages.length > 2)
      stages[0].sums.forEach((_, k) => {
        tensor[FIRST_SUM_PREFIX + k][i] = tensor[valueName(k)][i]
      })
    for (let from = 0; from <= stage; from++) {
      stages[from].sums.forEach(({ sum }, k) => {
        const own = tensor[from < stage ? FIRST_SUM_PREFIX + k : valueName(k)]
        values[sum.node] = sum.isOfAll ? totals.sums[k] : own[i]
      })
    }
    for (const [name, count] of [
      [LENGTH, length],
      [ALL_LENGTH, totals.length],
    ] as const) {
      const node = leaves.get(name)
      if (node !== undefined) values[node] = count
    }
    for (const { name, leaf } of this.byTensor)
      values[leaf] = clock.t === 1 ? this.#starts[name] : tensor[name][i]
    for (const compute of this.#between.slice(0, stage + 1)) compute(values)
    stages[stage + 1].values.forEach((node, k) => {
      tensor[valueName(k)][i] = values[node]
    })
    if (stage + 2 < stages.length) return
    for (const { name, final } of this.byTensor) tensor[name][i] = withoutTrace(values[final])
  }
}

type TensorPositions = Readonly<Record<string, number>>

type ScalarInstruction = readonly [number: number, operation: Code, ...operands: number[]]

/**
 * Evaluates without arrays and, for the usual operations, without function calls. This code dominates the time of a
 * small step.
 */
function compileScalars(lines: readonly ScalarInstruction[]): ComputeScalars {
  const functions = lines.map(([, operation]) => toScalarOperation(operation, 'float64') as ScalarFunction)
  const usual = lines.map(([, operation]) => COMMON_OPERATIONS.indexOf(operation))
  const places = Int32Array.from(lines.flatMap(([to, , a, b = 0, c = 0]) => [to, a, b, c]))
  return (values) => {
    for (let k = 0, at = 0; k < usual.length; k++, at += 4) {
      const a = values[places[at + 1]]
      const b = values[places[at + 2]]
      const which = usual[k]
      values[places[at]] =
        which === 0
          ? a * b
          : which === 1
            ? a / b
            : which === 2
              ? a - b
              : which === 3
                ? a + b
                : which === 4
                  ? Math.sqrt(a)
                  : functions[k](a, b, values[places[at + 3]])
    }
  }
}

const COMMON_OPERATIONS: readonly Code[] = ['multiply', 'divide', 'subtract', 'add', 'sqrt']
type ScalarFunction = (a: number, b: number, c: number) => number
