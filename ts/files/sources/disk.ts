/** Files of Node, Bun and Deno. */

import { randomUUID } from 'node:crypto'
import { lstat, mkdir, open, readdir, readlink, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as zlib from 'node:zlib'
import { crc32 as slow } from './crc32.js'
import { FileError } from './errors.js'
import { endedError, type Sink, type Source } from './sources.js'

type Crc32 = (bytes: Uint8Array, before?: number) => number

// Node has it from 20.15 on.
export const crc32: Crc32 = (zlib as { crc32?: Crc32 }).crc32 ?? slow

/**
 * After how many bytes what was written goes on to the disk, while more is written: at the end there is little to wait
 * for then.
 */
const BYTES_PER_SYNC = 1 << 25

/** What files are called until they are whole. */
export const TEMPORARY_SUFFIX = '.tmp'
/** How many characters of its name such a file has: at four bytes each there is room for what follows. */
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
 * Where a name leads, so that a link stays one, also to a file that is not there yet; and the rights of the file that
 * is there.
 *
 * @throws FileError where it is none, and would be lost
 */
async function resolveTarget(path: string): Promise<{ readonly path: string; readonly mode?: number }> {
  try {
    const found = await stat(path)
    if (found.isFile()) return { path: await realpath(path), mode: found.mode & 0o777 }
    throw new FileError(
      'path',
      'a file, or a name that is free',
      found.isDirectory() ? 'a folder' : 'a device or a pipe',
    )
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw thrown
    const target = await readlink(path).catch(() => null)
    if (target === null) return { path }
    // Not joined, as `..` behind a link is not the folder that the text has before it.
    return resolveTarget(isAbsolute(target) ? target : `${dirname(path)}${sep}${target}`)
  }
}

/**
 * A file that is there under its name when it is whole and on the disk, and not before: whatever was there before
 * stays until then.
 *
 * @throws FileError where something is there that is no file
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
      // Awaited in the end: systems tell of a failure once, and not whoever syncs afterwards.
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

/** A name is on the disk when its folder is. Windows opens none, and writes names by itself. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** A folder of files, which is made where it is not there. */
export interface DiskFolder {
  /** Where one of these is. */
  readonly pathOf: (name: string) => string
  readonly names: () => Promise<string[]>
  /** A folder stays: what is in it is somebody's. */
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
