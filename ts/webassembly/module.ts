/**
 * The registry of the WebAssembly module to use. Code that needs more than the core registers a separate module,
 * because some modules are large.
 */

/** A module, as written by scripts/setup.mjs or compiled by the host. */
export interface WasmModule {
  readonly text: string
  /** The compiled module, in hosts that refuse to compile bytes. */
  readonly compiled?: WebAssembly.Module
  /** Decodes the text into bytes; present only for packed modules. */
  readonly unpack?: (text: string) => ArrayBuffer
  /** The module, if it contains all code of all other modules; otherwise undefined. */
  readonly most?: WasmModule
}

/** The number of characters that each encode a byte. All other characters begin a pair of characters. */
const SINGLE_BYTE_CHARACTERS = 81
/** A shift that places 253, the first byte of vector instructions, among the single-character bytes. */
const BYTE_SHIFT = 3

/**
 * Decodes a module into bytes. Gzip compresses this encoding as well as the raw bytes, and 8% better than hexadecimal
 * digits.
 *
 * @throws Error if a packed module cannot be unpacked
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

/**
 * The index of a character in the alphabet, minus the shift. The alphabet is the range from ( to ~ without <, \\ and `,
 * which some contexts do not allow.
 */
function characterIndex(code: number): number {
  return code - (40 + BYTE_SHIFT) - Number(code > 60) - Number(code > 92) - Number(code > 96)
}

/** The registered module, if any. */
export let registeredModule: WasmModule | undefined

/**
 * Registers a module that contains the core's kernels and more. A module that contains all code of all other modules is
 * never replaced.
 */
export function registerModule(module: WasmModule): void {
  registeredModule = registeredModule?.most ?? module
}
