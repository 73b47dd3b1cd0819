/** Groups of tensors with separate rule options, with another rule, or without updates. */

import { hintFor } from '#hints'
import { OptionError } from '../core/errors.js'
import { groupBy } from '../core/group-by.js'
import {
  createRecord,
  isObject,
  omitUndefined,
  ownProperties,
  toBoundedArray,
} from '../core/untrusted-input.js'
import { readTensorClip, type TensorClip, type TensorLimits } from '../gradients/clip.js'
import { customOption, flag, optional, positive, positiveFraction } from '../options/kinds.js'
import { readOption, readOptions } from '../options/read.js'
import { type Definition, importedDefinitions } from '../rules/define.js'
import type { CustomRule, Rule, RuleByName } from '../rules/definitions.js'
import { addDelay, type ResolvedRule, resolve, selectForShape } from '../rules/resolve.js'
import { type AnyRule, changeRule, type OptionsOf } from '../rules/rule.js'
import { readSchedule, type Scheduled, scaled } from '../schedules/schedule.js'
import { exactName, type Match, matches, readMatch, type TensorDescription } from './patterns.js'

/**
 * Settings for the tensors of a group: rule options, another rule, a learning-rate factor, or freezing. If the settings
 * of two groups conflict, the later group applies.
 */
export type Group<R = Rule, N extends Rule['name'] = Rule['name']> = {
  /** The tensors of the group: a pattern on dotted names such as `'**.bias'`, or another {@link Match}. */
  readonly match: Match
  /**
   * Whether the tensors are frozen until `unfreeze`. Frozen tensors are not updated, have no state, and do not count in
   * norms. By default, tensors are not frozen.
   */
  readonly frozen?: boolean | undefined
  /** Factor of the rule's `lr`, until `set` assigns another value. The factor must be > 0, and is 1 by default. */
  readonly lrScale?: number | undefined
  /** Separate clipping of each tensor, which replaces the optimizer's `clip`. The value `{}` turns clipping off. */
  readonly clip?: TensorClip | undefined
} & (
  | ({ readonly rule?: undefined } & OptionsOf<R | RuleByName<N>>)
  | { readonly rule: Rule & { readonly name: N } }
  | { readonly rule: CustomRule }
)

/** A validated group; each property of the user's object was read once. */
interface ResolvedGroup {
  readonly match: Match
  readonly frozen: boolean | undefined
  readonly lrScale: number | undefined
  readonly clip: TensorLimits | undefined
  readonly resolved: ResolvedRule | undefined
  readonly options: Readonly<Record<string, unknown>>
  /** The group in a form that can be saved as JSON. */
  readonly plain: object
}

type RuleDefinitionHolder = Pick<ResolvedRule, 'definition'>

/** The rule of a tensor, whether the tensor is frozen, and the tensor's groups. */
export interface Assignment {
  readonly resolved: ResolvedRule
  readonly isFrozen: boolean
  /** Indices of the groups that match the tensor. */
  readonly groups: readonly number[]
}

export class Groups {
  readonly #list: readonly ResolvedGroup[]
  /**
   * Resolved rules by the indices of matching groups, because most tensors match the same groups. The cache of resolved
   * rules is valid for only one base rule.
   */
  readonly #resolved = new Map<string, ResolvedRule>()
  #base: ResolvedRule | undefined

  /**
   * Indices of the groups that match an exact name, by this name. Groups with any other match are listed under the key
   * undefined.
   */
  readonly #byName: ReadonlyMap<string | undefined, readonly number[]>

  private constructor(list: readonly ResolvedGroup[]) {
    this.#list = list
    this.#byName = groupBy(list.keys(), (k) => exactName(list[k].match))
  }

  /**
   * @throws OptionError if one of the groups is invalid
   */
  static read(what: string, given: unknown): Groups {
    const list = toBoundedArray(given)
    if (list === undefined) throw new OptionError(what, 'an array of groups', given)
    return new Groups(list.map((group, k) => read(group, `${what}[${k}]`)))
  }

  static readonly none = new Groups([])

  /** Returns the existing groups, followed by further groups. */
  and(others: Groups): Groups {
    return others.#list.length === 0 ? this : new Groups([...this.#list, ...others.#list])
  }

  get matches(): readonly Match[] {
    return this.#list.map(({ match }) => match)
  }

  /** The groups in a form that can be saved as JSON. */
  get plain(): readonly object[] {
    return this.#list.map(({ plain }) => plain)
  }

  /**
   * Returns the rule of a tensor, whether the tensor is frozen, and the tensor's groups. Matching a tensor may call
   * user functions.
   *
   * @throws OptionError if a rule lacks an option, TensorError if a required rank is unknown
   */
  assign(base: ResolvedRule, tensor: TensorDescription): Assignment {
    let isFrozen = false
    const groups: number[] = []
    const near = [undefined, tensor.name].flatMap((name) => this.#byName.get(name) ?? [])
    for (const k of near.sort((a, b) => a - b)) {
      const { match, frozen } = this.#list[k]
      if (!matches(match, tensor)) continue
      groups.push(k)
      isFrozen = frozen ?? isFrozen
    }
    if (this.#base !== base) this.#resolved.clear()
    this.#base = base
    const key = `${groups} ${tensor.shape}`
    const resolved = this.#resolved.get(key) ?? this.#resolve(base, groups, tensor)
    this.#resolved.set(key, resolved)
    return { resolved, isFrozen, groups: Object.freeze(groups) }
  }

  /** The name of a matrix rule without any tensor that has a shape; undefined if no rule is affected. */
  shapeless(
    base: ResolvedRule,
    tensors: Iterable<
      Pick<TensorDescription, 'shape'> & Pick<Assignment, 'groups'> & { readonly use: RuleDefinitionHolder }
    >,
  ): string | undefined {
    const found = new Map<Definition, boolean>()
    for (const { shape, groups, use } of tensors) {
      const { definition: meant } = this.#meant(base, groups) ?? use
      if (meant.wantsShapes) found.set(meant, found.get(meant) === true || shape !== undefined)
    }
    return [...found].find(([, hasShape]) => !hasShape)?.[0].name
  }

  /** The rule that a tensor with a known shape would have; undefined if the tensor's groups are unknown. */
  #meant(base: ResolvedRule, groups: readonly number[]): ResolvedRule | undefined {
    if (groups.some((k) => k >= this.#list.length)) return undefined
    return groups.flatMap((k) => this.#list[k].resolved ?? []).at(-1) ?? base
  }

  #resolve(base: ResolvedRule, groups: readonly number[], { name, shape }: TensorDescription): ResolvedRule {
    let resolved = selectForShape(base, shape)
    for (const k of groups) {
      const group = this.#list[k]
      if (group.resolved !== undefined) {
        resolved = selectForShape({ ...group.resolved, groupOptions: null, clip: resolved.clip }, shape)
      }
      if (group.clip !== undefined) resolved = { ...resolved, clip: group.clip }
      if (group.lrScale !== undefined) resolved = { ...resolved, lrScale: group.lrScale }
      resolved = overlayOptions(resolved, group.options, `groups[${k}]`, name)
    }
    const { lrScale, rule } = resolved
    if (lrScale === 1) return resolved
    const scales = { lr: scaled((rule.lr ?? 1) as Scheduled, lrScale) }
    return {
      ...overlayOptions(resolved, scales, 'groups: lrScale', name),
      groupOptions: resolved.groupOptions,
    }
  }
}

/** The expected value in an error message about missing shapes for a matrix rule. */
export const shapesExpected = (rule: string) =>
  `dimensions of at least one tensor for ${rule}, a rule for matrices`

/**
 * Overrides a rule's options with a group's options. A `weightDecay` of 0 is also allowed for rules without weight
 * decay.
 *
 * @throws OptionError if the rule lacks the option
 */
function overlayOptions(resolved: ResolvedRule, options: object, what: string, tensor: string): ResolvedRule {
  const { definition, rule, groupOptions } = resolved
  const has = (name: string) => Object.hasOwn(definition.options, name)
  const given = Object.entries(options).filter(
    ([name, value]) => has(name) || name !== 'weightDecay' || value !== 0,
  )
  if (given.length === 0) return resolved
  for (const [name] of given) {
    if (has(name)) continue
    const known = Object.keys(definition.options)
    const whose = `options of ${definition.name}, the rule of ${tensor || 'the parameters'}: ${known.join(', ')}`
    throw new OptionError(
      what,
      whose,
      name,
      hintFor(name, () => known),
    )
  }
  return {
    ...resolved,
    rule: Object.freeze(changeRule(definition, rule, Object.fromEntries(given))) as AnyRule,
    groupOptions: groupOptions && [...new Set([...groupOptions, ...given.map(([name]) => name)])].sort(),
  }
}

const table = {
  match: customOption(readMatch),
  rule: optional(customOption((what, given) => resolve(given, what))),
  frozen: optional(flag()),
  lrScale: optional(positive()),
  clip: optional(customOption(readTensorClip)),
}

function read(given: unknown, what: string): ResolvedGroup {
  if (!isObject(given) || Array.isArray(given)) {
    throw new OptionError(what, '{ match, rule, frozen, lrScale, clip, … }', given)
  }
  const { match, rule, frozen, lrScale, clip, ...others } = ownProperties(given)
  const { rule: resolved, ...rest } = readOptions(what, { match, rule, frozen, lrScale, clip }, table)
  const read = createRecord(Object.keys(others), (name) => readOfRules(what, name, others[name]))
  const options = omitUndefined(read)
  const plain = Object.freeze(omitUndefined({ ...rest, rule: resolved && addDelay(resolved), ...options }))
  return { ...rest, resolved, options, plain }
}

/**
 * Reads an option of a group. The option may belong to a rule whose tensors the group does not match yet. An option
 * that no imported rule has is an error.
 */
function readOfRules(what: string, key: string, given: unknown): unknown {
  const known = importedDefinitions().flatMap(({ options }) =>
    Object.hasOwn(options, key) ? [options[key]] : [],
  )
  const [first] = known
  if (first === undefined) {
    throw new OptionError(
      what,
      'match, rule, frozen, lrScale, clip, or options of rules',
      key,
      hintFor(key, () =>
        [table, ...importedDefinitions().map(({ options }) => options)].flatMap(Object.keys),
      ),
    )
  }
  if (given === undefined) return undefined
  const isObject = typeof given === 'object' || typeof given === 'function'
  if (!isObject && known.some(({ accepts }) => accepts(given))) return given
  const { expected } = first
  if (!known.some(({ schedulable }) => schedulable)) {
    throw new OptionError(`${what}: ${key}`, expected, given)
  }
  // The schedule is read once. Each rule validates the values of the schedule later.
  return readSchedule(`${what}: ${key}`, given, { expected, accepts: (x) => isObject && Number.isFinite(x) })
}

/**
 * A group without weight decay, as in timm and in Keras' `exclude_from_weight_decay`. The group contains biases,
 * tensors of at most one dimension (such as normalization scales), and the tensors of the given matches. `shapes` must
 * list the dimensions of all tensors that are not called bias.
 *
 * @example
 * new Optimizer(params, adamw({ lr: 1e-3 }), { shapes, groups: [noDecay('embed')] })
 */
export function noDecay(...also: readonly Match[]): { readonly match: Match; readonly weightDecay: 0 } {
  return { match: ['**.bias', { maxRank: 1 }, ...also], weightDecay: 0 }
}

/**
 * Groups whose learning rates decrease from the last layer to the first layer, like timm's `layer_decay`. The last
 * layer uses the rule's learning rate, and each earlier layer uses `decay` times the learning rate of the next layer.
 * (Clark et al., 2020; Bao et al., 2021)
 *
 * @param layers a match for each layer, from input to output
 * @param decay a factor in (0, 1], for example 0.75
 * @throws OptionError if decay is out of range or a layer is not a valid match
 * @example
 * groups: [...layerDecay(['embed', 'blocks.0.**', 'blocks.1.**', 'head'], 0.75), noDecay()]
 */
export function layerDecay(
  layers: readonly Match[],
  decay: number,
): { readonly match: Match; readonly lrScale: number }[] {
  const list = toBoundedArray(layers)
  if (list === undefined) throw new OptionError('layerDecay: layers', 'an array of matches', layers)
  readOption('layerDecay: decay', positiveFraction(), decay)
  let lrScale = 1
  const groups: { match: Match; lrScale: number }[] = []
  for (const layer of list.reverse()) {
    groups.unshift({ match: readMatch('layerDecay: layers', layer), lrScale })
    lrScale *= decay
  }
  return groups
}
