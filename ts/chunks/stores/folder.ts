/** A store in a folder on a local or shared disk. */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { link, mkdir, open, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { getMessage } from '../../core/errors.js'
import { toPrintable } from '../../core/text.js'
import { StoreError } from '../plan/errors.js'
import type { Store } from './store.js'

/**
 * Number of leading digits of a result's name that form the name of a subfolder. Subfolders avoid folders with a
 * million files.
 */
const PREFIX_DIGITS = 2
/** Subfolder that contains temporary files. Temporary files of workers that have died are removed after a day. */
const QUARANTINE = 'aside'
const DAY_MS = 86_400_000

const errorCode = (thrown: unknown) => (thrown as NodeJS.ErrnoException).code

/**
 * A store whose results are files in a folder, which is created if it does not exist.
 *
 * A result is written to a temporary file, which is synced and hard-linked to the result's name. Each name therefore
 * has a complete result, even on NFS. On file systems without hard links, a result is written directly under its name.
 * The checksum then marks the result as corrupted until the file is complete.
 */
export function folderStore(folder: string): Store {
  const pathOf = (name: string) => join(folder, name.slice(0, PREFIX_DIGITS), name)
  const location = toPrintable(folder)
  const explained = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (thrown) {
      throw thrown instanceof StoreError ? thrown : new StoreError(`${location}: ${getMessage(thrown)}`)
    }
  }
  return {
    location,
    check: () =>
      explained(async () => {
        const first = await writeAside(folder, new Uint8Array(4096))
        // The time of a new file comes from the file server's clock. A machine with a wrong clock therefore removes no
        // new files.
        const now = await modificationTime(first)
        await unlink(first)
        await removeOld(join(folder, QUARANTINE), now)
      }),
    names: () => explained(() => listNames(folder)),
    read: (name) => explained(() => orMissing(() => readFile(pathOf(name)))),
    put: (name, bytes) =>
      explained(async () => {
        const path = pathOf(name)
        await makeFolder(join(path, '..'))
        const temporary = await writeAside(folder, bytes)
        try {
          const isNew = await linkFile(temporary, path, bytes)
          if (isNew) await syncFolder(join(path, '..'))
          return isNew
        } finally {
          await unlink(temporary).catch(() => {})
        }
      }),
    rename: (name, to) =>
      explained(async () => {
        await orMissing(() => rename(pathOf(name), pathOf(to)))
      }),
    remove: (name) =>
      explained(async () => {
        await orMissing(() => unlink(pathOf(name)))
      }),
  }
}

/** Names of the results, with their modification times in milliseconds. */
async function listNames(folder: string): Promise<Map<string, number>> {
  const names = new Map<string, number>()
  for (const part of (await listFolder(folder)).filter((name) => name.length === PREFIX_DIGITS)) {
    const inside = await listFolder(join(folder, part))
    const times = await Promise.all(inside.map((name) => modificationTime(join(folder, part, name))))
    for (const [k, name] of inside.entries()) names.set(name, times[k])
  }
  return names
}

/** Writes bytes to a new temporary file and returns the path of the file. */
async function writeAside(folder: string, bytes: Uint8Array): Promise<string> {
  await makeFolder(join(folder, QUARANTINE))
  const path = join(folder, QUARANTINE, `${hostname()}-${process.pid}-${randomBytes(8).toString('hex')}`)
  try {
    await write(path, bytes)
  } catch (thrown) {
    await unlink(path).catch(() => {})
    throw thrown
  }
  return path
}

/** Links a temporary file to the name of its result. The result is false if a file with this name already exists. */
async function linkFile(temporary: string, path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await link(temporary, path)
    return true
  } catch (thrown) {
    // If a reply is lost, NFS repeats the request. The repeated request fails, although the first request has created
    // the link.
    if ((await stat(temporary)).nlink === 2) return true
    if (errorCode(thrown) === 'EEXIST') return false
    // All other errors, such as a full disk, occur again in this write.
    return await writeExclusively(path, bytes)
  }
}

/** Writes a result directly under its name, for file systems without hard links. */
async function writeExclusively(path: string, bytes: Uint8Array): Promise<boolean> {
  try {
    await write(path, bytes)
    return true
  } catch (thrown) {
    if (errorCode(thrown) === 'EEXIST') return false
    await unlink(path).catch(() => {})
    throw thrown
  }
}

/** Creates a new file and syncs it to disk. */
async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true })
  if (first !== undefined) await syncFolder(join(first, '..'))
}

/**
 * Syncs a folder, so that the name of a new file survives a power failure. On Windows, folders cannot be opened and
 * need not be synced.
 */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder).catch(() => null)
  await handle?.sync().catch(() => {})
  await handle?.close()
}

const listFolder = async (folder: string) => (await orMissing(() => readdir(folder))) ?? []
const modificationTime = async (path: string) => (await orMissing(() => stat(path)))?.mtimeMs ?? 0

async function orMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}

async function removeOld(folder: string, now: number): Promise<void> {
  for (const name of await listFolder(folder)) {
    const path = join(folder, name)
    if (now - (await modificationTime(path)) > DAY_MS) await unlink(path).catch(() => {})
  }
}
