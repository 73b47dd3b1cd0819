/** Groups: which tensors have another rule, other options, or are frozen. */

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
 * What some tensors have of their own: options of their rule, another rule, a factor of their learning
 * rate, or that they are frozen. Where groups contradict one another, later ones win.
 */
export type Group<R = Rule, N extends Rule['name'] = Rule['name']> = {
  /** Which tensors: a pattern on dotted names such as `'**.bias'`, or what {@link Match} says else. */
  readonly match: Match
  /** They are not updated, have no state and no part in norms, until they are unfrozen; false by default. */
  readonly frozen?: boolean | undefined
  /** Multiplies the rule's lr, whatever it is, until `set` gives it another one. > 0; 1 by default. */
  readonly lrScale?: number | undefined
  /** Clips each of them by itself so, instead of as the optimizer's `clip` says; `{}` does not. */
  readonly clip?: TensorClip | undefined
} & (
  | ({ readonly rule?: undefined } & OptionsOf<R | RuleByName<N>>)
  | { readonly rule: Rule & { readonly name: N } }
  | { readonly rule: CustomRule }
)

/** A group, each property read once. */
interface ResolvedGroup {
  readonly match: Match
  readonly frozen: boolean | undefined
  readonly lrScale: number | undefined
  readonly clip: TensorLimits | undefined
  readonly resolved: ResolvedRule | undefined
  readonly options: Readonly<Record<string, unknown>>
  /** The group as it can be saved. */
  readonly plain: object
}

type RuleDefinitionHolder = Pick<ResolvedRule, 'definition'>

/** What a tensor gets. */
export interface Assignment {
  readonly resolved: ResolvedRule
  readonly isFrozen: boolean
  /** The numbers of the groups that it matches. */
  readonly groups: readonly number[]
}

export class Groups {
  readonly #list: readonly ResolvedGroup[]
  /** By the numbers of groups, as most tensors match the same; for one base. */
  readonly #resolved = new Map<string, ResolvedRule>()
  #base: ResolvedRule | undefined

  /** Their numbers by the one name that they match; by undefined those of which nobody knows that. */
  readonly #byName: ReadonlyMap<string | undefined, readonly number[]>

  private constructor(list: readonly ResolvedGroup[]) {
    this.#list = list
    this.#byName = groupBy(list.keys(), (k) => exactName(list[k].match))
  }

  /** @throws OptionError where a group is none */
  static read(what: string, given: unknown): Groups {
    const list = toBoundedArray(given)
    if (list === undefined) throw new OptionError(what, 'a list of groups', given)
    return new Groups(list.map((group, k) => read(group, `${what}[${k}]`)))
  }

  static readonly none = new Groups([])

  /** These, and then others. */
  and(others: Groups): Groups {
    return others.#list.length === 0 ? this : new Groups([...this.#list, ...others.#list])
  }

  get matches(): readonly Match[] {
    return this.#list.map(({ match }) => match)
  }

  /** As they can be saved. */
  get plain(): readonly object[] {
    return this.#list.map(({ plain }) => plain)
  }

  /**
   * What a tensor gets. Functions of the user may run.
   *
   * @throws OptionError where a rule does not have an option, TensorError where a rank is unknown
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

  /**
   * The name of a rule for matrices alone, where none of the tensors that are meant to have it has a shape;
   * undefined where there is no such rule.
   */
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

  /** The rule that a tensor would have if it had any shape; undefined where its groups are not known. */
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

/** What is wanted of those who name such a rule. */
export const shapesExpected = (rule: string) =>
  `the dimensions of tensors, of at least one for ${rule}, which is for matrices`

/**
 * A rule with options that a group gives.
 *
 * @throws OptionError where the rule does not have one; a decay of 0 is what those have that do not decay
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

/** A rule that the group does not match yet may have it; what no rule has, or accepts, is a mistake. */
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
  // Read once; which of its numbers are accepted, each rule says.
  return readSchedule(`${what}: ${key}`, given, { expected, accepts: (x) => isObject && Number.isFinite(x) })
}

/**
 * The habit of timm: no weight decay for biases and for tensors of one dimension (norms' scales, too); and
 * for what is named besides, as Keras' exclude_from_weight_decay. `shapes` must say how many
 * dimensions those have that are not called bias.
 *
 * @example
 * new Optimizer(params, adamw({ lr: 1e-3 }), { shapes, groups: [noDecay('embed')] })
 */
export function noDecay(...also: readonly Match[]): { readonly match: Match; readonly weightDecay: 0 } {
  return { match: ['**.bias', { maxRank: 1 }, ...also], weightDecay: 0 }
}

/**
 * Learning rates that fall from the last layer to the first, as timm's layer_decay: the last one has the
 * rule's, and each one before it `decay` times that of the next. (Clark et al., 2020; Bao et al., 2021)
 *
 * @param layers what matches each layer, from the input to the output
 * @param decay in (0, 1], for instance 0.75
 * @throws OptionError where decay is out of its range or a layer is no match
 * @example
 * groups: [...layerwise(['embed', 'blocks.0.**', 'blocks.1.**', 'head'], 0.75), noDecay()]
 */
export function layerDecay(
  layers: readonly Match[],
  decay: number,
): { readonly match: Match; readonly lrScale: number }[] {
  const list = toBoundedArray(layers)
  if (list === undefined) throw new OptionError('layerDecay: layers', 'a list of matches', layers)
  readOption('layerDecay: decay', positiveFraction(), decay)
  let lrScale = 1
  const groups: { match: Match; lrScale: number }[] = []
  for (const layer of list.reverse()) {
    groups.unshift({ match: readMatch('layerDecay: layers', layer), lrScale })
    lrScale *= decay
  }
  return groups
}
