import { createHash } from 'node:crypto'

/** SHA-256 hash of the concatenated parts, as hexadecimal digits. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  return createHasher(...parts).digest('hex')
}

/** A SHA-256 hasher that has hashed the given parts, and accepts further parts. */
export function createHasher(...parts: readonly (string | Uint8Array)[]) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash
}
