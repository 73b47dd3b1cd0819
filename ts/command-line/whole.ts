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
  const explained = <T>(work: Promise<T>) =>
    work.catch((thrown) => {
      throw new AntigradError(`${printable(path)}: ${messageOf(thrown)}`)
    })
  const file = await explained(open(aside, 'w'))
  try {
    for await (const part of parts) await explained(file.writeFile(part))
    await explained(file.sync())
    await explained(file.close())
    await explained(rename(aside, path))
  } catch (thrown) {
    await file.close().catch(() => {})
    await unlink(aside).catch(() => {})
    throw thrown
  }
}
