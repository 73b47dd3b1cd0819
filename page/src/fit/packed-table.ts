/** A table as part of an address: compressed, and written in the characters that addresses allow. */

/** Maximum length of a table, and of its compressed form in an address. */
const MAX_LENGTH = 200_000
const MAX_PACKED_LENGTH = 12_000

/** @throws (rejects with) Error with a sentence if the table is too large for an address */
export async function pack(text: string): Promise<string> {
  const refuse = () => new Error('The table is too large for a link: save the data as a file instead.')
  if (text.length > MAX_LENGTH) throw refuse()
  const bytes = await through(new CompressionStream('deflate-raw'), new TextEncoder().encode(text))
  const packed = btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
  if (packed.length > MAX_PACKED_LENGTH) throw refuse()
  return packed
}

/** @throws (rejects with) Error with a sentence if the text is not a packed table */
export async function unpack(packed: string): Promise<string> {
  try {
    if (packed.length > MAX_PACKED_LENGTH) throw new Error('too long')
    const text = atob(packed.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(text, (character) => character.charCodeAt(0))
    return new TextDecoder('utf-8', { fatal: true }).decode(
      await through(new DecompressionStream('deflate-raw'), bytes),
    )
  } catch {
    throw new Error('The table in the link: expected compressed text, got a link that is cut off or altered.')
  }
}

async function through(
  stream: { readonly readable: ReadableStream<Uint8Array>; readonly writable: WritableStream<BufferSource> },
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const writer = stream.writable.getWriter()
  // Errors of the writer also reject the reader below.
  writer.write(bytes).catch(() => {})
  writer.close().catch(() => {})
  const reader = stream.readable.getReader()
  const parts: Uint8Array[] = []
  let length = 0
  for (;;) {
    const { value, done } = await reader.read()
    if (done) break
    parts.push(value)
    length += value.length
    if (length > MAX_LENGTH * 4) throw new Error('too long')
  }
  const all = new Uint8Array(length)
  let offset = 0
  for (const part of parts) {
    all.set(part, offset)
    offset += part.length
  }
  return all
}
