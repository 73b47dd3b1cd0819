/**
 * The WebAssembly module of all rules, which loads after the main module: the map does not need it. Until it has
 * loaded, and if it cannot be loaded, the race uses the TypeScript engine, which computes the same bits.
 */

/** The module in the format of the library, which replaces the library's own module in the race page. */
export const wasmModule: { text: string; unpack?: (text: string) => ArrayBuffer } = { text: '' }

let loading: Promise<void> | undefined

/** Loads the module. */
export function loadCatalogue(): Promise<void> {
  loading ??= import('../../dist/webassembly/catalogue.js').then(
    (loaded) => {
      const { text, unpack } = loaded.wasmModule
      Object.assign(wasmModule, { text, unpack })
    },
    () => {},
  )
  return loading
}
