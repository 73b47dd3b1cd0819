/** Which WebAssembly module there is. Some are large, so what needs more than the core brings one along. */

/** As scripts/setup.mjs writes it. */
export interface WasmModule {
  readonly text: string
  /** Makes bytes of the text, where these are packed. */
  readonly unpack?: (text: string) => ArrayBuffer
  /** Itself, of that which has all that others have. */
  readonly most?: WasmModule
}

/** Of that many first characters each is a byte of its own; the others are the first of two. */
const SINGLE_BYTE_CHARACTERS = 81
/** Added to bytes, so that 253, with which vector instructions begin, is among the first. */
const BYTE_SHIFT = 3

/**
 * Its bytes. Gzip makes of the form that is read here what it makes of them as they are, and 8 % less than of hexadecimal
 * digits.
 *
 * @throws Error where they cannot be unpacked here
 */
export function decodeModule({ text, unpack }: WasmModule): ArrayBuffer {
  if (unpack) return unpack(text)
  const bytes = new Uint8Array(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const first = characterIndex(text.charCodeAt(at))
    bytes[length++] =
      first < SINGLE_BYTE_CHARACTERS - BYTE_SHIFT
        ? first
        : (first - (SINGLE_BYTE_CHARACTERS - BYTE_SHIFT - 1)) * SINGLE_BYTE_CHARACTERS +
          characterIndex(text.charCodeAt(++at))
  }
  return bytes.buffer.slice(0, length)
}

/** Its place among the characters from ( to ~ without <, \\ and `, which cannot stand everywhere, less what was added. */
function characterIndex(code: number): number {
  return code - (40 + BYTE_SHIFT) - Number(code > 60) - Number(code > 92) - Number(code > 96)
}

/** The module that was brought, if one was. */
export let registeredModule: WasmModule | undefined

/** Makes a module known that has the core's kernels and more; that which has all stays. */
export function registerModule(module: WasmModule): void {
  registeredModule = registeredModule?.most ?? module
}
