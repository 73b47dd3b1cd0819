/**
 * Runs that were saved by each version of the format are read for good. A new version adds its file:
 * vitest writes it where it is missing, and `make` must have in it what the version can save.
 */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { adamw, ema, momentum, noDecay, Optimizer, type Saved, warmup } from 'antigrad'
import { expect, test } from 'vitest'
import { home } from './children.js'
import { inBits } from './helpers.js'

const folder = join(home, 'test/data')

const gradients = (k: number) => ({
  embed: Float32Array.of(0.5, -k),
  body: { weight: Float32Array.of(k, 1), bias: Float32Array.of(-0.25) },
})

/** A run with all that is saved in it, in the middle of the batches of its fourth update. */
function make() {
  const params = {
    embed: Float32Array.of(1, 2),
    body: { weight: Float32Array.of(3, 4), bias: Float32Array.of(5) },
  }
  const optimizer = new Optimizer(params, adamw({ lr: warmup(1e-2, { steps: 5 }) }), {
    shapes: { embed: [1, 2], body: { weight: [2, 1], bias: [1] } },
    groups: [noDecay(), { match: 'body.weight', rule: momentum({ lr: 0.1 }), lrScale: 0.5 }],
    clip: { norm: 2, value: 1.5 },
    accumulate: { batches: 2, reduce: 'sum' },
    average: ema(0.9, { corrected: true }),
    lookahead: { steps: 2 },
    onNonFinite: 'skip',
    maxSkips: 2,
  })
  for (let k = 0; k < 7; k++) optimizer.step(gradients(k))
  optimizer.step({ embed: Float32Array.of(NaN, 1) })
  const { body } = optimizer.add({ head: [Float32Array.of(6)] }, { shapes: { head: [[1]] } }).params
  optimizer.freeze('head.0')
  body.weight[0] = -0.5
  return optimizer
}

/** Typed arrays by name; hashes of equations may change without the format. */
const written = (saved: Saved) =>
  JSON.stringify(
    { ...saved, equations: {} },
    (_, value) => (value instanceof Float32Array ? { float32: [...value] } : value),
    1,
  )

const revived = (text: string): Saved =>
  JSON.parse(text, (_, value) => (Array.isArray(value?.float32) ? Float32Array.from(value.float32) : value))

test('what is saved is of the format that its version has had from the start', async () => {
  const saved = make().save()
  await expect(`${written(saved)}\n`).toMatchFileSnapshot(join(folder, `saved-${saved.version}.json`))
})

const files = readdirSync(folder).filter((file) => /^saved-\d+\.json$/.test(file))

test.each(files)('%s is read, and goes on to the same bits', (file) => {
  const optimizer = make()
  const loaded = Optimizer.load(revived(readFileSync(join(folder, file), 'utf8')), { onWarning() {} })
  for (const each of [optimizer, loaded]) for (let k = 7; k < 12; k++) each.step(gradients(k))
  expect(loaded.updates).toBe(6)
  expect(inBits(loaded.save().tensors)).toBe(inBits(optimizer.save().tensors))
})

test('there is a file of each version', () => {
  expect(files.length).toBe(make().save().version)
})
