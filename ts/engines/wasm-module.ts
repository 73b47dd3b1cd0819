/** Which WebAssembly module there is. One is large, so what needs more than the core brings it along. */

export interface WasmModule {
  /** Its bytes as hexadecimal digits. */
  readonly digits: string
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
