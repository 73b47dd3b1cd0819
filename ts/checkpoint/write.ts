/** Converts a run to a plain object of typed arrays and JSON values, which can be passed to structuredClone. */

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

/** The version of the format of saved runs. */
export const VERSION = 3

/** The saved form of a tensor. All arrays of the saved form are copies. */
export interface SavedTensor {
  readonly shape: readonly number[] | null
  readonly rule: Rule
  /** Names of the rule options that groups have set; null if a group has set the rule. */
  readonly own: readonly string[] | null
  readonly lrScale: number
  /** Clipping that groups have set, if it differs from the optimizer's clipping. */
  readonly clip?: TensorLimits
  readonly frozen: boolean
  /** Indices of the groups that matched the tensor. */
  readonly groups: readonly number[]
  /**
   * The update counter t of the tensor, and all other counters of the tensor's rule; null for a frozen tensor.
   */
  readonly clock: Readonly<Record<string, number>> | null
  /** Values that all tensors of the rule share, such as d of Prodigy. */
  readonly shared: Readonly<Record<string, number>>
  readonly params: FloatArray
  /** State arrays of the tensor, by the symbols in the rule's equations. */
  readonly state: Readonly<Record<string, FloatArray>>
  /** State that consists of one number per tensor, by name. */
  readonly byTensor: Readonly<Record<string, number>>
  /** The average of the parameters and its progress (`count`, `product`); null without the option `average`. */
  readonly average: ({ readonly values: FloatArray } & Readonly<AverageProgress>) | null
  /** The slow weights of lookahead. */
  readonly slow: FloatArray | null
  /** The sum of the accumulated gradients, and whether any batch has contributed a gradient. */
  readonly accumulated: { readonly values: FloatArray; readonly present: AccumulatedRows } | null
}

/** The names of the tensors in the structure of the parameters. */
export type Structure = string | readonly Structure[] | { readonly [key: string]: Structure }

/** A saved run that can be resumed; see `Optimizer.save`. All arrays of the saved form are copies. */
export interface SavedRun {
  readonly format: 'antigrad'
  /** The version of the format of saved runs. Saved runs with another format version are not read. */
  readonly version: 3
  /** Hashes of the equations, by the names of the kernels. */
  readonly equations: Readonly<Record<string, number>>
  readonly dtype: Dtype
  readonly structure: Structure
  /** The default rule, which applies to tensors for which no group sets a rule. */
  readonly rule: Rule
  /** Values that all tensors with the default rule share. */
  readonly shared: Readonly<Record<string, number>>
  /**
   * The groups, which also apply to tensors that are added later; null if a group selects tensors by a function.
   */
  readonly groups: readonly object[] | null
  /** Options of the optimizer besides its rules, such as clipping and averages. */
  readonly options: Readonly<Record<string, unknown>>
  /** Number of updates of the optimizer. Schedules receive this number as t at the next step. */
  readonly updates: number
  /** Number of batches that have been accumulated for the next update. */
  readonly batches: number
  /** Number of consecutive skipped steps. */
  readonly consecutiveSkips: number
  readonly tensors: Readonly<Record<string, SavedTensor>>
}

/** Returns the saved form of an array: a copy, or the live view if the caller tracks changes. */
export type CopyArray = (view: FloatArray, tensor: Tensor, progress: Progress) => FloatArray

/** @throws OptionError if a rule contains a function, which cannot be saved; MemoryError if memory is exhausted */
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

/** Hashes of the equations of all rules. */
export function equationHashes(uses: readonly RuleInUse[]): Record<string, number> {
  const kernels = uses.flatMap(({ stages, point }) => stages.concat(point ?? []))
  return Object.fromEntries(kernels.map(({ name, source }) => [name, source]))
}

/** The options as users pass them. Options without a value or with an infinite limit are omitted. */
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

/** @throws OptionError if a value is a function; the error names the option */
function checkPlain(value: unknown, path = 'save'): void {
  if (typeof value === 'function') {
    throw new OptionError(path, 'a number or a schedule (functions cannot be saved)', value)
  }
  if (!isObject(value)) return
  const name = (value as { name?: unknown }).name
  const inner = typeof name === 'string' ? `${path}: ${name}` : path
  for (const [key, child] of Object.entries(value)) checkPlain(child, `${inner}: ${key}`)
}
