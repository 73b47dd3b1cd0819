/**
 * The program that a page and this Node run with antigrad/tfjs: train a model, save it, load it and resume training.
 */

import '@tensorflow/tfjs-backend-cpu'
import { setWasmPaths } from '@tensorflow/tfjs-backend-wasm'
import * as tf from '@tensorflow/tfjs-core'
import * as layers from '@tensorflow/tfjs-layers'
import { adamw, ema, lamb } from 'antigrad'
import { optimizerClass } from 'antigrad/tfjs'

/** @returns {Promise<{ bits: number[][], goesOn: boolean, leaked: number }>} */
export async function program(backend, wasmPath) {
  if (wasmPath) setWasmPaths(wasmPath)
  tf.enableProdMode()
  if (!(await tf.setBackend(backend))) throw new Error(`${backend} does not start`)
  await tf.ready()
  const TfjsOptimizer = optimizerClass(tf)
  const model = layers.sequential()
  const dense = (options) => layers.layers.dense({ kernelInitializer: 'ones', ...options })
  model.add(dense({ units: 3, inputShape: [4], activation: 'relu' }))
  model.add(dense({ units: 1 }))
  const optimizer = new TfjsOptimizer(adamw({ lr: 0.05 }), {
    groups: [{ match: '*/bias', rule: lamb({ lr: 0.01 }) }],
    average: ema(0.9),
  })
  model.compile({ optimizer, loss: 'meanSquaredError' })
  const x = tf.tensor(
    Float32Array.from({ length: 32 }, (_, i) => ((i * 37) % 64) / 32 - 1),
    [8, 4],
  )
  const y = tf.tensor(
    Float32Array.from({ length: 8 }, (_, i) => i / 4),
    [8, 1],
  )
  const trained = (one) => one.fit(x, y, { epochs: 3, batchSize: 4, shuffle: false, verbose: 0 })
  await trained(model)
  const before = tf.memory().numTensors
  await trained(model)
  const leaked = tf.memory().numTensors - before
  let saved
  const save = async (artifacts) => {
    saved = structuredClone(artifacts)
    return {}
  }
  await model.save({ save }, { includeOptimizer: true })
  const loaded = await layers.loadLayersModel({ load: async () => saved })
  await trained(model)
  await trained(loaded)
  const bitsOf = (one) =>
    one.getWeights().map((w) => [...new Uint32Array(Float32Array.from(w.dataSync()).buffer)])
  return { bits: bitsOf(model), goesOn: `${bitsOf(loaded)}` === `${bitsOf(model)}`, leaked }
}
