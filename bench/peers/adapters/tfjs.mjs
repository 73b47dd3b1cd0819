// TensorFlow.js: applyGradients of its own optimizers on variables, in production mode. Both backends are synchronous,
// so no adapter has to wait. Variants named `+antigrad` use optimizers of antigrad/tfjs instead.
import * as tf from '@tensorflow/tfjs'
import '@tensorflow/tfjs-backend-wasm'
import * as antigrad from '../../../dist/node/index.mjs'
import { optimizerClass } from '../../../dist/node/tfjs/index.mjs'
import { pick, settings, values } from '../values.mjs'

const { lr, beta1, beta2, eps, momentum, alpha } = settings
const optimizers = {
  adam: () => tf.train.adam(lr, beta1, beta2, eps),
  sgd: () => tf.train.momentum(lr, momentum),
  adagrad: () => tf.train.adagrad(lr, 1e-30), // The accumulator must be positive.
  rmsprop: () => tf.train.rmsprop(lr, alpha, 0, eps),
}

const byAntigrad = {
  adam: () => antigrad.adam({ lr }),
  sgd: () => antigrad.sgd({ lr, momentum }),
  adagrad: () => antigrad.adagrad({ lr }),
  rmsprop: () => antigrad.rmsprop({ lr }),
}

const isByAntigrad = (variant) => variant.endsWith('+antigrad')

export async function open(variant) {
  const [backend] = variant.split('+')
  tf.enableProdMode()
  if (!(await tf.setBackend(backend))) throw new Error(`the backend ${backend} did not start`)
  await tf.ready()
  return { version: tf.version.tfjs }
}

export function make(rule, lengths, _threads, variant) {
  const params = values(lengths, 0).map((tensor) => tf.variable(tf.tensor1d(tensor)))
  const isOurs = isByAntigrad(variant)
  const optimizer = isOurs ? new (optimizerClass(tf))(byAntigrad[rule]()) : optimizers[rule]()
  let grads = []
  return {
    about: isOurs
      ? {}
      : rule === 'rmsprop'
        ? { epsInRoot: true }
        : rule === 'adagrad'
          ? { epsInRoot: true, eps: 1e-7 }
          : {},
    gradients: (k) => {
      tf.dispose(grads)
      const tensors = values(lengths, k).map((tensor) => tf.tensor1d(tensor))
      grads = params.map(({ name }, i) => ({ name, tensor: tensors[i] }))
    },
    run: (count) => {
      for (let i = 0; i < count; i++) optimizer.applyGradients(grads)
    },
    read: (indices) =>
      pick(
        params.map((variable) => variable.dataSync()),
        indices,
      ),
    drop: () => {
      optimizer.dispose()
      tf.dispose(grads.map(({ tensor }) => tensor))
      tf.dispose(params)
    },
  }
}
