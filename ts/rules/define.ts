/** Definitions of rules: options, kernels and functions of a rule are derived from a single declaration. */

import type { Kernel } from '../arena/kernel.js'
import { PIPELINE } from '../arena/manifest.js'
import type { Dtype } from '../core/numbers.js'
import { extensions } from '../extensions.js'
import type { OptionTable, ValuesOf } from '../options/kinds.js'
import { makeDefaults } from '../options/read.js'
import type { NumbersOf } from '../schedules/option.js'
import { registerModule } from '../webassembly/module.js'
import { makeOptionTable, type RuleOptionTable, type TableOf } from './options.js'

/** The rule's additional counter fields with their initial values. */
export type CounterFields = Readonly<Record<string, number>>

/** The update counter of tensors with equal numbers of updates. The field t is the current update, counted from 1. */
export type CounterOf<C> = { -readonly [K in keyof C]: number } & { t: number }

/**
 * The declaration from which a rule is defined. Functions with a parameter of type `NumbersOf` receive the options'
 * values at one update instead of schedules.
 */
export interface Declaration<O, K extends readonly Kernel[], C extends CounterFields> {
  /** All kernels that the rule can use. */
  readonly kernels: K
  /** The kernels of one step, in the order in which they run. */
  stages(rule: ValuesOf<O>): readonly K[number][]
  /** The kernel that writes the point for the next gradient; undefined if the point is θ. */
  point?(rule: ValuesOf<O>): K[number] | undefined
  /**
   * Whether a step throws an error unless `gradientPoint()` was called before the step. A rule that requires
   * `gradientPoint()` keeps a second sequence in addition to the parameters, and supports neither a delayed start nor
   * lookahead.
   */
  readonly wantsPoint?: boolean
  /** Initial values of the rule's counter fields, in addition to t. */
  readonly clock?: C
  /** The counter fields that all tensors of the rule share, even if their numbers of updates differ. */
  readonly shared?: CounterFields
  /**
   * Writes the counter of the next update to `next`, whose field t is already set. The function must not change any
   * other object.
   */
  advance?(clock: CounterOf<C>, rule: NumbersOf<O>, next: CounterOf<C>): void
  /**
   * Writes the coefficients that do not depend on the counter; `positions` contains their positions in the row of the
   * first stage.
   */
  coefficients(rule: NumbersOf<O>, row: Float64Array, positions: K[number]['row'], dtype: Dtype): void
  /** Writes the coefficients that depend on the counter, after `advance` has updated the counter. */
  corrections?(
    rule: NumbersOf<O>,
    clock: Readonly<CounterOf<C>>,
    row: Float64Array,
    positions: K[number]['row'],
  ): void
  /**
   * This function runs between two stages. The function computes the per-tensor values of tensor `i` from the tensor's
   * sums. The tensor has `length` elements. The argument `tensor` contains the tensor's arrays by name. The argument
   * `rows` is the number of rows of each matrix in the tensor, or 0 if the tensor is not a matrix.
   */
  between?(
    rule: NumbersOf<O>,
    clock: Readonly<CounterOf<C>>,
    tensor: Readonly<Record<string, Float64Array>>,
    i: number,
    stage: number,
    length: number,
    rows: number,
  ): void
  /**
   * This function runs after the first stage. The function computes the quantities that all tensors of the rule share,
   * from the sums of all tensors in the order of the tensors' names. The argument `tensors` contains the tensors of
   * `members`.
   */
  estimateShared?(
    rule: NumbersOf<O>,
    members: readonly SharedMember<C>[],
    tensors: readonly { readonly length: number }[],
  ): void
  /** The rule for tensors whose shape this rule does not support; undefined if the rule supports the shape. */
  fallback?(rule: ValuesOf<O>, shape: readonly number[] | undefined): object | undefined
  /**
   * Whether the rule supports only matrices. If no tensor of a matrix rule has a shape, the optimizer throws an error,
   * because only the fallback would run.
   */
  readonly wantsShapes?: boolean
  /**
   * Rows and columns of each matrix in a tensor of this shape. By default, a tensor is one matrix. The rows of the
   * matrix are the first dimension, and the columns are the product of all other dimensions.
   */
  matrix?(shape: readonly number[]): readonly [rows: number, columns: number]
  /**
   * Whether the rule supports sparse gradients. The update of a row must not depend on other rows, or on steps without
   * the row.
   */
  readonly takesRows?: boolean
  /** Options that `set` cannot change, because the layout of a tensor's state depends on these options. */
  readonly fixed?: readonly string[]
  /** Factor d in θ ← d·θ − u, for decoupled weight decay; 1 by default. */
  decay?(rule: NumbersOf<O>): number
  /** Coefficient λ of the weight decay that is added to the gradient; 0 by default. */
  l2?(rule: NumbersOf<O>): number
  /** Initial values of state arrays; 0 by default. */
  starts?(rule: ValuesOf<O>): { readonly [N in K[number]['state'][number]]?: StateStart }
  /** Segment flags that tell the pipeline how to modify the directions; 0 by default. */
  flags?(rule: ValuesOf<O>): number
  /** Whether subnormal numbers in the state may be flushed to 0; true by default. */
  flushes?(rule: NumbersOf<O>, smallestNormal: number): boolean
  /** Defaults that depend on other options. */
  implied?(rule: ValuesOf<O>): Partial<ValuesOf<O>>
  /** Checks combinations of option values, and throws an OptionError for an invalid combination. */
  check?(rule: ValuesOf<O>): void
}

/** A tensor, as the argument of a rule that computes quantities over all tensors of the rule. */
export interface SharedMember<C extends CounterFields = CounterFields> {
  /** Counter of the current update, or counter of the last update if the tensor has no gradient in this step. */
  readonly clock: CounterOf<C>
  /** Coefficients of the stages after the first stage; null if the tensor has no gradient in this step. */
  readonly row: Float64Array | null
  /** Sums over the tensor's elements, by name. */
  readonly sums: Readonly<Record<string, number>>
  /** Keeps the tensor's parameters and counter unchanged in this step. */
  hold(): void
}

/** Initial value of a state array: a number for all elements, or the parameters. */
export type StateStart = number | 'parameters'

/** Members of a declaration that a rule can omit. */
type OptionalMember = 'advance' | 'corrections' | 'between' | 'estimateShared' | 'fallback'

/** A declaration with its name and with defaults for the omitted members. */
export interface Definition<
  N extends string = string,
  O = OptionTable,
  K extends readonly Kernel[] = readonly Kernel[],
  C extends CounterFields = CounterFields,
> extends Omit<Required<Declaration<O, K, C>>, OptionalMember>,
    Pick<{ [P in OptionalMember]: Declaration<O, K, C>[P] | undefined }, OptionalMember> {
  readonly name: N
  readonly options: O
  /** The rule with the defaults of all options. */
  readonly defaults: { readonly name: N } & ValuesOf<O>
  /** Names of the options that may be schedules. */
  readonly schedulable: readonly string[]
  /** Maximum number of coefficients in a row of the rule, without the coefficients of the pipeline. */
  readonly coefficientCount: number
  /**
   * Name of the rule in messages, if the name differs from the rule's name. A run of one variant cannot be loaded into
   * another variant.
   */
  readonly variant?: string
}

const definitions = new Map<string, Definition>()

/** Registers a rule by its name. A rule is known only if its function is imported. */
export function define<
  const N extends string,
  G extends RuleOptionTable<G>,
  const K extends readonly Kernel[],
  C extends CounterFields = CounterFields,
>(
  name: N,
  declaration: { readonly options: G } & Declaration<TableOf<G>, K, C>,
): Definition<N, TableOf<G>, K, C> {
  for (const { module } of declaration.kernels) if (module) registerModule(module)
  const places = declaration.kernels.flatMap(({ row }) => Object.values(row))
  const options = makeOptionTable(declaration.options)
  const defaults = { name, ...makeDefaults(options as OptionTable) }
  const definition: Definition<N, TableOf<G>, K, C> = {
    point: () => undefined,
    wantsPoint: false,
    wantsShapes: false,
    takesRows: false,
    clock: {} as C,
    shared: {},
    decay: () => 1,
    l2: () => 0,
    starts: () => ({}),
    matrix: ([rows, ...rest]) => [rows, rest.reduce((product, n) => product * n, 1)],
    fixed: [],
    flags: () => 0,
    flushes: () => true,
    implied: () => ({}),
    check: () => {},
    // The properties are own properties, even if undefined, so that a `fallback` on `Object.prototype` does not count
    // as the rule's fallback.
    advance: undefined,
    corrections: undefined,
    between: undefined,
    estimateShared: undefined,
    fallback: undefined,
    ...declaration,
    name,
    options,
    defaults: Object.freeze(defaults) as { name: N } & ValuesOf<TableOf<G>>,
    schedulable: Object.keys(options).filter((key) => (options as OptionTable)[key].schedulable),
    coefficientCount: Math.max(PIPELINE - 1, ...places) + 1 - PIPELINE,
  }
  definitions.set(name, definition as unknown as Definition)
  return definition
}

/** The definition of an imported rule, or of a custom rule whose equations are in `options`. */
export function definitionNamed(name: string, options?: object): Definition | undefined {
  return definitions.get(name) ?? extensions.defineFromEquations?.(name, options)
}

/** The definitions of all imported rules, sorted by name. */
export function importedDefinitions(): Definition[] {
  return [...definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Names of the state arrays of a rule, in memory order. */
export function stateNames<O>(definition: Definition<string, O>, rule: ValuesOf<O>): string[] {
  const point = definition.point(rule)
  const kernels: readonly Kernel[] = [...definition.stages(rule), ...(point === undefined ? [] : [point])]
  const elementwise = kernels.flatMap(({ state }) => state)
  return [...new Set([...elementwise, ...lineStateNames(kernels)])]
}

/** Names of the state arrays that contain values per row and per column. */
export const lineStateNames = (stages: readonly Kernel[]): readonly string[] =>
  stages.flatMap(({ lines = [] }) => lines)

/**
 * Whether ε is so large that the sum of ε and the root of any subnormal number is ε. With a smaller ε, the step would
 * change if subnormal numbers in the state were set to 0.
 */
export function maskedByEps({ eps }: { readonly eps: number }, smallestNormal: number): boolean {
  return eps * eps >= smallestNormal
}
