/** A saved run as named tensors, which TensorFlow.js writes beside a model's weights. */

import { TensorError } from '../ground/errors.js'
import type { Saved } from '../saved/write.js'
import type { NamedTensor, Tensor, Used } from './types.js'

/** Names of optimizer weights and of model weights are one list in the file. */
const NAME = 'antigrad'
/** Stand for what JSON cannot say. */
const ARRAY = '#array'
const NUMBER = '#number'

/** The first is a text with all but the arrays, which follow. */
export function toWeights(saved: Saved, tf: Used): NamedTensor[] {
  const arrays: Float32Array[] = []
  const text = JSON.stringify(saved, (_, value) => {
    if (value instanceof Float32Array) return { [ARRAY]: arrays.push(value) - 1 }
    const isPlain = typeof value !== 'number' || (Number.isFinite(value) && !Object.is(value, -0))
    return isPlain ? value : { [NUMBER]: Object.is(value, -0) ? '-0' : `${value}` }
  })
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
    return JSON.parse(text, (_, value) => {
      if (Object.hasOwn(Object(value), ARRAY) && typeof value[ARRAY] === 'number') return arrays[value[ARRAY]]
      return Object.hasOwn(Object(value), NUMBER) ? Number(value[NUMBER]) : value
    })
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new TensorError('setWeights', expected, text)
  }
}

const copyOf = async (tensor: Tensor) => Float32Array.from((await tensor.data()) as ArrayLike<number>)
