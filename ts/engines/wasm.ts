import type { Arena } from '../arena.js'
import { messageOf } from '../errors.js'
import { HASH } from '../manifest.js'
import { allocate, type Region } from '../memory.js'
import type { Engine } from './engine.js'
import { wasmBytes } from './wasm-bytes.js'

/** What the crate in wasm/ exports. */
interface Exports {
  run(address: number, bytes: number, stage: number): number
  run_range(address: number, bytes: number, stage: number, from: number, to: number): number
  gather(address: number, bytes: number, stage: number): number
  hash(): number
}

let compiled: { module: WebAssembly.Module | null; reasons: readonly string[] } | undefined

/** Compiles synchronously: the module is small, and so the whole API can be synchronous. */
function compile(): { module: WebAssembly.Module | null; reasons: readonly string[] } {
  if (compiled === undefined) {
    try {
      const bytes = Uint8Array.from(wasmBytes.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16))
      compiled = { module: new WebAssembly.Module(bytes), reasons: [] }
    } catch (thrown) {
      compiled = { module: null, reasons: [`the module does not compile: ${messageOf(thrown)}`] }
    }
  }
  return compiled
}

/**
 * The instance of a memory, for as long as the memory lives; null where a call did not return (the stack
 * overflowed, or it trapped): it has lost its place on its own stack, and is replaced.
 */
interface Instance {
  exports: Exports | null
}

const instances = new WeakMap<WebAssembly.Memory, Instance>()

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    // Functions are wasm-bindgen's: they serve exports that take objects, and there is none.
    imports[from][name] = kind === 'memory' ? memory : () => {}
  }
  let exports: Exports
  try {
    exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports
  } catch (thrown) {
    throw new Error(`the module does not start: ${messageOf(thrown)}`)
  }
  if (exports.hash() >>> 0 !== HASH) throw new Error('the module is of another version: its kernels differ')
  return exports
}

/**
 * Calls the instance of a region's memory.
 *
 * @throws Error where the module cannot run on this region
 */
function callerOf({ memory, reason }: Region): (run: (exports: Exports) => number) => number {
  const { module, reasons } = compile()
  if (module === null) throw new Error(reasons.join('; '))
  if (memory === null) throw new Error(`the arena is not in a WebAssembly memory: ${reason}`)
  const instance = instances.get(memory) ?? { exports: instantiate(module, memory) }
  instances.set(memory, instance)
  return (run) => {
    const exports = instance.exports ?? instantiate(module, memory)
    // Until it has returned.
    instance.exports = null
    const result = run(exports)
    instance.exports = exports
    return result
  }
}

/** The same Rust as WebAssembly with 128-bit vectors. */
export const wasm: Engine = {
  name: 'wasm',
  report() {
    try {
      // All that an optimizer needs: under a strict content policy WebKit compiles, and refuses instances.
      callerOf(allocate(0, 0))
      return { available: true, reasons: [], instructionSets: ['simd128'], threads: 1 }
    } catch (thrown) {
      return { available: false, reasons: [messageOf(thrown)], instructionSets: [], threads: 0 }
    }
  },
  attach(arena: Arena) {
    const { byteOffset, byteLength } = arena.region
    const caller = callerOf(arena.region)
    const call = (run: (exports: Exports) => number) => {
      if (!caller(run)) throw arena.broken()
    }
    return {
      threads: 1,
      run: (stage) => call((exports) => exports.run(byteOffset, byteLength, stage)),
      runRange: (stage, from, to) =>
        call((exports) => exports.run_range(byteOffset, byteLength, stage, from, to)),
      gather: (stage) => call((exports) => exports.gather(byteOffset, byteLength, stage)),
    }
  },
}
