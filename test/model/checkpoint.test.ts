/**
 * Saved runs of old: `data/checkpoint-<version>.json` has one of that version of the format by dtype, in the middle of a
 * run, and what came of it 40 steps later. It stays as it is. For a new version of the format write a new one beside it:
 * ANTIGRAD_WRITE_CHECKPOINT=1 npx vitest run test/model/checkpoint.test.ts
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { adam, CheckpointError, Optimizer, type Saved, sgd } from 'antigrad'
import { describe, expect, test, vi } from 'vitest'
import { bits, type Dtype, dtypes, type FloatArray, inBits } from '../helpers.js'
import { variants } from '../support.js'
import { decode, encode, goOn } from './going-on.js'
import { longRun } from './long-run.js'

const VERSION = 2
const versions = Array.from({ length: VERSION }, (_, k) => k + 1)
const [SAVED, END] = [33, 73]
const fileOf = (version: number) => new URL(`../data/checkpoint-${version}.json`, import.meta.url)

/** By dtype, as `encode` has them. */
type Checkpoints = Readonly<Record<Dtype, { readonly saved: object; readonly end: object }>>

/** Parameters and averages, which have all else in them by then. */
const endOf = (optimizer: { save(): Saved }): object =>
  Object.entries(optimizer.save().tensors).map(([name, { params, average }]) => [
    name,
    bits(params),
    bits(average?.values as FloatArray),
  ])

function inTheMiddle(dtype: Dtype) {
  const optimizer = longRun(dtype, { engine: 'typescript' })
  goOn(optimizer, 7, SAVED)
  return optimizer
}

if (process.env.ANTIGRAD_WRITE_CHECKPOINT && !existsSync(fileOf(VERSION))) {
  const entries = dtypes.map((dtype) => {
    const optimizer = inTheMiddle(dtype)
    const saved = JSON.parse(encode(optimizer.save()))
    goOn(optimizer, SAVED, END)
    return [dtype, { saved, end: endOf(optimizer) }]
  })
  writeFileSync(fileOf(VERSION), `${JSON.stringify(Object.fromEntries(entries))}\n`)
}
const checkpoints: Readonly<Record<number, Checkpoints>> = Object.fromEntries(
  versions.map((version) => [version, JSON.parse(readFileSync(fileOf(version), 'utf8'))]),
)
const savedOf = (dtype: Dtype, version = VERSION) => decode(JSON.stringify(checkpoints[version][dtype].saved))
const each = versions.flatMap((version) => dtypes.map((dtype) => [version, dtype] as const))

/** Changed comments or names change hashes, too; whether equations are other ones, the bits tell. */
const onWarning = () => {}

describe.each(variants)('$name', ({ name: _, ...engine }) => {
  test.each(each)(
    'a checkpoint of version %i goes on to the bits that it went on to then, %s',
    (version, dtype) => {
      const optimizer = Optimizer.load(savedOf(dtype, version), { ...engine, onWarning })
      expect(optimizer.engine).toBe(engine.engine)
      goOn(optimizer as never, SAVED, END)
      expect(endOf(optimizer)).toEqual(checkpoints[version][dtype].end)
    },
  )

  test.each(each)('version %i restored into an optimizer like it, too, %s', (version, dtype) => {
    const optimizer = longRun(dtype, engine as never)
    expect(optimizer.restore(savedOf(dtype, version), { onWarning })).toEqual([])
    goOn(optimizer, SAVED, END)
    expect(endOf(optimizer)).toEqual(checkpoints[version][dtype].end)
  })
})

test.each(dtypes)('what is saved is of the format that its version has had from the start, %s', (dtype) => {
  const saved = inTheMiddle(dtype).save()
  expect(saved.version).toBe(VERSION)
  // Hashes of equations may change without the format, and options with their defaults may come.
  const since: Readonly<Record<string, unknown>> = {
    ...{ cautious: false, decoupledWeightDecay: false, centered: false, amsgradOf: 'raw' },
    ...{ epsPlace: 'outside', lrPlace: 'outside', epsOf: 'corrected', perRow: false },
    ...{ grams: false, maxLr: 0, cautiousWeightDecay: false },
  }
  const isNew = (key: string, value: unknown) => Object.hasOwn(since, key) && value === since[key]
  const format = (text: string) => ({
    ...JSON.parse(text, (key, value) => (isNew(key, value) ? undefined : value)),
    equations: {},
  })
  expect(format(encode(saved))).toEqual(format(JSON.stringify(checkpoints[VERSION][dtype].saved)))
})

test('the checkpoint is in the middle of things, and small', () => {
  expect(readFileSync(fileOf(VERSION)).length).toBeLessThan(20_000)
  for (const dtype of dtypes) {
    const { version, batches, updates, tensors } = savedOf(dtype)
    expect([version, batches]).toEqual([VERSION, 1])
    const clocks = new Set(Object.values(tensors).map(({ clock }) => clock?.t))
    expect(clocks.size).toBeGreaterThan(3)
    expect(Math.max(...[...clocks].map(Number).filter(Boolean))).toBeLessThanOrEqual(updates)
    expect(tensors['body.1.bias']).toMatchObject({ frozen: true, clock: null, state: {} })
    expect(tensors.embed.shape).toEqual([3, 3])
  }
})

const saved = (): Saved => {
  const optimizer = new Optimizer({ a: Float64Array.of(1, 2), b: Float64Array.of(3) }, adam(), {
    groups: [{ match: 'b', rule: sgd({ momentum: 0.9 }) }],
  })
  optimizer.step({ a: Float64Array.of(1, 1), b: Float64Array.of(1) })
  return structuredClone(optimizer.save())
}

test('equations that have changed since are told, and the run goes on', () => {
  const told: string[] = []
  const onWarning = (message: string) => told.push(message)
  Optimizer.load(saved(), { onWarning })
  expect(told).toEqual([])

  const before = saved()
  const [first] = Object.keys(before.equations).filter((name) => name.startsWith('Adam'))
  const old = { ...before, equations: { ...before.equations, [first]: 1 } }
  const optimizer = Optimizer.load(old, { onWarning })
  expect(optimizer.restore(old, { onWarning })).toEqual([])
  const message = `antigrad: the equations of ${first} have changed since this run was saved: it goes on, but not to the same bits`
  expect(told).toEqual([message, message])
  expect(inBits(optimizer.save().tensors)).toBe(inBits(before.tensors))

  const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
  try {
    Optimizer.load(old)
    optimizer.restore(old)
    expect(warn.mock.calls).toEqual([[message], [message]])
  } finally {
    warn.mockRestore()
  }
  expect(inBits(optimizer.save().equations)).toBe(inBits(before.equations))
})

/** The same with other arrays of state. */
function withState(change: (state: Saved['tensors'][string]['state']) => object) {
  const whole = saved()
  return {
    ...whole,
    tensors: { ...whole.tensors, a: { ...whole.tensors.a, state: change(whole.tensors.a.state) } },
  }
}

test('a version that is not known and what is no save are refused with a sentence', () => {
  const optimizer = Optimizer.load(saved())
  const before = inBits(optimizer.save())
  const cases: [unknown, string][] = [
    [{ ...saved(), version: 3 }, 'optimizer: expected version 1 or 2 of the format, got 3'],
    [{ ...saved(), version: undefined }, 'optimizer: expected version 1 or 2 of the format, got undefined'],
    [{ ...saved(), format: 'other' }, 'optimizer: expected what save() returns, got the format "other"'],
    [{ a: Float64Array.of(1) }, 'optimizer: expected what save() returns, got the format undefined'],
    [null, 'optimizer: expected what save() returns, got null'],
    [withState(({ m, v }) => ({ m, w: v })), 'a: expected state: m, v, got m, w'],
    [withState((state) => ({ ...state, w: state.m })), 'a: expected state: m, v, got m, v, w'],
    [withState(() => ({})), 'a: expected state: m, v, got nothing'],
  ]
  for (const [given, sentence] of cases) {
    for (const call of [() => Optimizer.load(given as Saved), () => optimizer.restore(given as Saved)]) {
      expect(call).toThrow(CheckpointError)
      expect(call).toThrow(`what was saved does not fit:\n${sentence}`)
    }
  }
  expect(inBits(optimizer.save())).toBe(before)
})
