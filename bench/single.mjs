// npm run bench:single: one fit per call next to other libraries, and whole calls of TensorFlow.js' `model.fit`, in turns.
//
// Times are processor times of the measuring process, so that other programs on the machine disturb them little. With
// --save, the results go to bench/results/single.json.
import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as tf from '@tensorflow/tfjs-core'
import * as layers from '@tensorflow/tfjs-layers'
import '@tensorflow/tfjs-backend-cpu'
import '@tensorflow/tfjs-backend-wasm'
import regression from 'regression'
import { fit as fitOne } from '../dist/node/fits/index.mjs'
import { adam, expression } from '../dist/node/index.mjs'
import { optimizerClass } from '../dist/node/tfjs/index.mjs'
import { loadLimits } from './lib/limits.mjs'
import { ratio, summary } from './lib/measure.mjs'
import { describeMachine } from './lib/report.mjs'
import { asLines } from './lib/rows.mjs'
import { Host } from './peers/processes.mjs'

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '21' },
    python: { type: 'string', default: fileURLToPath(new URL('peers/.venv/bin/python', import.meta.url)) },
    save: { type: 'boolean', default: false },
  },
})
const rounds = Number(flags.rounds)
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const ROWS = 40
const CURVES = 200
/** Calls of each subject before the first sample, in which code is compiled. */
const WARM_UP = 10
/** Relative amount by which our χ² may exceed that of another library, for rounding if both have converged. */
const ROUNDING = 1e-9
const start = [1, 1, 0]
const t = Array.from({ length: ROWS }, (_, k) => k / 10)
const curves = Array.from({ length: CURVES }, (_, i) => {
  const [a, b, c] = [
    1 + (3 * i) / CURVES,
    0.5 + (1.5 * ((37 * i) % CURVES)) / CURVES,
    ((11 * i) % 40) / 20 - 1,
  ]
  return t.map((at, k) => a * Math.exp(-b * at) + c + (((k * 37 + i * 11) % 41) / 41 - 0.5) / 25)
})
const chiSquared = ([a, b, c], y) =>
  t.reduce((sum, at, k) => sum + (a * Math.exp(-b * at) + c - y[k]) ** 2, 0)

/** The nanoseconds of processor time that the work takes in this process. */
async function processorTime(work) {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return 1e3 * (user + system)
}

/** Takes a sample of each subject in each round, in an order that is reversed from round to round. */
async function inTurns(subjects) {
  for (const subject of subjects) {
    subject.samples = []
    for (let k = 0; k < WARM_UP; k++) await subject.run()
  }
  for (let round = 0; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : [...subjects].reverse())
      subject.samples.push((await subject.run()) / subject.count)
  }
}

/** The rows of a table: the median time in nanoseconds, and the ratio to the first subject's time, round by round. */
const rowsOf = (subjects) =>
  subjects.map(({ id, samples, compared = subjects[0] }) => ({
    id,
    nanoseconds: Math.round(summary(samples).median),
    ratio: ratio(samples, compared.samples),
  }))

const skipped = []
const versions = { tfjs: tf.version_core, regression: '2.0.1' }

const decay = expression('a*exp(-b*t) + c')

/** @param modelOf returns the model of the next fit */
function oursInALoop(id = 'antigrad', modelOf = () => decay) {
  return {
    id,
    count: CURVES,
    run() {
      return processorTime(() => {
        this.found = curves.map((y) => {
          const { values } = fitOne(modelOf(), { t, y }, { start: { a: 1, b: 1, c: 0 }, threads: 1 })
          return [values.a, values.b, values.c]
        })
      })
    },
  }
}

/** The package fits a·exp(b·t) by a line through logarithms, which need positive values. */
function byRegression() {
  const points = curves.map((y) => y.map((value, k) => [t[k], Math.exp(value)]))
  return {
    id: 'regression',
    count: CURVES * 10,
    run: () =>
      processorTime(() => {
        for (let k = 0; k < 10; k++) for (const one of points) regression.exponential(one)
      }),
  }
}

async function inPython() {
  const host = new Host({ command: flags.python, args: [here('peers/single.py')], ipc: false })
  Object.assign(versions, await host.ask('open', { t, y: curves, start }))
  const subject = (id, count) => ({
    id,
    count,
    async run() {
      const { ns, values } = await host.ask('run', { id, count })
      this.found = values
      return ns
    },
  })
  return { host, subjects: [subject('scipy', CURVES), subject('lmfit', 20)] }
}

function byCeres() {
  const program = here('../target/bench/ceres-single')
  mkdirSync(here('../target/bench/'), { recursive: true })
  const flags = ['-O3', '-march=native', '-std=c++17', '-I/usr/include/eigen3']
  const { status, error, stderr } = spawnSync(
    'c++',
    [...flags, here('peers/ceres-single.cpp'), '-o', program, '-lceres', '-lglog', '-lgflags'],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(error?.message ?? `${stderr.trim().split('\n')[0]} (libceres-dev?)`)
  const input = Buffer.from(Float64Array.from([t, ...curves].flat()).buffer)
  return {
    id: 'ceres',
    count: CURVES,
    run() {
      const { status, stdout, stderr } = spawnSync(program, [ROWS, CURVES].map(String), {
        input,
        encoding: 'utf8',
      })
      if (status !== 0) throw new Error(`Ceres: ${stderr.trim().split('\n').at(-1)}`)
      const [ns, found] = stdout.split('\n')
      const numbers = found.trim().split(' ').map(Number)
      this.found = curves.map((_, i) => numbers.slice(3 * i, 3 * i + 3))
      return Number(ns)
    },
  }
}

/** No other library may reach a smaller χ², and all must have converged. */
function check({ id, found }, ours) {
  for (const [i, values] of (found ?? []).entries()) {
    const off = chiSquared(values, curves[i]) / chiSquared(ours.found[i], curves[i]) - 1
    if (!(off >= -ROUNDING)) throw new Error(`${id}: χ² of curve ${i} is smaller than ours by ${-off} of it`)
    if (off > 1e-6) throw new Error(`${id}: χ² of curve ${i} is larger than ours by ${off} of it`)
  }
}

async function measureFits() {
  const textEachTime = oursInALoop('antigrad, text each time', () => expression(decay.text))
  const subjects = [oursInALoop(), textEachTime, byRegression()]
  let host
  try {
    const python = await inPython()
    host = python.host
    subjects.push(...python.subjects)
  } catch ({ message }) {
    skipped.push(`SciPy and lmfit: ${message}`)
  }
  try {
    subjects.push(byCeres())
  } catch ({ message }) {
    skipped.push(`Ceres: ${message}`)
  }
  await inTurns(subjects)
  host?.close()
  for (const subject of subjects.slice(1)) check(subject, subjects[0])
  return rowsOf(subjects)
}

/** Calls of `model.fit` for a network with 1,002 parameters, one epoch of 64 batches of 32 rows. */
function networkOn(backend, optimizer, id, compared) {
  const [BATCHES, BATCH] = [64, 32]
  let model
  let data
  return {
    id,
    compared,
    count: BATCHES,
    async run() {
      if (tf.getBackend() !== backend) await tf.setBackend(backend)
      model ??= made()
      data ??= [
        tf.tensor2d(numbers(BATCHES * BATCH * 20), [BATCHES * BATCH, 20]),
        tf.oneHot(
          tf.tensor1d(
            numbers(BATCHES * BATCH).map((x) => Math.floor(5 + 5 * x)),
            'int32',
          ),
          10,
        ),
      ]
      return processorTime(() => model.fit(...data, { epochs: 1, batchSize: BATCH, verbose: 0 }))
    },
  }

  function made() {
    const network = layers.sequential()
    network.add(layers.layers.dense({ units: 32, activation: 'tanh', inputShape: [20] }))
    network.add(layers.layers.dense({ units: 10, activation: 'softmax' }))
    network.compile({ optimizer: optimizer(), loss: 'categoricalCrossentropy' })
    return network
  }
}
const numbers = (count) => Float32Array.from({ length: count }, (_, i) => ((i * 7919) % 1000) / 500 - 1)

async function measureTraining() {
  tf.enableProdMode()
  const Ours = optimizerClass(tf)
  const theirs = () => tf.train.adam(1e-3)
  const ours = () => new Ours(adam({ lr: 1e-3, eps: 1e-7 }))
  const own = networkOn('wasm', ours, 'tfjs-wasm+antigrad')
  const onCpu = networkOn('cpu', ours, 'tfjs-cpu+antigrad')
  onCpu.compared = onCpu
  const subjects = [
    own,
    networkOn('wasm', theirs, 'tfjs-wasm'),
    onCpu,
    networkOn('cpu', theirs, 'tfjs-cpu', onCpu),
  ]
  await inTurns(subjects)
  return rowsOf(subjects)
}

const { bits, compiler, reason } = loadLimits()
const machine = describeMachine({ bits, compiler, reason, threads: 1 })
const fits = await measureFits()
const training = await measureTraining()
const result = { machine, rounds, versions, fits, training, skipped }
for (const { id, nanoseconds, ratio: own } of [...fits, ...training])
  console.log(
    `${id.padEnd(20)} ${(nanoseconds / 1e3).toPrecision(3)} µs, ${own.median.toFixed(2)} (${own.low.toFixed(2)} to ${own.high.toFixed(2)})`,
  )
for (const line of skipped) console.log(`not measured: ${line}`)
if (flags.save) writeFileSync(here('results/single.json'), asLines(result))
process.exit(0)
