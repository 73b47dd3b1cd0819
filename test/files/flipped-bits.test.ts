/** Checksums detect damage to a checkpoint. The test is in a file of its own because it takes seconds. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Optimizer, sgd } from 'antigrad'
import { checkpoints } from 'antigrad/files'
import { afterAll, expect, test } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'antigrad-bits-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('each flipped bit in a checkpoint file is detected or has no effect', async () => {
  const path = await checkpoints(folder).save(new Optimizer({ w: Float32Array.of(3, 4) }, sgd({ lr: 0.1 })), {
    step: 12_345,
    metrics: { loss: 0.0625, best: NaN },
    extra: { state: [7] },
  })
  const [whole, bytes] = [await checkpoints(folder).latest(), readFileSync(path)]
  const expected = JSON.stringify({ ...whole, path: '' })
  const silent: number[] = []
  const harmless: number[] = []
  // The test uses several folders, because most of the time is spent waiting for the disk.
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
