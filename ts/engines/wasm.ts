import type { Arena } from '../arena.js'
import { messageOf } from '../errors.js'
import type { Engine } from './engine.js'
import { wasmBytes } from './wasm-bytes.js'

/** What the crate in wasm/ exports. */
interface Exports {
  run(address: number, bytes: number, stage: number): number
  run_range(address: number, bytes: number, stage: number, from: number, to: number): number
  gather(address: number, bytes: number, stage: number): number
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
 * The instance of a memory, for as long as the memory lives. One whose call did not return (the stack
 * overflowed, or it trapped) has lost its place on its own stack, and is replaced.
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
  return new WebAssembly.Instance(module, imports).exports as unknown as Exports
}

function instanceOf(module: WebAssembly.Module, memory: WebAssembly.Memory): Instance {
  let instance = instances.get(memory)
  if (instance === undefined) {
    instance = { exports: instantiate(module, memory) }
    instances.set(memory, instance)
  }
  return instance
}

/** The same Rust as WebAssembly with 128-bit vectors. */
export const wasm: Engine = {
  name: 'wasm',
  report() {
    const { module, reasons } = compile()
    const available = module !== null
    return { available, reasons, instructionSets: available ? ['simd128'] : [], threads: available ? 1 : 0 }
  },
  attach(arena: Arena) {
    const { module, reasons } = compile()
    if (module === null) throw new Error(reasons.join('; '))
    const { memory, byteOffset, byteLength, reason } = arena.region
    if (memory === null) throw new Error(`the arena is not in a WebAssembly memory: ${reason}`)
    const instance = instanceOf(module, memory)
    const call = (run: (exports: Exports) => number) => {
      let isDone: number
      instance.exports ??= instantiate(module, memory)
      try {
        isDone = run(instance.exports)
      } catch (thrown) {
        instance.exports = null
        throw thrown
      }
      if (!isDone) throw arena.broken()
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
