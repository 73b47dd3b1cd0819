/** Preparation of new tensors: validation of tensors, and assignment of their rules. */

import { SLOW } from '../arena/manifest.js'
import { OptionError, TensorError } from '../core/errors.js'
import { collectNames, type Flat, readShapes } from '../core/tensors.js'
import { isDetached, readLength } from '../core/typed-arrays.js'
import { type Groups, shapesExpected } from './groups.js'
import type { Model } from './model.js'
import { Tensor } from './partition.js'
import type { RestoredTensor } from './restored-tensor.js'

/**
 * Assigns a rule to each new tensor. The returned function adds the tensors. This function may run user code: getters
 * of shapes, and match functions.
 *
 * @param flat the structure of only the new tensors
 * @param restored the tensors of a saved run, whose shapes and groups replace the options
 * @throws TensorError if names or shapes are invalid, OptionError if groups are invalid
 */
export function prepareTensors(
  model: Model,
  flat: Flat,
  shapes: unknown,
  groups: Groups,
  restored?: ReadonlyMap<string, RestoredTensor>,
): () => void {
  const { values, dtype } = flat
  if (dtype !== model.settings.dtype) {
    throw new TensorError('params', `only ${model.settings.dtype} tensors`, `a ${dtype} tensor`)
  }
  const dimensions = readShapes(flat.shape, shapes, (number) => readLength(values[number]))
  const names: string[] = []
  for (const [number, name] of collectNames(
    flat.shape,
    model.tensors.length === 0 ? undefined : model.shape,
  )) {
    if (model.named(name) !== undefined)
      throw new TensorError(`params.${name}`, 'a unique tensor name', 'a duplicate')
    names[number] = name
  }
  const base = model.base.resolved
  const tensors = values.map((value, number) => {
    const name = names[number]
    const saved = restored?.get(name)
    const described = { name, shape: saved ? saved.shape : dimensions.get(number), length: readLength(value) }
    const { resolved, isFrozen, groups: numbers } = saved ?? groups.assign(base, described)
    return new Tensor(described, model.used(resolved), isFrozen, numbers)
  })
  // Even if no new tensor has a shape, an existing tensor may have a shape.
  const shapeless = groups.shapeless(base, tensors) && groups.shapeless(base, [...model.tensors, ...tensors])
  if (shapeless !== undefined) throw new TensorError('shapes', shapesExpected(shapeless), undefined)
  if (model.settings.planes.includes(SLOW)) {
    const free = [model.base, ...tensors.map(({ use }) => use)].find(
      ({ definition }) => definition.wantsPoint,
    )
    const expected = 'a rule without averaging'
    if (free !== undefined) throw new OptionError('lookahead', expected, free.definition.name)
  }
  tensors.forEach(({ name, length }, number) => {
    // The optimizer may have changed, because a match function may run any code.
    const isThere = readLength(values[number]) === length && !isDetached(values[number])
    if (!isThere) throw new TensorError(`params.${name}`, 'an attached tensor', 'a detached one')
  })
  const begun = new Map(tensors.map((tensor, i) => [tensor, [values[i]]]))
  return () => model.add(tensors, begun, flat.shape)
}
