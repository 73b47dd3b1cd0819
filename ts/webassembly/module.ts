/** Which WebAssembly module there is. One is large, so what needs more than the core brings it along. */

export interface WasmModule {
  /** Its bytes as `bytesOf` reads them; scripts/setup.mjs writes them. */
  readonly text: string
}

/** Of that many first characters each is a byte of its own; the others are the first of two. */
const SINGLE = 81
/** Added to bytes, so that 253, with which vector instructions begin, is among the first. */
const SHIFT = 3

/** A module's bytes. In this form gzip makes of them what it makes of the bytes, and 8 % less than of hexadecimal digits. */
export function bytesOf({ text }: WasmModule): ArrayBuffer {
  const bytes = new Uint8Array(text.length)
  let length = 0
  for (let at = 0; at < text.length; at++) {
    const first = placeOf(text.charCodeAt(at))
    const value = first < SINGLE ? first : (first - SINGLE + 1) * SINGLE + placeOf(text.charCodeAt(++at))
    bytes[length++] = value - SHIFT
  }
  return bytes.buffer.slice(0, length)
}

/** Its place among the characters from ( to ~ without <, \\ and `, which cannot stand everywhere. */
function placeOf(code: number): number {
  return code - 40 - Number(code > 60) - Number(code > 92) - Number(code > 96)
}

let brought: WasmModule | undefined

/** Makes the module known that has the core's kernels and more; there is only one. */
export function bring(module: WasmModule): void {
  brought = module
}

/** The module that was brought, if one was. */
export function broughtModule(): WasmModule | undefined {
  return brought
}
