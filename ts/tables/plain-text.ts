/** Bytes of text tables: decompression of gzip, and conversion of UTF-16 to UTF-8. */

/** Number of bytes that determine the format. */
const SIGNATURE_LENGTH = 2

/**
 * Converts a source to UTF-8 text without compression. Gzip and UTF-16 are recognized by their first two bytes; other
 * bytes pass unchanged. Memory does not grow with the length of the source.
 *
 * @throws (rejects with) TypeError if the compressed data are incomplete or damaged, or if the UTF-16 text is invalid
 */
export async function* toPlainText(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const { first, all } = await peek(source)
  const [a, b] = first
  if (a === 0x1f && b === 0x8b) yield* toPlainText(decompress(all))
  else if (a === 0xff && b === 0xfe) yield* convert(all, 'utf-16le')
  else if (a === 0xfe && b === 0xff) yield* convert(all, 'utf-16be')
  else yield* all
}

/** Reads the first bytes of a source without consuming the bytes. */
async function peek(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]()
  let first = Buffer.alloc(0)
  let isDone = false
  while (first.length < SIGNATURE_LENGTH && !isDone) {
    const { value, done } = await iterator.next()
    isDone = done === true
    if (!isDone) first = Buffer.concat([first, value as Uint8Array])
  }
  async function* replay(): AsyncGenerator<Uint8Array> {
    try {
      if (first.length > 0) yield first
      if (isDone) return
      yield* { [Symbol.asyncIterator]: () => iterator }
    } finally {
      await iterator.return?.()
    }
  }
  return { first, all: replay() }
}

async function* decompress(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const [{ createGunzip }, { Readable, pipeline }] = await Promise.all([
    import('node:zlib'),
    import('node:stream'),
  ])
  const output = createGunzip()
  // Errors of the source destroy the output, and the loop below throws them.
  pipeline(Readable.from(bytes), output, () => {})
  try {
    for await (const chunk of output) yield chunk as Uint8Array
  } catch (thrown) {
    const { code, message } = thrown as NodeJS.ErrnoException
    if (!code?.startsWith('Z_')) throw thrown
    throw new TypeError(
      code === 'Z_BUF_ERROR'
        ? 'the gzip data are incomplete (the file ends too early)'
        : `expected valid gzip data, got damaged data (${message})`,
    )
  }
}

async function* convert(bytes: AsyncIterable<Uint8Array>, encoding: string): AsyncGenerator<Uint8Array> {
  const decoder = new TextDecoder(encoding, { fatal: true })
  const decode = (chunk?: Uint8Array) => {
    try {
      return Buffer.from(chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode())
    } catch {
      throw new TypeError(`expected text in ${encoding.toUpperCase()}, got an incomplete character`)
    }
  }
  for await (const chunk of bytes) yield decode(chunk)
  yield decode()
}
