/** Compares a saved run with a model, and writes the saved run to the model. */

import { PARAMETERS } from '../arena/manifest.js'
import { readBuffer, readByteOffset } from '../core/buffers.js'
import { copyArray } from '../core/copy.js'
import type { CheckpointDifference } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { mapRecord } from '../core/untrusted-input.js'
import type { Model } from '../model/model.js'
import type { StepOptions } from '../model/options.js'
import type { Tensor } from '../model/partition.js'
import type { RestoredTensor } from '../model/restored-tensor.js'
import { RuleInUse } from '../rules/active-rule.js'
import type { Progress } from '../step/progress.js'
import type { RestoredRun } from './read.js'

/**
 * The differences between a saved run and a model, and the tensors that can be restored, with or without state.
 */
export interface CheckpointComparison {
  readonly differences: readonly CheckpointDifference[]
  readonly fitting: readonly (readonly [tensor: Tensor, saved: RestoredTensor, hasState: boolean])[]
}

export function compare(restored: RestoredRun, model: Model, around: StepOptions): CheckpointComparison {
  const found: CheckpointDifference[] = []
  const fitting: [Tensor, RestoredTensor, boolean][] = []
  const differ = (tensor: string | null, expected: unknown, received: unknown) => {
    if (`${expected}` !== `${received}`)
      found.push({ tensor, expected: `${expected}`, received: `${received}` })
  }
  differ(null, model.settings.dtype, restored.dtype)
  differ(null, describeRuleState(model.base), describeRuleState(new RuleInUse(restored.base)))
  for (const plane of ['average', 'lookahead'] as const) {
    const shown = ({ [plane]: kept }: StepOptions) =>
      kept === null ? `no ${plane}` : `${plane} ${JSON.stringify(kept)}`
    differ(null, shown(around), shown(restored.around))
  }
  const batches = ({ accumulate }: StepOptions) =>
    `${accumulate.batches} batches a step, ${accumulate.reduce}`
  differ(null, batches(around), batches(restored.around))
  const names = new Set(restored.tensors.keys())
  for (const tensor of model.all()) {
    const other = restored.tensors.get(tensor.name)
    names.delete(tensor.name)
    if (other === undefined) {
      differ(tensor.name, 'a tensor of that name', 'none')
      continue
    }
    const shape = (shape: readonly number[] | undefined, length: number) => `shape [${shape ?? length}]`
    const before = found.length
    differ(tensor.name, shape(tensor.shape, tensor.length), shape(other.shape, other.length))
    const isOfShape = found.length === before
    differ(tensor.name, describeRuleState(tensor.use), describeRuleState(other.use))
    const isOfDtype = restored.dtype === model.settings.dtype
    if (isOfShape && isOfDtype) fitting.push([tensor, other, found.length === before])
  }
  for (const name of names) differ(name, 'no tensor of that name', 'one')
  return { differences: found, fitting }
}

/** Describes a rule by the names of its state arrays, and a custom rule also by its equations. */
function describeRuleState({ definition, state, delay, isDelayed }: RuleInUse): string {
  const { name, variant = name } = definition
  return `the rule ${isDelayed ? `delayedStart(${delay}) of ` : ''}${variant} with ${state.join(', ') || 'no'} state`
}

/**
 * Writes a saved run to a model: all tensors, or only the matching tensors if there are differences.
 *
 * @throws EngineError or MemoryError if a tensor that is unfrozen cannot be moved; the model is then unchanged
 */
export function applySaved(
  restored: RestoredRun,
  progress: Progress,
  comparison: CheckpointComparison,
): void {
  const { model } = progress
  const { differences } = comparison
  const own = new Set(model.parts.map(({ arena }) => arena.region.buffer))
  const isWhole = differences.every(({ tensor }) => tensor !== null)
  const fitting = comparison.fitting.map(
    ([{ name }, other, hasState]) => [name, copyOverlapping(other, own), hasState] as const,
  )
  const thawing = comparison.fitting.filter(([, { isFrozen }, hasState]) => hasState && !isFrozen)
  model.unfreeze(thawing.map(([tensor]) => tensor))
  if (isWhole) {
    model.base = new RuleInUse(restored.base)
    model.base.adopt(restored.shared)
  }
  model.restart([model.base])
  const left = new Set(model.tensors)
  // The count of accumulated batches restarts, so tensors that are not restored must also discard their accumulated
  // gradients.
  for (const tensor of left) tensor.forgetBatches()
  for (const [name, other, hasState] of fitting) {
    const tensor = model.named(name) as Tensor
    const { part } = tensor
    if (hasState) {
      if (other.isFrozen && !tensor.isFrozen) part.freeze(tensor)
      const use = model.used(other.resolved)
      use.adopt(other.shared)
      tensor.use = use
      left.delete(tensor)
      if (other.clock !== null) part.setClock(tensor, other.clock)
    }
    writeTensor(tensor, other, hasState, isWhole)
    // State that was initialized with the previous parameters is invalid for the restored parameters.
    if (!hasState && !tensor.isFrozen && followsParameters(tensor)) part.unfreeze(tensor)
    if (isWhole && other.averaged !== null) tensor.averaged = { ...other.averaged }
    tensor.gathered = isWhole && other.gathered
  }
  // Tensors with equal rules and options share a rule object.
  for (const tensor of left) tensor.part.assign(tensor, model.used(tensor.use.resolved))
  progress.updates = restored.updates
  progress.batches = isWhole ? restored.batches : 0
  progress.skips = restored.skips
  progress.hasLooked = false
  model.update()
}

/**
 * Copies all arrays in the model's memory, because the restored values could overwrite these arrays before the arrays
 * are read.
 */
function copyOverlapping(saved: RestoredTensor, own: ReadonlySet<unknown>): RestoredTensor {
  // Reading the property `buffer` of a short array would allocate a buffer. Arrays of a model never have the byte
  // offset 0.
  const isOwn = (array: FloatArray) => readByteOffset(array) > 0 && own.has(readBuffer(array))
  if (!saved.arrays.some(([array]) => isOwn(array))) return saved
  const planes = saved.planes.map(([plane, values]) => [plane, copyArray(values)] as const)
  return { ...saved, planes, state: mapRecord(saved.state, copyArray) }
}

function followsParameters({ use: { definition, rule } }: Tensor): boolean {
  return Object.values(definition.starts(rule as never)).includes('parameters' as never)
}

function writeTensor(tensor: Tensor, other: RestoredTensor, hasState: boolean, isWhole: boolean): void {
  for (const [plane, values] of other.planes) {
    if (isWhole || plane === PARAMETERS) tensor.view(plane).set(values)
  }
  if (hasState) {
    for (const [name, state] of Object.entries(tensor.state)) state.set(other.state[name])
    for (const [name, numbers] of Object.entries(tensor.byTensor)) {
      numbers[tensor.place] = other.byTensor[name]
    }
  }
}
