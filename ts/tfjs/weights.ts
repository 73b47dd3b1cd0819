/** Conversion of a saved run to named tensors, which TensorFlow.js stores together with a model's weights. */

import { fromText, toText } from '../checkpoint/text.js'
import type { SavedRun } from '../checkpoint/write.js'
import { TensorError } from '../core/errors.js'
import type { NamedTensor, TfjsModule, TfjsTensor } from './types.js'

/** Prefix that distinguishes optimizer weights from model weights, which share one list in the file. */
const WEIGHT_PREFIX = 'antigrad'

/**
 * Converts a saved run to tensors. The first tensor is a string with everything except the arrays. The arrays follow.
 */
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

/**
 * Converts tensors of {@link toWeights} back, without validating the run.
 *
 * @throws TensorError if the tensors do not form a saved run
 */
export async function fromWeights(weights: readonly NamedTensor[]): Promise<SavedRun> {
  const expected = "weights of antigrad's optimizer, written by model.save"
  const [first, ...others] = weights
  if (first?.name !== WEIGHT_PREFIX || first.tensor.dtype !== 'string') {
    throw new TensorError('setWeights', expected, `a first tensor named ${first?.name}`)
  }
  const text = `${(await first.tensor.data())[0]}`
  const arrays = await Promise.all(others.map(({ tensor }) => copyTensor(tensor)))
  try {
    return fromText(text, arrays) as SavedRun
  } catch {
    // The text is not JSON, or the nesting of the JSON exceeds the call stack.
    throw new TensorError('setWeights', expected, text)
  }
}

const copyTensor = async (tensor: TfjsTensor) => Float32Array.from((await tensor.data()) as ArrayLike<number>)
