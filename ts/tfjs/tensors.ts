/** Reading, writing and validating tensors and variables of TensorFlow.js. */

import { TensorError } from '../core/errors.js'
import { isObject } from '../core/untrusted-input.js'
import type { NamedTensor, TfjsModule, TfjsTensor, Variable } from './types.js'

export interface NamedVariable {
  readonly name: string
  readonly variable: Variable
}

/**
 * The values of a tensor. The values are valid until the next operation of TensorFlow.js, because TensorFlow.js's
 * WebAssembly backend returns a view.
 */
export function valuesOf(tf: TfjsModule, tensor: TfjsTensor): Float32Array {
  return tf.backend().typedArrayFromHeap?.(tensor) ?? (tensor.dataSync() as Float32Array)
}

/**
 * Assigns a new tensor to a variable. Tensors are never overwritten, because kernels cache derived data (such as packed
 * matrices), and users may keep results of `dataSync`.
 */
export function assign(tf: TfjsModule, variable: Variable, values: Float32Array): void {
  const isCopied = tf.backend().typedArrayFromHeap !== undefined
  const tensor = tf.tensor(isCopied ? values : values.slice(), variable.shape, 'float32')
  variable.assign(tensor)
  tensor.dispose()
}

/** @throws TensorError if the variable does not exist or is not float32 */
export function variableOf(tf: TfjsModule, name: string): Variable {
  const variable = tf.engine().registeredVariables[name]
  if (variable === undefined) throw new TensorError(name, 'the name of a variable', 'an unknown name')
  if (variable.dtype === 'float32') return variable
  throw new TensorError(name, 'a variable in float32', `a variable in ${variable.dtype}`)
}

export function toNamedTensors(given: unknown): readonly NamedTensor[] {
  if (Array.isArray(given)) return given
  if (isObject(given)) return Object.entries(given).map(([name, tensor]) => ({ name, tensor }))
  throw new TensorError('gradients', 'an object of tensors, or an array of named tensors', given)
}

export const toRecord = <T>(
  variables: readonly NamedVariable[],
  compute: (variable: Variable) => T,
): Record<string, T> => Object.fromEntries(variables.map(({ name, variable }) => [name, compute(variable)]))

export function checkShape(name: string, { shape }: Variable, expected: readonly number[]): void {
  if (`${shape}` !== `${expected}`)
    throw new TensorError(name, `the shape [${expected}]`, `a variable of the shape [${shape}]`)
}

/**
 * Checks that a gradient is float32 and has the size of its variable. The gradient may be missing if the loss does not
 * depend on the variable.
 */
export function checkGradient({ name, tensor }: NamedTensor, { size }: Variable): void {
  if (!tensor || (tensor.size === size && tensor.dtype === 'float32')) return
  throw new TensorError(
    name,
    `a gradient of ${size} numbers in float32`,
    `${tensor.size} numbers in ${tensor.dtype}`,
  )
}
