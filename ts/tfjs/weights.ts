/** A saved run as named tensors, which TensorFlow.js writes beside a model's weights. */

import { TensorError } from '../ground/errors.js'
import { runIn, textOf } from '../saved/text.js'
import type { Saved } from '../saved/write.js'
import type { NamedTensor, Tensor, Used } from './types.js'

/** Names of optimizer weights and of model weights are one list in the file. */
const NAME = 'antigrad'

/** The first is a text with all but the arrays, which follow. */
export function toWeights(saved: Saved, tf: Used): NamedTensor[] {
  const arrays: Float32Array[] = []
  const text = textOf(saved, arrays)
  return [
    { name: NAME, tensor: tf.tensor([text], [1], 'string') },
    ...arrays.map((values, i) => ({
      name: `${NAME}/${i}`,
      tensor: tf.tensor(values, [values.length], 'float32'),
    })),
  ]
}

/** @throws TensorError where these are not what {@link toWeights} made; what is in them is checked by who reads it */
export async function fromWeights(weights: readonly NamedTensor[]): Promise<Saved> {
  const expected = 'the weights of an optimizer of antigrad, as model.save writes them'
  const [first, ...others] = weights
  if (first?.name !== NAME || first.tensor.dtype !== 'string') {
    throw new TensorError('setWeights', expected, `a first one named ${first?.name}`)
  }
  const text = `${(await first.tensor.data())[0]}`
  const arrays = await Promise.all(others.map(({ tensor }) => copyOf(tensor)))
  try {
    return runIn(text, arrays) as Saved
  } catch {
    // No JSON, or nested deeper than the stack.
    throw new TensorError('setWeights', expected, text)
  }
}

const copyOf = async (tensor: Tensor) => Float32Array.from((await tensor.data()) as ArrayLike<number>)
