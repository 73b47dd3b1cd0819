/**
 * Stores on a full file system and on a read-only file system. Both are real file systems in memory, which only root
 * can mount. A run ends with an error, loses no results, and continues when space is available.
 */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { merge, type Plan, planSweep, runChunks, StoreError, status } from 'antigrad/chunks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from './children.js'

const folder = mkdtempSync(join(tmpdir(), 'antigrad-full-'))
const mounted = join(folder, 'mounted')
spawnSync('mkdir', [mounted])
const mount = (...options: string[]) =>
  spawnSync('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', mounted]).status === 0
const isThere = process.platform === 'linux' && mount('size=1m')
if (!isThere) console.warn('antigrad: nothing can be mounted here: full and read-only stores are not tried')

const store = join(mounted, 'store')
const filler = join(mounted, 'filler')
let plan: Plan
let direct: string

/** Fills the disk except for a number of bytes. */
const fill = (left: number) => {
  rmSync(filler, { force: true })
  const { bavail, bsize } = statfsSync(mounted)
  writeFileSync(filler, new Uint8Array(bavail * bsize - left))
}
const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(home, 'dist/command-line/cli.js'), ...args], {
    encoding: 'utf8',
    cwd: folder,
  })
const failing = async (work: Promise<unknown>) => {
  const thrown: unknown = await work.catch((thrown) => thrown)
  expect(thrown).toBeInstanceOf(StoreError)
  return (thrown as StoreError).message
}

async function merged(store: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of merge(plan, { store })) parts.push(part)
  return Buffer.concat(parts).toString()
}

beforeAll(async () => {
  // Each result has about 14 kB.
  const lr = Array.from({ length: 480 }, (_, k) => 1e-4 * (k + 1))
  const asked = { options: { lr }, starts: 4, maxIterations: 10 }
  plan = (await planSweep(asked, { chunkSize: 60 })).plan
  writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan))
  const elsewhere = join(folder, 'elsewhere')
  await runChunks(plan, { store: elsewhere })
  direct = await merged(elsewhere)
  expect(direct.length).toBeGreaterThan(8 * 10_000)
})
afterAll(() => {
  if (isThere) spawnSync('umount', [mounted])
  rmSync(folder, { recursive: true })
})

describe.skipIf(!isThere)('a store on a small disk', () => {
  test('keeps only complete results when full, and lets a later run continue', async () => {
    await runChunks(plan, { store, shard: { index: 0, count: 4 } })
    // The space suffices for the write test, but not for a result.
    fill(8192)
    const told = run('run', 'plan.json', '--store', store)
    expect({ ...told, status: told.status }).toMatchObject({ status: 2, stdout: '' })
    expect(told.stderr).toMatch(/mounted\/store: ENOSPC: no space left on device/)
    expect(await failing(runChunks(plan, { store }))).toMatch(/ENOSPC/)
    fill(0)
    expect(await failing(runChunks(plan, { store }))).toMatch(/ENOSPC/)
    expect(await status(plan, { store })).toMatchObject({
      completed: [0, 4],
      corrupted: [],
      conflicts: [],
      failed: [],
    })
    expect(readdirSync(join(store, 'aside'))).toEqual([])
    await expect(merged(store)).rejects.toThrow(/6 of 8 results are missing/)
    rmSync(filler)
    const again = run('run', 'plan.json', '--store', store)
    expect(again).toMatchObject({ status: 0, stdout: '8 of 8 chunks are done\n', stderr: '' })
    expect(await merged(store)).toBe(direct)
  })

  test('cannot be merged if the disk is full, and contains no partial file', () => {
    const output = 'mounted/out.ndjson'
    writeFileSync(join(folder, output), 'what was there')
    fill(8192)
    const told = run('merge', 'plan.json', '--store', 'elsewhere', '-o', output)
    expect(told).toMatchObject({ status: 2, stdout: '' })
    expect(told.stderr).toMatch(/^antigrad: mounted\/out\.ndjson: ENOSPC: no space left on device/)
    expect(readdirSync(mounted).filter((name) => name.startsWith('out'))).toEqual(['out.ndjson'])
    expect(readFileSync(join(folder, output), 'utf8')).toBe('what was there')
    rmSync(filler)
    expect(run('merge', 'plan.json', '--store', 'elsewhere', '-o', output).status).toBe(0)
    expect(readFileSync(join(folder, output), 'utf8')).toBe(direct)
    rmSync(join(folder, output))
  })

  test('remains unchanged if the disk is read-only, and can still be merged', async () => {
    expect(mount('remount', 'ro')).toBe(true)
    for (const command of [['status'], ['merge']]) {
      const { status, stderr } = run(...command, 'plan.json', '--store', store)
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    }
    expect(await merged(store)).toBe(direct)
    const told = run('run', 'plan.json', '--store', store)
    expect(told).toMatchObject({ status: 2, stdout: '' })
    expect(told.stderr).toMatch(/mounted\/store: EROFS: read-only file system/)
    expect(await failing(runChunks(plan, { store }))).toMatch(/EROFS/)
    expect(await failing(runChunks(plan, { store: join(mounted, 'other') }))).toMatch(/mkdir/)
    expect(mount('remount', 'rw')).toBe(true)
    expect(run('run', 'plan.json', '--store', store).status).toBe(0)
  })
})
