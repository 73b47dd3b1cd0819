/**
 * Saved runs from files. `data/checkpoint-<version>.json` contains one run per dtype, saved halfway, and its result 40
 * steps later. For a new version of the format, write a new file and remove the old one:
 * ANTIGRAD_WRITE_CHECKPOINT=1 npx vitest run test/model/checkpoint.test.ts
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { adam, CheckpointError, Optimizer, type SavedRun, sgd } from 'antigrad'
import { describe, expect, test, vi } from 'vitest'
import { bits, type Dtype, dtypes, type FloatArray, inBits } from '../helpers.js'
import { variants } from '../support.js'
import { longRun } from './long-run.js'
import { decode, encode, goOn } from './resume.js'

const VERSION = 3
const [SAVED, END] = [33, 73]
const file = new URL(`../data/checkpoint-${VERSION}.json`, import.meta.url)

/** Encoded runs by dtype. */
type Checkpoints = Readonly<Record<Dtype, { readonly saved: object; readonly end: object }>>

/** The parameters and the averages, which depend on all other contents. */
const endOf = (optimizer: { save(): SavedRun }): object =>
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

if (process.env.ANTIGRAD_WRITE_CHECKPOINT && !existsSync(file)) {
  const entries = dtypes.map((dtype) => {
    const optimizer = inTheMiddle(dtype)
    const saved = JSON.parse(encode(optimizer.save()))
    goOn(optimizer, SAVED, END)
    return [dtype, { saved, end: endOf(optimizer) }]
  })
  writeFileSync(file, `${JSON.stringify(Object.fromEntries(entries))}\n`)
}
const checkpoints: Checkpoints = JSON.parse(readFileSync(file, 'utf8'))
const savedOf = (dtype: Dtype) => decode(JSON.stringify(checkpoints[dtype].saved))

/** Changes of comments or names also change the hashes. The bits reveal whether the equations differ. */
const onWarning = () => {}

describe.each(variants)('an optimizer on $name', ({ name: _, ...engine }) => {
  test.each(dtypes)('continues a loaded checkpoint with the recorded bits, %s', (dtype) => {
    const optimizer = Optimizer.load(savedOf(dtype), { ...engine, onWarning })
    expect(optimizer.engine).toBe(engine.engine)
    goOn(optimizer as never, SAVED, END)
    expect(endOf(optimizer)).toEqual(checkpoints[dtype].end)
  })

  test.each(dtypes)(
    'continues with the same bits after a checkpoint is restored into an equal optimizer, %s',
    (dtype) => {
      const optimizer = longRun(dtype, engine as never)
      expect(optimizer.restore(savedOf(dtype), { onWarning })).toEqual([])
      goOn(optimizer, SAVED, END)
      expect(endOf(optimizer)).toEqual(checkpoints[dtype].end)
    },
  )
})

test.each(dtypes)('a saved run has the file format of its version, %s', (dtype) => {
  const saved = inTheMiddle(dtype).save()
  expect(saved.version).toBe(VERSION)
  // Hashes of equations may change without the format. Options that are added later must be removed here if they have
  // their defaults.
  const format = (text: string) => ({ ...JSON.parse(text), equations: {} })
  expect(format(encode(saved))).toEqual(format(JSON.stringify(checkpoints[dtype].saved)))
})

test('the recorded checkpoint is from the middle of a run, and is small', () => {
  expect(readFileSync(file).length).toBeLessThan(20_000)
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

const saved = (): SavedRun => {
  const optimizer = new Optimizer({ a: Float64Array.of(1, 2), b: Float64Array.of(3) }, adam(), {
    groups: [{ match: 'b', rule: sgd({ momentum: 0.9 }) }],
  })
  optimizer.step({ a: Float64Array.of(1, 1), b: Float64Array.of(1) })
  return structuredClone(optimizer.save())
}

test('a saved run from other versions of the kernels causes a warning, and can be continued', () => {
  const told: string[] = []
  const onWarning = (message: string) => told.push(message)
  Optimizer.load(saved(), { onWarning })
  expect(told).toEqual([])

  const before = saved()
  const [first] = Object.keys(before.equations).filter((name) => name.startsWith('Adam'))
  const old = { ...before, equations: { ...before.equations, [first]: 1 } }
  const optimizer = Optimizer.load(old, { onWarning })
  expect(optimizer.restore(old, { onWarning })).toEqual([])
  const message = `antigrad: the equations of ${first} have changed since this run was saved: further bits differ`
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

/** A saved run with different state arrays. */
function withState(change: (state: SavedRun['tensors'][string]['state']) => object) {
  const whole = saved()
  return {
    ...whole,
    tensors: { ...whole.tensors, a: { ...whole.tensors.a, state: change(whole.tensors.a.state) } },
  }
}

test('Optimizer.load refuses an unknown version and an object that is not a saved run', () => {
  const optimizer = Optimizer.load(saved())
  const before = inBits(optimizer.save())
  const cases: [unknown, string][] = [
    ...[1, 2, 4, undefined].map((version): [unknown, string] => [
      { ...saved(), version },
      `optimizer: expected version 3, the only readable version, got ${version}`,
    ]),
    [{ ...saved(), format: 'other' }, 'optimizer: expected what save() returns, got the format "other"'],
    [{ a: Float64Array.of(1) }, 'optimizer: expected what save() returns, got the format undefined'],
    [null, 'optimizer: expected what save() returns, got null'],
    [withState(({ m, v }) => ({ m, w: v })), 'a: expected state: m, v, got m, w'],
    [withState((state) => ({ ...state, w: state.m })), 'a: expected state: m, v, got m, v, w'],
    [withState(() => ({})), 'a: expected state: m, v, got nothing'],
  ]
  for (const [given, sentence] of cases) {
    for (const call of [
      () => Optimizer.load(given as SavedRun),
      () => optimizer.restore(given as SavedRun),
    ]) {
      expect(call).toThrow(CheckpointError)
      expect(call).toThrow(`the saved run does not fit:\n${sentence}`)
    }
  }
  expect(inBits(optimizer.save())).toBe(before)
})
