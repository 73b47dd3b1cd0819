/** File access in Node, Bun and Deno. */

import { randomUUID } from 'node:crypto'
import { lstat, mkdir, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as zlib from 'node:zlib'
import { crc32 as slow } from './crc32.js'
import { FileError } from './errors.js'
import { endedError, type Sink, type Source } from './sources.js'

type Crc32 = (bytes: Uint8Array, before?: number) => number

// `zlib.crc32` is available since Node 20.15.
export const crc32: Crc32 = (zlib as { crc32?: Crc32 }).crc32 ?? slow

/**
 * Number of written bytes after which a sync to disk starts. Writing continues during the sync. Early syncs make the
 * final sync short.
 */
const BYTES_PER_SYNC = 1 << 25

/** Suffix of the name of a file that is not complete. */
export const TEMPORARY_SUFFIX = '.tmp'
/**
 * Number of characters of the original name (up to 4 bytes each) in a temporary name. The limit leaves room for the
 * suffix.
 */
const FRONT = 48

const toPath = (place: string | URL): string => (typeof place === 'string' ? place : fileURLToPath(place))

export async function openSource(place: string | URL): Promise<Source> {
  const file = await open(place, 'r')
  const found = await file.stat()
  if (found.isDirectory()) {
    await file.close()
    throw new FileError('path', 'a file', 'a folder')
  }
  return {
    size: found.size,
    async read(into, at) {
      for (let done = 0; done < into.length; ) {
        const { bytesRead } = await file.read(into, done, into.length - done, at + done)
        if (bytesRead === 0) throw endedError()
        done += bytesRead
      }
    },
    close: () => file.close(),
  }
}

/**
 * Resolves symbolic links, including dangling links, so that writing keeps the link, and returns the mode of an
 * existing file.
 *
 * @throws FileError if the target exists but is not a regular file
 */
async function resolveTarget(path: string): Promise<{ readonly path: string; readonly mode?: number }> {
  try {
    const found = await stat(path)
    if (found.isFile()) return { path: await realpath(path), mode: found.mode & 0o777 }
    throw new FileError(
      'path',
      'a file or an unused name',
      found.isDirectory() ? 'a folder' : 'a device or a pipe',
    )
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
    const target = await readlink(path).catch(() => null)
    if (target === null) return { path }
    // The path is not normalized, because `..` after a symbolic link does not mean the folder before the link.
    return resolveTarget(isAbsolute(target) ? target : `${dirname(path)}${sep}${target}`)
  }
}

/**
 * Opens a file for writing under a temporary name. The file gets its final name when the file is complete on disk. A
 * previous file stays until the new file is complete.
 *
 * @throws FileError if the path exists but is not a regular file
 */
export async function openSink(place: string | URL): Promise<Sink> {
  const { path, mode } = await resolveTarget(toPath(place))
  const front = [...basename(path)].slice(0, FRONT).join('')
  const temporary = join(dirname(path), `${front}.${randomUUID().slice(0, 8)}${TEMPORARY_SUFFIX}`)
  const file = await open(temporary, 'wx', mode)
  let fresh = 0
  let syncing: Promise<void> | undefined
  const sync = async () => {
    await file.datasync()
    syncing = undefined
  }
  const abort = async () => {
    await syncing?.catch(() => {})
    await file.close()
    await rm(temporary, { force: true })
  }
  return {
    async write(bytes, at) {
      for (let done = 0; done < bytes.length; ) {
        const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done)
        done += bytesWritten
      }
      fresh += bytes.length
      if (fresh < BYTES_PER_SYNC || syncing !== undefined) return
      fresh = 0
      syncing = sync()
      // All syncs are awaited at the end, because operating systems report a failed write to only one sync.
      syncing.catch(() => {})
    },
    async finish() {
      await syncing
      await file.sync()
      await file.close()
      await rename(temporary, path)
      await syncFolder(dirname(path))
    },
    abort,
  }
}

/**
 * Syncs a folder, so that the name of a new file survives a power failure. On Windows, folders cannot be opened, and
 * need not be synced.
 */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A folder for files. A missing folder is created. */
export interface DiskFolder {
  /** The path of a file in this folder. */
  readonly pathOf: (name: string) => string
  readonly names: () => Promise<string[]>
  /** Removes a file from the folder. A subfolder is never removed, because it belongs to the user. */
  readonly remove: (name: string) => Promise<void>
}

export function openFolder(place: string | URL): DiskFolder {
  const path = toPath(place)
  return {
    pathOf: (name) => join(path, name),
    async names() {
      await mkdir(path, { recursive: true })
      return readdir(path)
    },
    async remove(name) {
      const found = await lstat(join(path, name)).catch(() => null)
      if (!found?.isDirectory()) await rm(join(path, name), { force: true })
    },
  }
}
