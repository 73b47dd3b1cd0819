/**
 * examples/: a training run that is killed and resumed ends with the same bits, the network's gradient is correct,
 * similar words are found, and differential equations are fitted.
 */

import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { checkGradient } from 'antigrad'
import { checkpoints } from 'antigrad/files'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Generator } from '../examples/data.mjs'
import { Network } from '../examples/network.mjs'
import { home } from './children.js'

describe('the example train.mjs', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'antigrad-examples-'))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  interface Run {
    readonly signal: string | null
    readonly status: number | null
    readonly lines: readonly string[]
    readonly errors: string
  }

  /** Trains on an engine, and kills the process after an epoch if requested. */
  function train(name: string, engine: string, killedAfter?: number, epochs = 10): Promise<Run> {
    const flags = [`--epochs=${epochs}`, '--train=1000', '--test=300', `--checkpoints=${join(folder, name)}`]
    const child = spawn(process.execPath, [join(home, 'examples/train.mjs'), ...flags], {
      env: { ...process.env, ANTIGRAD_ENGINE: engine },
    })
    const lines: string[] = []
    let errors = ''
    child.stderr.on('data', (text) => {
      errors += text
    })
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line)
      if (line.startsWith(`epoch ${killedAfter}:`)) child.kill('SIGKILL')
    })
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (status, signal) => resolve({ status, signal, lines, errors }))
    })
  }

  const epochs = ({ lines }: Run) => lines.flatMap((line) => /^epoch (\d+)/.exec(line)?.[1] ?? []).map(Number)

  test('resumes a killed run on other engines, and computes the same bits as an uninterrupted run', async () => {
    const whole = await train('whole', 'native')
    expect(whole).toMatchObject({ status: 0, errors: '' })
    expect(epochs(whole)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
    expect(whole.lines.at(-1)).toMatch(/^hash of the parameters: [\da-f]{64}$/)
    expect(Number(/ ([\d.]+)%/.exec(whole.lines[9])?.[1])).toBeGreaterThan(70)

    const kept = await checkpoints(join(folder, 'whole')).latest()
    expect(kept?.saved.rule).toMatchObject({ lr: { schedule: 'warmup', value: { schedule: 'cosine' } } })
    expect(kept).toMatchObject({ extra: { settings: { epochs: 10, trained: 1000 }, epoch: 10 }, step: 100 })

    const first = await train('killed', 'wasm', 2)
    expect([first.signal, epochs(first)[0]]).toEqual(['SIGKILL', 1])
    // The damaged file, which the next run skips with a warning.
    writeFileSync(join(folder, 'killed/000009-step-90.safetensors'), 'half of')
    const second = await train('killed', 'typescript', 5)
    expect([second.signal, epochs(second)[0]]).toEqual(['SIGKILL', epochs(first).length + 1])
    expect(second.lines[0]).toMatch(/^resuming after epoch \d from /)
    const last = await train('killed', 'native')
    expect(epochs(last).at(-1)).toBe(10)
    expect(last.lines.slice(-2)).toEqual(whole.lines.slice(-2))
  })

  test('refuses to resume a run with changed settings', async () => {
    expect(await train('short', 'native', undefined, 1)).toMatchObject({ status: 0 })
    const { status, errors } = await train('short', 'native', undefined, 2)
    expect([status, errors]).toEqual([1, expect.stringContaining('belongs to another run')])
  })
})

test('the example network.mjs computes the correct gradient of its loss function', () => {
  const generator = new Generator(2)
  const network = new Network(6, 5, 3)
  const data = {
    images: Uint8Array.from({ length: 4 * 6 }, () => 255 * generator.next()),
    labels: Uint8Array.of(0, 2, 1, 2),
  }
  // Views of one array in the order that checkGradient expects.
  const views = (x: Float64Array) => ({
    hidden: { weight: x.subarray(0, 30), bias: x.subarray(30, 35) },
    output: { weight: x.subarray(35, 50), bias: x.subarray(50) },
  })
  const loss = (x: ArrayLike<number>, grads: Float64Array) =>
    network.loss(views(Float64Array.from(x)), views(grads), data, [0, 1, 3])
  const objective = {
    value: (x: ArrayLike<number>) => loss(x, new Float64Array(53)),
    gradient: (x: ArrayLike<number>, out: { [i: number]: number }) => void loss(x, out as Float64Array),
  }
  const x = Float64Array.from({ length: 53 }, () => 2 * generator.next() - 1)
  expect(checkGradient(objective, x)).toMatchObject({ ok: true, failures: 0 })
})

test('the example word-vectors.mjs computes the same bits on every engine', () => {
  const runs = ['native', 'wasm', 'typescript'].map((engine) => {
    const flags = ['--epochs=2', '--verses=600']
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [join(home, 'examples/word-vectors.mjs'), ...flags],
      { env: { ...process.env, ANTIGRAD_ENGINE: engine }, encoding: 'utf8' },
    )
    expect([stderr, status]).toEqual(['', 0])
    return stdout
  })
  expect(new Set(runs).size).toBe(1)
  const [, first, last] = /^epoch 1: .* loss ([\d.]+)\nepoch 2: .* loss ([\d.]+)\n/.exec(runs[0]) ?? []
  expect(Number(first)).toBeLessThan(5 * Math.LN2)
  expect(Number(last)).toBeLessThan(Number(first))
  expect(runs[0]).toMatch(/^seven: (?:[a-z]+ -?\d\.\d\d(?:, )?){6}$/m)
  expect(runs[0]).toMatch(/^hash of the parameters: [\da-f]{64}\n$/m)
})

test.each<[string, Record<string, number>]>([
  // The influenza outbreak in a boarding school. Textbooks estimate β near 1.7 and γ near 0.45 per day.
  ['sir.mjs', { beta: 1.8, gamma: 0.46, reproduction: 3.9 }],
  ['doses.mjs', { volume: 10.8, k: 0.131, clearance: 1.41 }],
  // Pinheiro and Bates estimate 0.088, 1.57 and 0.040.
  ['theophylline.mjs', { ke: 0.0858, ka: 1.64, cl: 0.0398 }],
])('the example %s fits differential equations', (name, expected) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(home, 'examples', name)], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toMatch(/^converged/m)
  for (const [parameter, value] of Object.entries(expected)) {
    const line = stdout.split('\n').find((line) => line.split(/\s+/)[0] === parameter)
    expect(Math.abs(Number(line?.split(/\s+/)[1]) / value - 1), parameter).toBeLessThan(0.02)
  }
})
