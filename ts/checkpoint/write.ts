/** A run as one plain object: typed arrays and what JSON knows, so that structuredClone takes it. */

import { ACCUMULATED, AVERAGE, PARAMETERS, SLOW } from '../arena/manifest.js'
import { OptionError } from '../core/errors.js'
import type { Dtype, FloatArray } from '../core/numbers.js'
import { setOwn, unflatten } from '../core/tensors.js'
import { isObject, mapRecord, omitUndefined } from '../core/untrusted-input.js'
import type { TensorLimits } from '../gradients/clip.js'
import type { Groups } from '../model/groups.js'
import type { StepOptions } from '../model/options.js'
import type { AccumulatedRows, AverageProgress, Tensor } from '../model/partition.js'
import type { RuleInUse } from '../rules/active-rule.js'
import type { Rule } from '../rules/definitions.js'
import { isPlain } from '../schedules/schedule.js'
import type { Progress } from '../step/progress.js'

/** The version of the format. */
export const VERSION = 3

/** What is saved of a tensor: copies. */
export interface SavedTensor {
  readonly shape: readonly number[] | null
  readonly rule: Rule
  /** The options that groups gave it; null where they gave the rule. */
  readonly own: readonly string[] | null
  readonly lrScale: number
  /** How groups clip it, where that is not left to the optimizer. */
  readonly clip?: TensorLimits
  readonly frozen: boolean
  /** The numbers of the groups that it matched. */
  readonly groups: readonly number[]
  /** What is counted of its updates: t, and what else its rule counts. Null where it is frozen. */
  readonly clock: Readonly<Record<string, number>> | null
  /** What all tensors of its rule have in common, whether or not one is updated now: Prodigy's d. */
  readonly shared: Readonly<Record<string, number>>
  readonly params: FloatArray
  /** By the symbols of its rule's equations. */
  readonly state: Readonly<Record<string, FloatArray>>
  /** What its rule keeps of it as a whole, by name. */
  readonly byTensor: Readonly<Record<string, number>>
  /** Null without the option; `count` and `product` say what was averaged so far. */
  readonly average: ({ readonly values: FloatArray } & Readonly<AverageProgress>) | null
  /** The slow weights of lookahead. */
  readonly slow: FloatArray | null
  /** The sum of gradients so far, and whether some batch had one. */
  readonly accumulated: { readonly values: FloatArray; readonly present: AccumulatedRows } | null
}

/** The names of tensors in the shape of the parameters. */
export type Structure = string | readonly Structure[] | { readonly [key: string]: Structure }

/** A run that can go on; see `Optimizer.save`. All arrays in it are copies. */
export interface SavedRun {
  readonly format: 'antigrad'
  /** The version of the format. Other versions are not read. */
  readonly version: 3
  /** Hashes of the kernels' equations by kernel. */
  readonly equations: Readonly<Record<string, number>>
  readonly dtype: Dtype
  readonly structure: Structure
  /** The rule of tensors that no group gives another one. */
  readonly rule: Rule
  /** What tensors of that have in common. */
  readonly shared: Readonly<Record<string, number>>
  /** For tensors to come. Null where one matched by a function. */
  readonly groups: readonly object[] | null
  /** What the optimizer does around its rules. */
  readonly options: Readonly<Record<string, unknown>>
  /** The t of schedules at the next step. */
  readonly updates: number
  /** Batches accumulated for the next update. */
  readonly batches: number
  /** Steps skipped in a row. */
  readonly consecutiveSkips: number
  readonly tensors: Readonly<Record<string, SavedTensor>>
}

/** What is saved of an array: a copy, or for who waits on changes himself the view. */
export type CopyArray = (view: FloatArray, tensor: Tensor, progress: Progress) => FloatArray

/** @throws OptionError where a rule has a function, which cannot be saved; MemoryError where there is none for copies */
export function save(progress: Progress, groups: Groups | null, keep: CopyArray): SavedRun {
  const { model, around } = progress
  for (const use of model.uses) checkPlain(use.value)
  const plain = groups?.matches.every(isPlain) ? groups.plain : null
  for (const group of plain ?? []) checkPlain(group)
  const tensors: Record<string, SavedTensor> = {}
  for (const tensor of model.all()) setOwn(tensors, tensor.name, saveTensor(tensor, progress, keep))
  return {
    format: 'antigrad',
    version: VERSION,
    equations: equationHashes(model.uses),
    dtype: model.settings.dtype,
    structure: unflatten(
      model.shape,
      (number) => model.tensors[number].name,
      (nest) => nest,
    ) as Structure,
    rule: model.base.value as Rule,
    shared: { ...model.base.shared },
    groups: plain,
    options: plainOptions(around),
    updates: progress.updates,
    batches: progress.batches,
    consecutiveSkips: progress.skips,
    tensors,
  }
}

function saveTensor(tensor: Tensor, progress: Progress, keep: CopyArray): SavedTensor {
  const { accumulate, average, lookahead } = progress.around
  const { shape, use, isFrozen, groups, part, place, averaged, gathered } = tensor
  const kept = (view: FloatArray) => keep(view, tensor, progress)
  const plane = (array: number) => kept(tensor.view(array))
  const isAccumulating = accumulate.batches > 1
  return {
    shape: shape ?? null,
    rule: use.value as Rule,
    own: use.groupOptions && [...use.groupOptions],
    lrScale: use.lrScale,
    ...(use.clip !== null && { clip: use.clip }),
    frozen: isFrozen,
    groups,
    clock: part.cohorts.clockOf(place) ?? null,
    shared: { ...use.shared },
    params: plane(PARAMETERS),
    state: mapRecord(tensor.state, kept),
    byTensor: mapRecord(tensor.byTensor, (all) => all[place]),
    average: average && { values: plane(AVERAGE), ...averaged },
    slow: lookahead && plane(SLOW),
    accumulated: isAccumulating ? { values: plane(ACCUMULATED), present: gathered } : null,
  }
}

/** The hashes of all equations that some rules use. */
export function equationHashes(uses: readonly RuleInUse[]): Record<string, number> {
  const kernels = uses.flatMap(({ stages, point }) => stages.concat(point ?? []))
  return Object.fromEntries(kernels.map(({ name, source }) => [name, source]))
}

/** Options that say no more than what the user has to say. */
function plainOptions({
  clip,
  maxConsecutiveSkips,
  average,
  lookahead,
  ...rest
}: StepOptions): Record<string, unknown> {
  const finite = (x: number) => (x === Infinity ? undefined : x)
  const given = {
    ...rest,
    clip: omitUndefined({ norm: finite(clip.norm), value: finite(clip.value), ...clip.byTensor }),
    maxConsecutiveSkips: finite(maxConsecutiveSkips),
    average: average ?? undefined,
    lookahead: lookahead ?? undefined,
  }
  return omitUndefined(given)
}

/** @throws OptionError where there is a function: it names the option */
function checkPlain(value: unknown, path = 'save'): void {
  if (typeof value === 'function') {
    throw new OptionError(path, 'a number or a schedule, as a function cannot be saved', value)
  }
  if (!isObject(value)) return
  const name = (value as { name?: unknown }).name
  const inner = typeof name === 'string' ? `${path}: ${name}` : path
  for (const [key, child] of Object.entries(value)) checkPlain(child, `${inner}: ${key}`)
}
