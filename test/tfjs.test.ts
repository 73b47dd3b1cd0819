/** antigrad/tfjs: the bits of an Optimizer on each backend, resumed in another process, without leaked tensors. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tf from '@tensorflow/tfjs-core'
import * as layers from '@tensorflow/tfjs-layers'
import '@tensorflow/tfjs-backend-cpu'
import '@tensorflow/tfjs-backend-wasm'
import {
  AntigradError,
  adam,
  adamw,
  cosine,
  ema,
  lamb,
  muon,
  nesterov,
  Optimizer,
  OptionError,
  type Rule,
  scheduleFreeAdamW,
  TensorError,
  warmup,
} from 'antigrad'
import { optimizerClass } from 'antigrad/tfjs'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { bundledSize } from '../scripts/lib/bundle.mjs'
import { home } from './children.js'
import { inBits } from './helpers.js'

const TfjsOptimizer = optimizerClass(tf)
type Artifacts = tf.io.ModelArtifacts

beforeAll(() => tf.enableProdMode())
afterEach(() => tf.disposeVariables())

function network(seed = 1) {
  const kernelInitializer = () => layers.initializers.glorotUniform({ seed })
  return layers.sequential({
    layers: [
      layers.layers.dense({
        ...{ name: `hidden${seed}`, units: 8, inputShape: [4], activation: 'tanh' },
        kernelInitializer: kernelInitializer(),
      }),
      layers.layers.dense({ name: `output${seed}`, units: 1, kernelInitializer: kernelInitializer() }),
    ],
  })
}

const data = () => {
  const x = tf.tensor(
    Float32Array.from({ length: 128 }, (_, i) => Math.fround(((i * 37) % 64) / 32 - 1)),
    [32, 4],
  )
  return { x, y: tf.sum(x, 1, true) }
}

const saved = async (model: layers.LayersModel): Promise<Artifacts> => {
  let artifacts: Artifacts | null = null
  const handler = {
    save: async (given: Artifacts) => {
      artifacts = given
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' as const } }
    },
  }
  await model.save(handler, { includeOptimizer: true })
  return structuredClone(artifacts) as unknown as Artifacts
}

const load = (artifacts: Artifacts) => layers.loadLayersModel({ load: async () => artifacts })

const weightsOf = (model: layers.LayersModel) =>
  model.getWeights().map((weight) => inBits(Float32Array.from(weight.dataSync())))

const namesOf = (model: layers.LayersModel) =>
  model.getWeights().map((weight) => (weight as tf.Variable).name)

const trained = async (model: layers.LayersModel, epochs: number) => {
  const { x, y } = data()
  await model.fit(x, y, { epochs, batchSize: 16, shuffle: false, verbose: 0 })
  tf.dispose([x, y])
}

const thrownBy = async (call: () => unknown): Promise<unknown> => {
  try {
    await call()
  } catch (error) {
    return error
  }
  return null
}

describe.each(['cpu', 'wasm'])('an optimizer in TensorFlow.js on %s', (backend) => {
  beforeAll(async () => {
    await tf.setBackend(backend)
  })

  test.each<[string, Rule, object]>([
    ['adam', adam({ lr: 0.1 }), {}],
    [
      'groups and schedules',
      adamw({ lr: warmup(cosine(0.1, { steps: 9 }), { steps: 2 }) }),
      { groups: true },
    ],
    ['a layerwise rule', lamb({ lr: 0.1 }), {}],
    ['a matrix rule', muon({ lr: 0.1 }), {}],
    ['a separate gradient point', nesterov({ lr: 0.01, form: 'shifted' }), {}],
    ['Schedule-Free', scheduleFreeAdamW({ lr: 0.1 }), {}],
    ['two batches, clipped', adam({ lr: 0.1 }), { accumulate: 2, clip: { norm: 0.1 } }],
  ])(
    'computes the same bits as the class Optimizer: %s',
    (_, rule, { groups, ...rest }: { groups?: boolean }) => {
      const kernel = tf.variable(tf.tensor([1, -2, 3, 4, 5, -6], [2, 3]), true, 'layer/kernel')
      const bias = tf.variable(tf.tensor([0.5, 1, 2]), true, 'layer/bias')
      const options = groups ? { groups: [{ match: '*/bias', rule: adam({ lr: 0.5 }) }] } : rest
      const params = {
        'layer/kernel': Float32Array.from(kernel.dataSync()),
        'layer/bias': Float32Array.from(bias.dataSync()),
      }
      const shapes = { 'layer/kernel': [2, 3], 'layer/bias': [3] }
      const reference = new Optimizer(params, rule, { ...options, shapes } as object)
      const optimizer = new TfjsOptimizer(rule, options as object)
      const loss = () =>
        tf.tidy(() => {
          const out = tf.add(tf.matMul(tf.tensor([[1, 2]]), kernel), bias)
          return tf.sum(tf.square(out)) as tf.Scalar
        })
      for (let i = 0; i < 8; i++) {
        const { value, grads } = tf.variableGrads(loss)
        value.dispose()
        reference.gradientPoint()
        reference.step(
          Object.fromEntries(
            Object.entries(grads).map(([name, grad]) => [name, Float32Array.from(grad.dataSync())]),
          ) as never,
        )
        const before = tf.memory().numTensors
        optimizer.applyGradients(grads)
        expect(tf.memory().numTensors).toBe(before)
        tf.dispose(grads)
        const point = reference.gradientPoint()
        expect(inBits(Float32Array.from(kernel.dataSync()))).toEqual(inBits(point['layer/kernel']))
        expect(inBits(Float32Array.from(bias.dataSync()))).toEqual(inBits(point['layer/bias']))
      }
      expect(optimizer.iterations).toBe(reference.updates)
      expect(optimizer.optimizer?.report().tensors.map(({ name }) => name)).toEqual(Object.keys(params))
      optimizer.show('params')
      expect(inBits(Float32Array.from(kernel.dataSync()))).toEqual(inBits(reference.params['layer/kernel']))
    },
  )

  test('continues a saved model with the same bits while the original model exists', async () => {
    const none = tf.memory().numTensors
    const model = network()
    const rule = scheduleFreeAdamW({ lr: warmup(0.05, { steps: 3 }) })
    const groups = [{ match: '*/bias', lr: 0.1 }]
    model.compile({
      optimizer: new TfjsOptimizer(rule, { groups, average: ema(0.9) }),
      loss: 'meanSquaredError',
    })
    await trained(model, 3)
    const loaded = await load(await saved(model))
    const optimizer = loaded.optimizer as InstanceType<typeof TfjsOptimizer>
    expect(optimizer.iterations).toBe(6)
    expect(namesOf(loaded).filter((name) => namesOf(model).includes(name))).toEqual([])
    expect(weightsOf(loaded)).toEqual(weightsOf(model))
    const before = tf.memory().numTensors
    await trained(loaded, 2)
    expect(tf.memory().numTensors).toBe(before)
    await trained(model, 2)
    expect(weightsOf(loaded)).toEqual(weightsOf(model))
    // The next step released the tensors that a save had lent to the writer.
    expect(tf.memory().numTensors).toBe(none + 8)
    optimizer.show('average')
    expect(weightsOf(loaded)).not.toEqual(weightsOf(model))
    expect(await thrownBy(() => trained(loaded, 1))).toMatchObject({ argument: 'applyGradients' })
    expect(await thrownBy(() => saved(loaded))).toMatchObject({ argument: 'getWeights' })
    optimizer.show('gradientPoint')
    expect(weightsOf(loaded)).toEqual(weightsOf(model))
    await trained(loaded, 1)
  })

  test("continues from the values that the user assigns to the model's variables", async () => {
    const w = tf.variable(tf.tensor([1, 2]), true, 'w')
    const optimizer = new TfjsOptimizer(adam({ lr: 0.1 }))
    const grads = { w: tf.tensor([1, -1]) }
    optimizer.applyGradients(grads)
    const held = w.clone()
    const [before, read] = [Float32Array.from(held.dataSync()), held.dataSync()]
    optimizer.applyGradients(grads)
    expect([Float32Array.from(held.dataSync()), Float32Array.from(read)]).toEqual([before, before])
    tf.tidy(() => w.assign(tf.tensor([10, 20])))
    optimizer.applyGradients(grads)
    expect([...w.dataSync()].map((x) => x.toFixed(3))).toEqual(['9.900', '20.100'])
    tf.dispose([grads, held])
  })

  test('includes a layer once the layer becomes trainable, and releases disposed models', async () => {
    const model = network()
    model.layers[0].trainable = false
    const optimizer = new TfjsOptimizer(adam())
    model.compile({ optimizer, loss: 'meanSquaredError' })
    await trained(model, 1)
    model.layers[0].trainable = true
    model.compile({ optimizer, loss: 'meanSquaredError' })
    await trained(model, 1)
    const updates = optimizer.optimizer
      ?.report()
      .tensors.map(({ name, updates }) => [name.slice(0, 9), updates])
    expect(updates).toEqual([
      ['output1/k', 4],
      ['output1/b', 4],
      ['hidden1/k', 2],
      ['hidden1/b', 2],
    ])
    const before = tf.memory().numTensors
    model.dispose()
    expect(tf.memory().numTensors).toBe(before - 4)
    const other = network(2)
    other.compile({ optimizer, loss: 'meanSquaredError' })
    await trained(other, 1)
    optimizer.show('params')
    optimizer.dispose()
  })
})

describe('the module antigrad/tfjs refuses', () => {
  test('options that have no effect', () => {
    const make = (options: object) => new TfjsOptimizer(adamw(), options)
    expect(() => make({ shapes: { w: [2] } })).toThrow(
      'options: shapes: expected no value, because variables have their own shapes',
    )
    expect(() => make({ zeroGrads: true })).toThrow('options: zeroGrads: expected no value')
    expect(() => make({ shapes: undefined, clip: { norm: 1 } })).not.toThrow()
  })

  test.each<[string, () => unknown, typeof OptionError | typeof TensorError, string]>([
    ['no TensorFlow.js', () => optimizerClass({} as never), OptionError, 'tf'],
    ['null instead of TensorFlow.js', () => optimizerClass(null as never), OptionError, 'tf'],
    ['no rule', () => new TfjsOptimizer('adam' as never), OptionError, 'rule'],
    ['an unknown option', () => new TfjsOptimizer(adam(), { beta1: 0 } as never), OptionError, 'options'],
    ['show before the first step', () => new TfjsOptimizer(adam()).show('params'), OptionError, 'show'],
    ['no gradients', () => new TfjsOptimizer(adam()).applyGradients(null as never), TensorError, 'gradients'],
    [
      'an unknown variable',
      () => new TfjsOptimizer(adam()).applyGradients({ gone: tf.scalar(1) }),
      TensorError,
      'gone',
    ],
  ])('invalid arguments: %s', async (_, call, type, argument) => {
    const error = await thrownBy(call)
    expect(error).toBeInstanceOf(type)
    expect(error).toMatchObject({ argument: expect.stringContaining(argument) })
  })

  test('gradients of the wrong shape before any change', () => {
    const w = tf.variable(tf.tensor([1, 2]), true, 'w')
    const optimizer = new TfjsOptimizer(adam())
    expect(() => optimizer.applyGradients({ w: tf.tensor([1]) })).toThrow(TensorError)
    expect(() => optimizer.applyGradients({ w: tf.tensor([1, 2], [2], 'int32') })).toThrow(TensorError)
    expect(optimizer.optimizer).toBe(null)
    expect([...w.dataSync()]).toEqual([1, 2])
    optimizer.applyGradients({ w: tf.tensor([1, 2]) })
    expect(() => optimizer.show('state' as never)).toThrow(OptionError)
    expect(() => optimizer.show('average')).toThrow(OptionError)
  })

  test('a save of a model with schedule functions, and names the functions', async () => {
    const model = network()
    model.compile({ optimizer: new TfjsOptimizer(adam({ lr: () => 0.1 })), loss: 'meanSquaredError' })
    expect(await thrownBy(() => saved(model))).toMatchObject({ argument: 'getConfig: lr' })
    await trained(model, 1)
    const groups = [{ match: ({ name }: { name: string }) => name.endsWith('bias'), lr: 0.1 }]
    model.compile({ optimizer: new TfjsOptimizer(adam(), { groups }), loss: 'meanSquaredError' })
    expect(await thrownBy(() => saved(model))).toMatchObject({ argument: 'getConfig: match' })
  })

  test('weights of other models, and models with other weights', async () => {
    const optimizer = new TfjsOptimizer(adam())
    const theirs = [{ name: 'iter', tensor: tf.scalar(3, 'int32') }]
    expect(await thrownBy(() => optimizer.setWeights(theirs))).toBeInstanceOf(TensorError)
    for (const text of [
      '',
      '{}',
      'null',
      '{"format":"antigrad","version":2,"tensors":{"__proto__":{"#array":9}}}',
    ]) {
      const weights = [{ name: 'antigrad', tensor: tf.tensor([text], [1], 'string') }]
      expect(await thrownBy(() => optimizer.setWeights(weights)), text).toBeInstanceOf(AntigradError)
    }
    const model = network()
    model.compile({ optimizer: new TfjsOptimizer(adam()), loss: 'meanSquaredError' })
    await trained(model, 1)
    await optimizer.setWeights(await (model.optimizer as typeof optimizer).getWeights())
    const w = tf.variable(tf.tensor([1, 2]), true, 'w')
    expect(() => optimizer.applyGradients({ w: tf.tensor([1, 2]) })).toThrow(
      /^variables: expected the saved variables/,
    )
    expect([...w.dataSync()]).toEqual([1, 2])
  })
})

test('NaN, infinity and names with underscores are preserved when a TensorFlow.js model is saved', async () => {
  const w = tf.variable(tf.tensor([-0, 1, Number.NaN, Infinity]), true, 'my_layer_x/kernel_y')
  const optimizer = new TfjsOptimizer(adam({ lr: 0.1 }), { groups: [{ match: 'my_layer_*/*', lr: 0.5 }] })
  optimizer.applyGradients({ [w.name]: tf.tensor([0, 1, 1, -Infinity]) })
  const weights = await optimizer.getWeights()
  const config = JSON.parse(JSON.stringify(optimizer.getConfig()))
  expect(JSON.stringify(config)).not.toContain('_')
  const loaded = new TfjsOptimizer(adam())
  await loaded.setWeights(weights)
  expect(inBits(loaded.optimizer?.save())).toEqual(inBits(optimizer.optimizer?.save()))
})

test('a bundle with antigrad/tfjs contains no code of TensorFlow.js, and only a small part of antigrad', async () => {
  const without = await bundledSize("export { adamw, Optimizer } from 'antigrad'")
  const both = "export { optimizerClass } from 'antigrad/tfjs'; export { adamw, Optimizer } from 'antigrad'"
  expect((await bundledSize(both)) - without).toBeLessThan(3_350)
})

describe('the example tfjs.mjs', () => {
  const run = (backend: string, checkpoint: string, epochs: number, engine = 'native') => {
    const flags = [`--backend=${backend}`, `--epochs=${epochs}`, '--train=500', `--checkpoint=${checkpoint}`]
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(home, 'examples/tfjs.mjs'), ...flags],
      {
        env: { ...process.env, ANTIGRAD_ENGINE: engine },
        encoding: 'utf8',
      },
    )
    expect([status, stderr]).toEqual([0, ''])
    return stdout.trim().split('\n')
  }

  test.each(['cpu', 'wasm'])(
    'continues a run with the same bits in another process and on another engine: %s',
    (backend) => {
      const folder = mkdtempSync(join(tmpdir(), 'antigrad-tfjs-'))
      try {
        const whole = run(backend, join(folder, 'whole'), 3)
        expect(Number(/accuracy ([\d.]+)%/.exec(whole[2])?.[1])).toBeGreaterThan(30)
        run(backend, join(folder, 'parts'), 1, 'wasm')
        const rest = run(backend, join(folder, 'parts'), 3, 'native')
        expect(rest[0]).toMatch(/^resuming after epoch 1 /)
        expect(rest.slice(1)).toEqual(whole.slice(1))
      } finally {
        rmSync(folder, { recursive: true })
      }
    },
  )
})
