/** The numbers of a step that are not by element, in float64. */

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

/** Where a tensor has what a stage has summed, and what the next one uses: no name of a user's has a blank. */
export const valueName = (k: number): string => `value ${k}`
/** Where the first sums are, once there are others. */
const FIRST_SUM_PREFIX = 'first '

/** 0 where no trace of it is left, whatever its sign is. */
const withoutTrace = (x: number): number => (x < 0 ? -flushTrace(-x) || 0 : flushTrace(x))

const numberedNames = (count: number, name: (k: number) => string): string[] =>
  Array.from({ length: count }, (_, k) => name(k))

interface AllTensorSums {
  readonly sums: readonly number[]
  readonly length: number
}

/** What computes some nodes' numbers from those before. */
type ComputeScalars = (values: Float64Array) => void

export class Scalars {
  /** The scalars that tensors have in common that have had the same updates, and those that each has of its own. */
  readonly common: readonly PersistentVariable[]
  readonly byTensor: readonly PersistentVariable[]
  /** What a tensor has beside these. */
  readonly names: readonly string[]
  readonly #name: string
  readonly #step: RuleStep
  readonly #programs: StagePrograms
  readonly #starts: Counter
  /** The nodes of t, and of options. */
  readonly #t: number
  readonly #options: readonly { readonly name: string; readonly node: number }[]
  readonly #computed: ComputeScalars
  /** By stage: what is computed once its sums are there. */
  readonly #between: readonly ComputeScalars[]
  /** All numbers of an update by its clock. */
  readonly #values = new WeakMap<object, Float64Array>()
  /** What all tensors of a rule have summed, and how many elements they have, by the rule's numbers. */
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
   * Computes what tensors have in common at the next update.
   *
   * @throws EquationError where a scalar is not finite
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
    // By index: each small step does all of it.
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

  /** Writes the constants of an update, which {@link advance} has computed. */
  write(clock: object, row: Float64Array, at: number): void {
    const values = this.#values.get(clock) as Float64Array
    const { constants } = this.#programs
    for (let k = 0; k < constants.length; k++) row[at + k] = values[constants[k]]
  }

  /** Sums over all tensors; those of one each have names. */
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

  /** Makes what tensor number `i` has ready for the stage after `stage`. */
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
    // Engines may pass by a tensor without elements, where the values of the update before are still.
    if (length === 0) for (const k of stages[stage].sums.keys()) tensor[valueName(k)][i] = 0
    // Where others follow, the first sums are put aside, as all sums come to one place.
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

/** Without lists and, for the usual ones, without calls: a small step takes hardly longer than this. */
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
