import { createHash } from 'node:crypto'

/** SHA-256 in hexadecimal digits. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  return createHasher(...parts).digest('hex')
}

/** The same, which more may follow. */
export function createHasher(...parts: readonly (string | Uint8Array)[]) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash
}
