/** Stores on unusual file systems: file systems without links, and file systems that lose responses. */

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { folderStore } from '../dist/chunks/stores/folder.js'
import { storeResult, unseal } from '../dist/chunks/stores/store.js'

/** The behavior of `link`: success, success with a reported error, no support, or a full disk. */
let fails: 'never' | 'afterwards' | 'always' = 'never'
let code = 'EPERM'
/** Whether writing bytes under the name of a result fails. */
let isFull = false

const { link, open } = fs
const failure = (code: string) => Object.assign(new Error(`${code}: as a test wants it`), { code })
const changed = {
  async link(...[from, to]: Parameters<typeof link>) {
    if (fails !== 'always') await link(from, to)
    if (fails !== 'never') throw failure(code)
  },
  async open(...args: Parameters<typeof open>) {
    const file = await open(...args)
    if (isFull && !String(args[0]).includes('aside') && args[1] !== undefined) {
      file.writeFile = async (bytes) => {
        await file.write((bytes as Uint8Array).subarray(0, 10))
        throw failure('ENOSPC')
      }
    }
    return file
  },
}
/** The replacement also affects modules that have imported the functions. */
const change = (functions: Partial<typeof fs>) => {
  Object.assign(fs, functions)
  syncBuiltinESMExports()
}
beforeAll(() => change(changed))
afterAll(() => change({ link, open }))

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-links-'))
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => {
  fails = 'never'
  isFull = false
})

const producedBy = { host: 'h', engine: 'wasm', instructionSet: 'simd128', version: '0.1.0' }
const result = { bytes: Buffer.from('{"a":1}\n'), producedBy }
let names = 0
const newName = () => `${names++}`.padStart(64, '0')
const aside = () => readdirSync(join(folder, 'aside')).length

test.each(['EIO', 'EEXIST', 'ESTALE'])(
  'a hard link counts as created if the link exists despite the error %s',
  async (said) => {
    ;[fails, code] = ['afterwards', said]
    const [store, name] = [folderStore(folder), newName()]
    await store.check()
    expect(await storeResult(store, name, result)).toBe('stored')
    expect(aside()).toBe(0)
  },
)

test.each(['EPERM', 'ENOTSUP', 'ENOSYS', 'EXDEV'])(
  'a result is stored once on a file system that rejects hard links with the error %s',
  async (said) => {
    ;[fails, code] = ['always', said]
    const [store, name] = [folderStore(folder), newName()]
    expect(await storeResult(store, name, result)).toBe('stored')
    expect(await storeResult(store, name, result)).toBe('duplicate')
    expect(await storeResult(store, name, { ...result, bytes: Buffer.from('{"a":2}\n') })).toBe('conflict')
    const there = await store.read(name)
    expect(there && unseal(name, there)).toMatchObject({ producedBy })
    expect(aside()).toBe(0)
  },
)

test('no partial result remains on a full disk whose file system lacks hard links', async () => {
  ;[fails, code, isFull] = ['always', 'EPERM', true]
  const [store, name] = [folderStore(folder), newName()]
  await expect(storeResult(store, name, result)).rejects.toThrow(/ENOSPC/)
  expect(await store.read(name)).toBeUndefined()
  isFull = false
  expect(await storeResult(store, name, result)).toBe('stored')
})

test('an incomplete file with the name of a result is set aside', async () => {
  const [store, name] = [folderStore(folder), newName()]
  await store.put(name, Buffer.from('{"a":'))
  expect(await storeResult(store, name, result)).toBe('stored')
  expect([...(await store.names()).keys()].filter((other) => other.startsWith(name)).sort()[1]).toMatch(
    /\.corrupted-/,
  )
})
