import { open, rename, unlink } from 'node:fs/promises'
import { AntigradError, messageOf } from '../ground/errors.js'
import { printable } from '../ground/text.js'

/**
 * Writes a file aside and gives it its name when all of it is on the disk: what was there stays unless all goes well.
 *
 * @throws (rejects with) AntigradError where it cannot be written; what the parts throw
 */
export async function writeWhole(
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<string>,
): Promise<void> {
  const aside = `${path}.${process.pid}.aside`
  const failed = (thrown: unknown) => new AntigradError(`${printable(path)}: ${messageOf(thrown)}`)
  const file = await open(aside, 'w').catch((thrown) => {
    throw failed(thrown)
  })
  try {
    for await (const part of parts)
      await file.writeFile(part).catch((thrown) => Promise.reject(failed(thrown)))
    await file.sync()
    await file.close()
    await rename(aside, path)
  } catch (thrown) {
    await file.close().catch(() => {})
    await unlink(aside).catch(() => {})
    throw thrown instanceof AntigradError ? thrown : failed(thrown)
  }
}
