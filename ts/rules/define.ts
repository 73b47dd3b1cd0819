/** What a rule is made of: one declaration, from which all else derives. */

import type { Kernel } from '../arena/kernel.js'
import { PIPELINE } from '../arena/manifest.js'
import type { Dtype } from '../core/numbers.js'
import { extensions } from '../extensions.js'
import type { OptionTable, ValuesOf } from '../options/kinds.js'
import { makeDefaults } from '../options/read.js'
import type { NumbersOf } from '../schedules/option.js'
import { registerModule } from '../webassembly/module.js'
import { makeOptionTable, type RuleOptionTable, type TableOf } from './options.js'

/** The fields of a rule's own clock. */
export type CounterFields = Readonly<Record<string, number>>

/** What is counted for tensors that have had the same updates: t is the update under way, from 1. */
export type CounterOf<C> = { -readonly [K in keyof C]: number } & { t: number }

/** A rule, said once. What takes a rule gets its numbers at one update where schedules could be. */
export interface Declaration<O, K extends readonly Kernel[], C extends CounterFields> {
  /** All kernels that it may use. */
  readonly kernels: K
  /** The kernels of one step, in order. */
  stages(rule: ValuesOf<O>): readonly K[number][]
  /** The kernel that writes the point at which the next gradient is wanted, unless that is θ. */
  point?(rule: ValuesOf<O>): K[number] | undefined
  /**
   * Whether a step without a look at that point is an error. Such a rule has a second sequence beside the
   * parameters: so it cannot be delayed, nor looked ahead from.
   */
  readonly wantsPoint?: boolean
  /** What the fields of its clock start from; t is always there. */
  readonly clock?: C
  /** Those of these that all tensors of the rule have in common, also where they have had other updates. */
  readonly shared?: CounterFields
  /** Writes the clock of the next update, whose t stands already, and changes nothing else. */
  advance?(clock: CounterOf<C>, rule: NumbersOf<O>, next: CounterOf<C>): void
  /** Writes the coefficients that the clock does not change; `positions` are those of the first stage's kernel. */
  coefficients(rule: NumbersOf<O>, row: Float64Array, positions: K[number]['row'], dtype: Dtype): void
  /** Writes those that it does, after `advance`. */
  corrections?(
    rule: NumbersOf<O>,
    clock: Readonly<CounterOf<C>>,
    row: Float64Array,
    positions: K[number]['row'],
  ): void
  /**
   * Between two stages: makes what tensor number `i`, of `length` elements, has by tensor, from what was
   * summed, in arrays by name. Matrices have so many `rows` each, and other tensors 0.
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
   * After the first stage: makes what they share of what was summed of all tensors of the rule, in the order
   * of names; `tensors` are theirs.
   */
  estimateShared?(
    rule: NumbersOf<O>,
    members: readonly SharedMember<C>[],
    tensors: readonly { readonly length: number }[],
  ): void
  /** The rule of tensors of a shape that it does not take; undefined for those that it does. */
  fallback?(rule: ValuesOf<O>, shape: readonly number[] | undefined): object | undefined
  /**
   * Whether it is for matrices alone: where none of its tensors has a shape, and the fallback would be all that runs,
   * an optimizer is an error.
   */
  readonly wantsShapes?: boolean
  /** Rows and columns of each of the matrices that a tensor of a shape is; its first dimension by all others. */
  matrix?(shape: readonly number[]): readonly [rows: number, columns: number]
  /** Whether gradients may be of some rows alone: an update of one depends on nothing of the others, and on no step without. */
  readonly takesRows?: boolean
  /** Options that no `set` may change: what tensors have follows from them and from shapes. */
  readonly fixed?: readonly string[]
  /** d of θ ← d·θ − u, the decoupled decay; 1 by default. */
  decay?(rule: NumbersOf<O>): number
  /** λ of a decay that is added to the gradient; 0 by default. */
  l2?(rule: NumbersOf<O>): number
  /** What arrays of state start from; 0 by default. */
  starts?(rule: ValuesOf<O>): { readonly [N in K[number]['state'][number]]?: StateStart }
  /** What the pipeline does to its directions, as flags of segments; 0 by default. */
  flags?(rule: ValuesOf<O>): number
  /** Whether subnormal numbers of its state may become 0; true by default. */
  flushes?(rule: NumbersOf<O>, smallestNormal: number): boolean
  /** Defaults that depend on other options. */
  implied?(rule: ValuesOf<O>): Partial<ValuesOf<O>>
  /** What single options cannot show: throws an OptionError. */
  check?(rule: ValuesOf<O>): void
}

/** A tensor of a rule that measures all of its tensors together. */
export interface SharedMember<C extends CounterFields = CounterFields> {
  /** Of the update under way; where it is left out, of its last one. */
  readonly clock: CounterOf<C>
  /** The coefficients of the stages to come; null where it is left out. */
  readonly row: Float64Array | null
  /** What it has by tensor. */
  readonly sums: Readonly<Record<string, number>>
  /** Its parameters and its clock stay as they are. */
  hold(): void
}

/** What an array of state starts from: a number everywhere, or the parameters. */
export type StateStart = number | 'parameters'

/** What some rules have nothing for. */
type OptionalMember = 'advance' | 'corrections' | 'between' | 'estimateShared' | 'fallback'

/** A declaration with its name, and with what it left out. */
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
  /** The options that may be schedules. */
  readonly schedulable: readonly string[]
  /** The most coefficients that its rows have beside the pipeline's, whatever its options are. */
  readonly coefficientCount: number
  /** What messages call it where others have its name; saved runs of one do not fit another. */
  readonly variant?: string
}

const definitions = new Map<string, Definition>()

/** Makes a rule known by its name, for as long as its function is imported. */
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
    // Own ones, also where there are none: a `fallback` on every object is not this rule's.
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

/** The rule of that name, if it was imported, or comes with its equations. */
export function definitionNamed(name: string, options?: object): Definition | undefined {
  return definitions.get(name) ?? extensions.defineFromEquations?.(name, options)
}

/** The rules that were imported, whatever the order in which they were. */
export function importedDefinitions(): Definition[] {
  return [...definitions.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** The names of the arrays of state that a rule has, in the order in which they lie. */
export function stateNames<O>(definition: Definition<string, O>, rule: ValuesOf<O>): string[] {
  const point = definition.point(rule)
  const kernels: readonly Kernel[] = [...definition.stages(rule), ...(point === undefined ? [] : [point])]
  const elementwise = kernels.flatMap(({ state }) => state)
  return [...new Set([...elementwise, ...lineStateNames(kernels)])]
}

/** The names of state by row and by column. */
export const lineStateNames = (stages: readonly Kernel[]): readonly string[] =>
  stages.flatMap(({ lines = [] }) => lines)

/**
 * Whether the root of a subnormal number of the state cannot be seen beside ε, as it can be without ε:
 * 0 instead would be another step then.
 */
export function maskedByEps({ eps }: { readonly eps: number }, smallestNormal: number): boolean {
  return eps * eps >= smallestNormal
}
