import { open, stat } from 'node:fs/promises'
import { openSink } from '#disk'
import { AntigradError, getMessage, OptionError } from '../core/errors.js'
import { toPrintable } from '../core/text.js'
import type { Sink } from '../files/sources/sources.js'

/**
 * Writes a temporary file and renames it once it is complete on disk. If the write fails, an existing file stays
 * unchanged. Pipes and devices are written directly.
 *
 * @throws (rejects with) AntigradError if the file cannot be written; any error that `parts` throws
 */
export async function writeAtomically(
  path: string,
  parts: AsyncIterable<Uint8Array> | Iterable<string>,
): Promise<void> {
  const explained = <T>(work: Promise<T>) =>
    work.catch((thrown) => {
      throw new AntigradError(`${toPrintable(path)}: ${getMessage(thrown)}`)
    })
  const found = await stat(path).catch(() => undefined)
  const passesOn = found !== undefined && !found.isFile() && !found.isDirectory()
  const sink = await explained(passesOn ? openStream(path) : openSink(path))
  try {
    let at = 0
    for await (const part of parts) {
      const bytes = typeof part === 'string' ? Buffer.from(part) : part
      await explained(sink.write(bytes, at))
      at += bytes.length
    }
    await explained(sink.finish())
  } catch (thrown) {
    await sink.abort()
    throw thrown
  }
}

async function openStream(path: string): Promise<Sink> {
  const file = await open(path, 'w')
  const close = () => file.close()
  return { write: (bytes) => file.writeFile(bytes), finish: close, abort: close }
}

/** @throws (rejects with) OptionError if the output file is the input file, even if the names differ (hard links) */
export async function checkElsewhere(option: string, path: string, read: string): Promise<void> {
  const [to, from] = await Promise.all([path, read].map((path) => stat(path).catch(() => undefined)))
  if (to === undefined || from === undefined || to.dev !== from.dev || to.ino !== from.ino) return
  throw new OptionError(option, `a file other than ${toPrintable(read)} (the input)`, path)
}
