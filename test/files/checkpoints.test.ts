/**
 * Checkpoints: a search finds the newest intact checkpoint, even if other checkpoints are damaged or a process was
 * killed at any time.
 */

import { spawn } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  promises,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { adam, Optimizer, OptionError } from 'antigrad'
import { checkpoints, openFile, toBlob } from 'antigrad/files'
import { RandomGenerator } from 'antigrad/math'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { home } from '../children.js'
import { random } from '../helpers.js'
import { nested } from './nested-file.js'

let folder: string
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'antigrad-checkpoints-')), 'runs')
})
afterEach(() => rmSync(join(folder, '..'), { recursive: true }))

const ones = Float32Array.of(1, 1)
/** The generator after some draws. */
const skipped = (draw: () => number, draws: number) => {
  for (let i = 0; i < draws; i++) draw()
  return draw
}
const fresh = () => new Optimizer({ w: Float32Array.of(3, 4) }, adam({ lr: 0.1 }))

test('the function checkpoints keeps the most recently saved files', async () => {
  const kept = checkpoints(folder, { keep: 2 })
  expect(await kept.latest()).toBeNull()
  const optimizer = fresh()
  for (const step of [10, 20, 5]) {
    optimizer.step({ w: ones })
    expect(await kept.save(optimizer, { step, metrics: { loss: step / 10, best: NaN } })).toContain(
      `-step-${step}.`,
    )
  }
  expect(readdirSync(folder).sort()).toEqual(['000002-step-20.safetensors', '000003-step-5.safetensors'])
  const found = await kept.latest()
  expect(found).toMatchObject({ step: 5, metrics: { loss: 0.5, best: NaN }, skipped: [] })
  expect(found?.path).toBe(join(folder, '000003-step-5.safetensors'))
  expect(found?.saved).toEqual(optimizer.save())
  // The default step is the number of updates.
  await checkpoints(folder, { keep: null }).save(optimizer)
  expect(await kept.latest()).toMatchObject({ step: 3, metrics: {} })
  expect(readdirSync(folder)).toHaveLength(3)
})

test("concurrent calls of save write checkpoints one after another, each with the optimizer's state at the call", async () => {
  const kept = checkpoints(folder)
  const optimizer = fresh()
  const saving = [1, 2, 3, 4, 5].map(() => {
    optimizer.step({ w: ones })
    return kept.save(optimizer)
  })
  await Promise.all(saving)
  expect(readdirSync(folder)).toHaveLength(3)
  const found = await kept.latest()
  expect(found?.step).toBe(5)
  expect(found?.saved).toEqual(optimizer.save())
})

test('a search for the newest checkpoint skips a damaged file and prints a warning', async () => {
  const onWarning = vi.fn()
  const kept = checkpoints(folder, { onWarning })
  const optimizer = fresh()
  const paths = [await kept.save(optimizer, { step: 1 }), await kept.save(optimizer, { step: 2 })]
  paths.push(await kept.save(optimizer, { step: 3 }))
  const bytes = readFileSync(paths[2])
  bytes[bytes.length - 1] ^= 4
  writeFileSync(paths[2], bytes)
  writeFileSync(paths[1], readFileSync(paths[1]).subarray(0, 300))
  writeFileSync(join(folder, 'notes.txt'), 'mine')
  const found = await kept.latest()
  expect(found?.step).toBe(1)
  expect(found?.skipped.map(({ path }) => path)).toEqual([paths[2], paths[1]])
  expect(onWarning).toHaveBeenCalledTimes(2)
  expect(onWarning.mock.calls[0][0]).toContain(`${paths[2]} is damaged and was skipped: tensor state/v/w`)
  writeFileSync(paths[0], 'x')
  expect(await kept.latest()).toBeNull()
  // Other files remain, and files of a killed process are removed.
  const left = join(folder, '000009-step-9.safetensors.01234567.tmp')
  writeFileSync(left, 'x')
  await kept.save(optimizer)
  expect(existsSync(left)).toBe(false)
  expect(existsSync(join(folder, 'notes.txt'))).toBe(true)
})

test('the newest intact checkpoint is found while another process saves', async () => {
  const kept = checkpoints(folder, { onWarning: (message) => expect(message).toBe('') })
  await kept.save(fresh(), { step: 1 })
  const { readdir } = promises
  let saves = 0
  // The folder changes after each listing.
  const other = async () => {
    const names = await readdir(folder)
    if (++saves <= 3) renameSync(join(folder, names[0]), join(folder, `00000${saves + 1}-step-1.safetensors`))
    return names
  }
  try {
    Object.assign(promises, { readdir: other })
    syncBuiltinESMExports()
    expect(await kept.latest()).toMatchObject({ step: 1, skipped: [] })
    expect(saves).toBe(4)
  } finally {
    Object.assign(promises, { readdir })
    syncBuiltinESMExports()
  }
})

test('a search for the newest checkpoint skips a dangling link and a file with excessive nesting', async () => {
  const onWarning = vi.fn()
  const kept = checkpoints(folder, { onWarning })
  await kept.save(fresh(), { step: 1 })
  writeFileSync(join(folder, '000002-step-2.safetensors'), nested(50_000))
  const found = await kept.latest()
  expect(found?.step).toBe(1)
  expect(found?.skipped).toHaveLength(1)
  expect(found?.skipped[0].reason).toContain("expected a run's JSON, got")
  if (process.platform === 'win32') return
  symlinkSync('nowhere', join(folder, '000003-step-3.safetensors'))
  expect(await kept.latest()).toMatchObject({ step: 1 })
})

test('a search for the newest checkpoint skips a folder that is named like a checkpoint, and prints a warning', async () => {
  const onWarning = vi.fn()
  const kept = checkpoints(folder, { keep: 1, onWarning })
  const optimizer = fresh()
  const path = await kept.save(optimizer, { step: 1 })
  const inside = join(folder, '000007-step-7.safetensors')
  mkdirSync(inside)
  const found = await kept.latest()
  expect(found).toMatchObject({ step: 1, path })
  expect(found?.skipped).toEqual([{ path: inside, reason: 'path: expected a file, got a folder' }])
  expect(onWarning).toHaveBeenCalledTimes(1)
  await kept.save(optimizer, { step: 2 })
  await kept.save(optimizer, { step: 3 })
  expect(readdirSync(folder).sort()).toEqual(['000007-step-7.safetensors', '000009-step-3.safetensors'])
  expect(await kept.latest()).toMatchObject({ step: 3, skipped: [] })
})

test('a save is refused before anything is written if the last possible file number is already used', async () => {
  const kept = checkpoints(folder, { keep: 1 })
  const optimizer = fresh()
  const path = await kept.save(optimizer)
  const last = '999999999999999-step-1.safetensors'
  renameSync(path, join(folder, last.replace('9-', '8-')))
  expect(await kept.save(optimizer, { step: 1 })).toBe(join(folder, last))
  await expect(kept.save(optimizer)).rejects.toThrow(
    `${last}: expected a number below 999999999999999, got 999999999999999`,
  )
  expect(readdirSync(folder)).toEqual([last])
  expect(await kept.latest()).toMatchObject({ step: 1, skipped: [] })
})

describe('an invalid checkpoint call', () => {
  test.each<[string, unknown]>([
    ['a negative step', { step: -1 }],
    ['a fractional step', { step: 0.5 }],
    ['invalid metrics', { metrics: 7 }],
    ['a string as a metric', { metrics: { loss: '1' } }],
    ['an unknown option', { loss: 1 }],
    ['invalid options', null],
  ])('is refused before anything is written if the call has %s', async (_, options) => {
    await expect(checkpoints(folder).save(fresh(), options as never)).rejects.toThrow(OptionError)
    expect(existsSync(folder)).toBe(false)
  })
  test.each<[string, unknown]>([
    ['zero files to keep', { keep: 0 }],
    ['a fractional count of files to keep', { keep: 0.5 }],
    ['an unknown option', { count: 3 }],
    ['an invalid onWarning', { onWarning: 7 }],
  ])('is refused before anything is written if the options are %s', (_, options) => {
    expect(() => checkpoints(folder, options as never)).toThrow(OptionError)
  })
  test('is refused before anything is written if the optimizer is missing', async () => {
    await expect(checkpoints(folder).save({ save: 7 } as never)).rejects.toThrow(OptionError)
    expect(existsSync(folder)).toBe(false)
  })
})

describe('the value `extra` of a checkpoint', () => {
  const extraOf = async (extra: unknown) => {
    await checkpoints<unknown>(folder).save(fresh(), { extra })
    return (await checkpoints<unknown>(folder).latest())?.extra
  }
  /** A checkpoint with any text as `extra` and correct checksums. */
  const fileWith = async (text: string) => {
    const metadata = { 'checkpoint.step': '1', 'checkpoint.metrics': '{}', 'checkpoint.extra': text }
    mkdirSync(folder, { recursive: true })
    const path = join(folder, '000001-step-1.safetensors')
    writeFileSync(path, Buffer.from(await (await toBlob(fresh(), { metadata })).arrayBuffer()))
    return path
  }

  test('can be any JSON value, and is read back with the same bits', async () => {
    const draw = random(3)
    const bits = new Float64Array(2000)
    new Uint32Array(bits.buffer).forEach((_, i, words) => {
      words[i] = 2 ** 32 * draw()
    })
    const value = {
      numbers: [0, -0, 5e-324, 2 ** 53, -Number.MAX_VALUE, 0.1 + 0.2, ...bits.filter(Number.isFinite)],
      texts: ['', 'é"\\\n', '\ud800 and \udc00', '\u2028', '#array', '%'],
      nothing: [null, true, false, [], {}, [[]]],
      names: { '': 1, constructor: 2, toString: { hasOwnProperty: 3 }, 'a.b': 4, '#array': 0, '\ud83d': 5 },
      markers: [{ '#number': 'NaN' }, { '#array': 0 }],
    }
    const found = (await extraOf(value)) as typeof value
    expect(found).toStrictEqual(value)
    expect(found.numbers.every((x, i) => Object.is(x, value.numbers[i]))).toBe(true)
    for (const scalar of [null, false, 0, -0, '', 'text', []])
      expect(await extraOf(scalar)).toStrictEqual(scalar)
    expect(await extraOf({ a: undefined, b: 1 })).toStrictEqual({ b: 1 })
    expect(await extraOf(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 })
    expect(await extraOf(runInNewContext('({ a: [1] })'))).toStrictEqual({ a: [1] })
    let deep: unknown = 1
    for (let level = 0; level < 100; level++) deep = level % 2 ? [deep] : { deep }
    expect(await extraOf(deep)).toStrictEqual(deep)
  })

  test('is undefined in a file without the value, as in earlier releases', async () => {
    expect(await extraOf(undefined)).toBeUndefined()
    const file = await openFile(join(folder, '000001-step-0.safetensors'))
    expect([...file.metadata.keys()].filter((key) => key.startsWith('checkpoint.'))).toEqual([
      'checkpoint.step',
      'checkpoint.metrics',
    ])
    await file.close()
  })

  test('is copied at the call, which reads each property once', async () => {
    const reads: string[] = []
    const list = [1]
    const extra = new Proxy({ list, epoch: 1 } as Record<string, unknown>, {
      get(target, key) {
        reads.push(String(key))
        return Reflect.get(target, key)
      },
    })
    const kept = checkpoints<unknown>(folder)
    const saving = kept.save(fresh(), { extra })
    list.push(2)
    await saving
    expect(reads).toEqual(['list', 'epoch'])
    expect((await kept.latest())?.extra).toStrictEqual({ list: [1], epoch: 1 })
  })

  test("can store a random generator's state, which a resumed run continues", async () => {
    const losses: number[] = []
    const train = (optimizer: ReturnType<typeof fresh>, draw: ReturnType<typeof random>, until: number) => {
      while (optimizer.updates < until) {
        losses.push(optimizer.params.w[0])
        optimizer.step({ w: Float32Array.of(draw() - 0.5, draw() - 0.5) })
      }
      return optimizer.params.w
    }
    const kept = checkpoints<{ draws: number; losses: number[] }>(folder)
    const first = fresh()
    train(first, random(1), 5)
    await kept.save(first, { extra: { draws: 10, losses } })
    const whole = [...train(first, skipped(random(1), 10), 9)]
    const found = await kept.latest()
    const again = Optimizer.load(found?.saved as never) as unknown as typeof first
    expect([...train(again, skipped(random(1), found?.extra?.draws ?? 0), 9)]).toEqual(whole)
    expect(found?.extra?.losses).toEqual(losses.slice(0, 5))
  })

  const cycle: unknown[] = [1]
  cycle.push({ back: cycle })
  let nested: unknown = []
  for (let level = 0; level < 100; level++) nested = [nested]
  let doubled: unknown = 'abcdefgh'
  for (let level = 0; level < 60; level++) doubled = [doubled, doubled]
  class State {
    epoch = 1
  }
  test.each<[string, unknown, string]>([
    [
      'a function',
      { a: [0, () => 1] },
      'extra.a[1]: expected null, a boolean, a finite number, a string, an array or',
    ],
    ['NaN', { loss: [1, NaN] }, 'extra.loss[1]: expected null, a boolean, a finite number'],
    ['infinity', -Infinity, 'extra: expected null, a boolean, a finite number'],
    ['a bigint', { state: 1n }, 'got 1n: String converts a bigint'],
    ['a symbol', [Symbol('a')], 'extra[0]: expected null'],
    ['undefined in an array', [undefined], 'extra[0]: expected null'],
    ['a hole', new Array(1), 'extra[0]: expected null'],
    ['a typed array', { state: new Uint32Array(4) }, 'of length 4: Array.from converts a typed array'],
    ['an ArrayBuffer', new ArrayBuffer(8), 'extra: expected null'],
    ['a Map', { map: new Map([[1, 2]]) }, 'extra.map: expected null'],
    ['a Date', new Date(0), 'extra: expected null'],
    ['an instance of a class', { state: new State() }, 'extra.state: expected null'],
    ['a random generator', { draw: new RandomGenerator(1) }, ': pass the result of save()'],
    ['a boxed number', Object(1), 'extra: expected null'],
    ['toJSON', { toJSON: () => 1 }, 'extra.toJSON: expected null'],
    ['a cycle', { cycle }, 'extra.cycle[1].back: expected a value without cycles'],
    ['__proto__', JSON.parse('{"a":{"__proto__":{"b":1}}}'), 'extra.a: expected another key than __proto__'],
    ['too many levels', nested, 'expected at most 100 levels of nesting'],
    ['a length of 4 billion', new Array(2 ** 32 - 1), 'expected at most 30000000 characters of JSON in all'],
    ['one array many times', doubled, 'expected at most 30000000 characters of JSON in all'],
    ['a long string', 'x'.repeat(30_000_001), 'expected at most 30000000 characters of JSON in all'],
  ])('is refused before anything is written if the value contains %s', async (_, extra, message) => {
    const saving = checkpoints<unknown>(folder).save(fresh(), { extra })
    await expect(saving).rejects.toThrow(OptionError)
    await expect(saving).rejects.toThrow(message)
    expect(existsSync(folder)).toBe(false)
  })

  test("is refused with the getter's exception if a getter throws", async () => {
    const extra = {
      get a() {
        throw new RangeError('mine')
      },
    }
    await expect(checkpoints<unknown>(folder).save(fresh(), { extra })).rejects.toThrow(
      new RangeError('mine'),
    )
    expect(existsSync(folder)).toBe(false)
  })

  test.each<[string, string, string]>([
    ['no JSON', '{"a":', 'expected JSON with at most 100 levels of nesting'],
    ['nothing', '', 'expected JSON with at most 100 levels of nesting'],
    ['NaN', 'NaN', 'expected JSON with at most 100 levels of nesting'],
    ['deep nesting', '['.repeat(200_000), 'expected JSON with at most 100 levels of nesting'],
    [
      '101 levels',
      `${'['.repeat(101)}${']'.repeat(101)}`,
      'expected JSON with at most 100 levels of nesting',
    ],
    [
      '__proto__',
      '{"a":{"__proto__":{"polluted":1}}}',
      'checkpoint.extra.a: expected another key than __proto__',
    ],
    [
      'an escaped __proto__',
      '{"\\u005f_proto__":1}',
      'checkpoint.extra: expected another key than __proto__',
    ],
    ['a number that overflows', '[1e999]', 'checkpoint.extra[0]: expected null'],
  ])('is reported as damaged if the file stores %s', async (_, text, reason) => {
    const path = await fileWith(text)
    const found = await checkpoints(folder, {
      onWarning: (message) => expect(message).toContain(reason),
    }).latest()
    expect(found).toBeNull()
    await checkpoints(folder).save(fresh(), { step: 2, extra: 1 })
    const onWarning = vi.fn()
    const kept = checkpoints(folder, { onWarning })
    expect(await kept.latest()).toMatchObject({ step: 2, extra: 1, skipped: [] })
    rmSync(join(folder, '000002-step-2.safetensors'))
    expect(await kept.latest()).toBeNull()
    expect(onWarning.mock.calls).toEqual([[expect.stringContaining(path)]])
  })
})

const KILLS = Number(process.env.ANTIGRAD_TEST_KILLS ?? 12)

test(`the previous or the new checkpoint is intact if the process is killed during a save, ${KILLS} times`, async () => {
  const draw = random(7)
  let last = 0
  for (let kill = 0; kill < KILLS; kill++) {
    // A checkpoint has 25 kB, and a process writes several checkpoints.
    const bytes = Math.floor(draw() * 80_000)
    const child = spawn(process.execPath, [join(home, 'test/files/killed-process.mjs'), folder, `${bytes}`], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let told = ''
    child.stdout.on('data', (data) => {
      told += data
    })
    const signal = await new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)))
    expect(signal).toBe('SIGKILL')
    // A reported checkpoint is on disk, and the next checkpoint may also be on disk.
    const done = Number(told.trim().split('\n').at(-1) || last)
    const found = await checkpoints(folder, { onWarning: (message) => expect(message).toBe('') }).latest()
    const step = found?.step ?? 0
    expect([done, done + 1]).toContain(step)
    expect(found?.skipped ?? []).toEqual([])
    if (found !== null) expect(found.saved.updates).toBe(step)
    last = step
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp')).length).toBeLessThan(2)
  }
  expect(last).toBeGreaterThan(KILLS / 4)
}, 600_000)
