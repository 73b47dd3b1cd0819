// The compared libraries: the process, the rules, the numbers of threads, and the API that is called.
import { fileURLToPath } from 'node:url'
import { elementwise, rules } from './values.mjs'

const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const node = (...args) => ({ command: process.execPath, args: [here('host.mjs'), ...args], ipc: true })
const python = (library, threads) => ({
  command: here('.venv/bin/python'),
  args: [here('host.py'), library, `${threads}`],
  ipc: false,
})

export const ours = {
  id: 'antigrad',
  name: 'antigrad',
  rules: [...rules, 'train'],
  threads: [1, 2],
  host: () => node('antigrad'),
  how: '`optimizer.step()` on gradients in `optimizer.grads`',
}

/** The libraries. `threads` are the measured numbers of threads, each compared with antigrad on the same number. */
export const rivals = [
  {
    id: 'loop-float64',
    name: 'loop by hand, float64',
    rules: elementwise,
    host: () => node('loop', 'float64'),
    how: 'a `for` loop with float64 arithmetic over `Float32Array`s',
  },
  {
    id: 'loop-fround',
    name: 'loop by hand, `Math.fround`',
    rules: elementwise,
    host: () => node('loop', 'fround'),
    how: 'the same, each operation rounded to float32',
  },
  {
    id: 'tfjs-wasm',
    name: 'TensorFlow.js, wasm',
    rules: ['adam', 'sgd', 'adagrad', 'rmsprop'],
    host: () => node('tfjs', 'wasm'),
    how: '`optimizer.applyGradients`, production mode (the backend has one thread in Node)',
  },
  {
    id: 'tfjs-cpu',
    name: 'TensorFlow.js, cpu',
    rules: ['adam', 'sgd', 'adagrad', 'rmsprop'],
    host: () => node('tfjs', 'cpu'),
    how: 'the same on the backend in plain JavaScript',
  },
  ...['wasm', 'cpu'].map((backend) => ({
    id: `tfjs-${backend}-antigrad`,
    name: `antigrad in TensorFlow.js, ${backend}`,
    rules: ['adam', 'sgd', 'adagrad', 'rmsprop'],
    host: () => node('tfjs', `${backend}+antigrad`),
    how: "`applyGradients` of `antigrad/tfjs` on TensorFlow.js' variables, copies included",
  })),
  {
    id: 'jax-js',
    name: 'jax-js, wasm',
    rules: elementwise,
    host: () => node('jax-js'),
    how: "the rule's equations under `jit` (one thread in Node, which has no global `Worker`)",
  },
  {
    id: 'js-pytorch',
    name: 'js-pytorch',
    rules: ['adam'],
    host: () => node('js-pytorch'),
    how: '`optim.Adam`; it has no bias correction',
  },
  {
    id: 'torch',
    name: 'Torch',
    python: true,
    rules: [...elementwise, 'adafactor', 'muon', 'train'],
    threads: [1, 2],
    host: (threads) => python('torch', threads),
    how: '`fused=True`; `foreach=True` for RMSProp and RAdam, which have no fused form; Adafactor and Muon by tensor',
  },
  {
    id: 'timm',
    name: 'timm',
    python: true,
    rules: ['lamb', 'lars', 'novograd', 'adafactor', 'muon'],
    threads: [1, 2],
    host: (threads) => python('timm', threads),
    how: '`timm.optim`, by tensor',
  },
  {
    id: 'prodigyopt',
    name: 'prodigyopt',
    python: true,
    rules: ['prodigy'],
    threads: [1, 2],
    host: (threads) => python('prodigyopt', threads),
    how: "`Prodigy`, the authors'",
  },
  {
    id: 'schedulefree',
    name: 'schedulefree',
    python: true,
    rules: ['scheduleFreeAdamW'],
    threads: [1, 2],
    host: (threads) => python('schedulefree', threads),
    how: "`AdamWScheduleFree(foreach=False)`, the authors'",
  },
  {
    id: 'pytorch-optimizer',
    name: 'pytorch_optimizer',
    python: true,
    rules: ['stableAdamW'],
    threads: [1, 2],
    host: (threads) => python('pytorch_optimizer', threads),
    how: '`StableAdamW(foreach=False)`',
  },
  {
    id: 'deepspeed',
    name: 'DeepSpeed',
    python: true,
    rules: ['adam', 'adamw'],
    threads: [1, 2],
    host: (threads) => python('deepspeed', threads),
    how: '`DeepSpeedCPUAdam`, compiled for this processor',
  },
  {
    id: 'optax',
    name: 'Optax',
    python: true,
    rules: rules.filter((rule) => rule !== 'stableAdamW'),
    threads: [1, 2],
    host: (threads) => python('optax', threads),
    how: '`update` and `apply_updates` in one `jax.jit` with parameters and state donated',
  },
].map((rival) => ({ threads: [1], python: false, ...rival }))

/** Libraries that cannot take part, with the reasons, which each report contains. */
export const absent = [
  {
    name: '@jax-js/optax',
    why: "jax-js' own optimizers: the registry did not have the package when this was written",
  },
]
