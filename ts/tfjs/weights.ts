/** A saved run as named tensors, which TensorFlow.js writes beside a model's weights. */

import { fromText, toText } from '../checkpoint/text.js'
import type { SavedRun } from '../checkpoint/write.js'
import { TensorError } from '../core/errors.js'
import type { NamedTensor, TfjsModule, TfjsTensor } from './types.js'

/** Names of optimizer weights and of model weights are one list in the file. */
const WEIGHT_PREFIX = 'antigrad'

/** The first is a text with all but the arrays, which follow. */
export function toWeights(saved: SavedRun, tf: TfjsModule): NamedTensor[] {
  const arrays: Float32Array[] = []
  const text = toText(saved, arrays)
  return [
    { name: WEIGHT_PREFIX, tensor: tf.tensor([text], [1], 'string') },
    ...arrays.map((values, i) => ({
      name: `${WEIGHT_PREFIX}/${i}`,
      tensor: tf.tensor(values, [values.length], 'float32'),
    })),
  ]
}

/** @throws TensorError where these are not what {@link toWeights} made; what is in them is checked by who reads it */
export async function fromWeights(weights: readonly NamedTensor[]): Promise<SavedRun> {
  const expected = 'the weights of an optimizer of antigrad, as model.save writes them'
  const [first, ...others] = weights
  if (first?.name !== WEIGHT_PREFIX || first.tensor.dtype !== 'string') {
    throw new TensorError('setWeights', expected, `a first one named ${first?.name}`)
  }
  const text = `${(await first.tensor.data())[0]}`
  const arrays = await Promise.all(others.map(({ tensor }) => copyTensor(tensor)))
  try {
    return fromText(text, arrays) as SavedRun
  } catch {
    // No JSON, or nested deeper than the stack.
    throw new TensorError('setWeights', expected, text)
  }
}

const copyTensor = async (tensor: TfjsTensor) => Float32Array.from((await tensor.data()) as ArrayLike<number>)
