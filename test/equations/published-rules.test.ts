/**
 * Compares the rules of docs/equations.md with other libraries. test/data/equations.py computed the reference points.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Optimizer, type Rule } from 'antigrad'
import { transform } from 'esbuild'
import { beforeAll, describe, expect, test } from 'vitest'
import { home } from '../children.js'
import { variants } from '../support.js'

type Tensors = Readonly<Record<string, readonly number[]>>

interface Golden {
  readonly initial: Tensors
  readonly gradients: readonly Tensors[]
  readonly runs: Readonly<Record<string, readonly Tensors[]>>
}

const golden: Golden = JSON.parse(readFileSync(join(home, 'test/data/equations.json'), 'utf8'))

/** Options of the runs that differ from the default values of the rules. */
const options: Readonly<Record<string, object>> = {
  madgrad: { lr: 0.05 },
  acprop: { lr: 0.05, beta2: 0.99, eps: 1e-8, epsRoot: 1e-8 },
  fromage: { lr: 0.05 },
  cocob: {},
  optimistic: { lr: 0.05, beta: 0.5 },
  tiger: { lr: 0.05, weightDecay: 0.1 },
  adamod: { lr: 0.05, beta3: 0.95 },
  qhm: { lr: 0.05, momentum: 0.95 },
  dog: {},
  gravity: { lr: 0.05 },
}

/** The exports of the page's code. */
const rules: Record<string, (options: object) => Rule> = {}

beforeAll(async () => {
  const page = readFileSync(join(home, 'docs/equations.md'), 'utf8')
  const texts = [...page.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, text]) => text)
  const exported = texts.filter((text) => text.includes('export const'))
  const { code } = await transform(exported.join('').replaceAll(/^import .*$/gm, ''), { loader: 'ts' })
  const folder = join(home, 'target/samples/published')
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'rules.mjs')
  writeFileSync(file, `import { defineRule } from 'antigrad'\n${code}`)
  Object.assign(rules, await import(/* @vite-ignore */ file))
})

const arraysOf = (tensors: Tensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, values]) => [name, Float64Array.from(values)]))

test('the docs page of published rules writes each rule in at most five lines', () => {
  expect(Object.keys(rules).sort()).toEqual(Object.keys(golden.runs).sort())
  for (const make of Object.values(rules)) {
    const { step } = (make({}) as unknown as { equations: { step: string } }).equations
    expect(step.split('\n').length).toBeLessThanOrEqual(5)
  }
})

describe.each(variants)('custom rules from published papers on $name', ({ name: _, ...engine }) => {
  test.each(Object.entries(golden.runs))(
    "reproduce the results of the author's library: %s",
    (name, points) => {
      const optimizer = new Optimizer(arraysOf(golden.initial), rules[name](options[name]), engine)
      expect(optimizer.engine).toBe(engine.engine)
      const largest = new Map<string, number>()
      golden.gradients.forEach((gradient, t) => {
        optimizer.step(arraysOf(gradient))
        for (const [tensor, expected] of Object.entries(points[t])) {
          expected.forEach((x, i) => {
            const key = `${tensor}[${i}]`
            largest.set(key, Math.max(largest.get(key) ?? 0, Math.abs(x)))
            const difference = Math.abs(optimizer.params[tensor][i] - x)
            expect(difference, `update ${t + 1}, ${key}`).toBeLessThanOrEqual(1e-12 * (largest.get(key) ?? 0))
          })
        }
      })
    },
  )
})
