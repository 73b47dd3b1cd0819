/** Checkpoints: the newest intact one is found, whatever happened to the others and whenever a process was killed. */

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
import { adam, Optimizer, OptionError, sgd } from 'antigrad'
import { checkpoints } from 'antigrad/files'
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

test('concurrent saves write one checkpoint after the other, each with the state at the time of its call', async () => {
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
  // Other files stay, and files of a killed process are removed.
  const left = join(folder, '000009-step-9.safetensors.01234567.tmp')
  writeFileSync(left, 'x')
  await kept.save(optimizer)
  expect(existsSync(left)).toBe(false)
  expect(existsSync(join(folder, 'notes.txt'))).toBe(true)
})

test('each flipped bit in a checkpoint file is detected or has no effect', async () => {
  const path = await checkpoints(folder).save(new Optimizer({ w: Float32Array.of(3, 4) }, sgd({ lr: 0.1 })), {
    step: 12_345,
    metrics: { loss: 0.0625, best: NaN },
  })
  const [whole, bytes] = [await checkpoints(folder).latest(), readFileSync(path)]
  const expected = JSON.stringify({ ...whole, path: '' })
  const silent: number[] = []
  const harmless: number[] = []
  // Several folders, because most of the time is spent waiting for the disk.
  const LANES = 8
  const lane = async (k: number) => {
    const kept = checkpoints(join(folder, `${k}`), { onWarning() {} })
    expect(await kept.latest()).toBeNull()
    const file = join(folder, `${k}`, '000001-step-12345.safetensors')
    for (let bit = k; bit < 8 * bytes.length; bit += LANES) {
      const other = Buffer.from(bytes)
      other[bit >> 3] ^= 1 << (bit & 7)
      writeFileSync(file, other)
      const found = await kept.latest()
      if (found === null) continue
      const isSame = JSON.stringify({ ...found, path: '' }) === expected
      ;(isSame ? harmless : silent).push(bit)
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, k) => lane(k)))
  expect(silent).toEqual([])
  // The key of the list of checksums, which this version requires.
  expect(harmless.length).toBeLessThan(bytes.length / 10)
}, 120_000)

test('the newest intact checkpoint is found while another process saves', async () => {
  const kept = checkpoints(folder, { onWarning: (message) => expect(message).toBe('') })
  await kept.save(fresh(), { step: 1 })
  const { readdir } = promises
  let saves = 0
  // The folder changes after every listing.
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

test("a search for the newest checkpoint skips a folder with a checkpoint's name, warns, and keeps the folder", async () => {
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

test('a save beyond the last possible file number is refused before anything is written', async () => {
  const kept = checkpoints(folder, { keep: 1 })
  const optimizer = fresh()
  const path = await kept.save(optimizer)
  const last = '999999999999999-step-1.safetensors'
  renameSync(path, join(folder, last.replace('9-', '8-')))
  expect(await kept.save(optimizer, { step: 1 })).toBe(join(folder, last))
  await expect(kept.save(optimizer)).rejects.toThrow(
    `${last}: expected a number that another one can follow, got 999999999999999`,
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

const KILLS = Number(process.env.ANTIGRAD_TEST_KILLS ?? 12)

test(`the previous or the new checkpoint is intact after each of ${KILLS} kills at a random byte count`, async () => {
  const draw = random(7)
  let last = 0
  for (let kill = 0; kill < KILLS; kill++) {
    // A checkpoint has 25 kB, and a process writes several.
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
    // A reported checkpoint is on disk, and the next one may be.
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
