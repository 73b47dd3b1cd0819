import type { Arena } from '../arena.js'
import { messageOf } from '../errors.js'
import type { Engine } from './engine.js'
import { wasmBase64 } from './wasm-bytes.js'

/** What the crate in wasm/ exports. */
interface Exports {
  run(
    squares: 0 | 1,
    kernel: number,
    address: number,
    size: number,
    firstPlane: number,
    planeDistance: number,
    planeLength: number,
    planes: number,
    tensors: number,
  ): number
}

let compiled: { module: WebAssembly.Module | null; reasons: readonly string[] } | undefined

/** Compiles synchronously: the module is small, and so the whole API can be synchronous. */
function compile(): { module: WebAssembly.Module | null; reasons: readonly string[] } {
  if (compiled === undefined) {
    try {
      const bytes = Uint8Array.from(atob(wasmBase64), (char) => char.charCodeAt(0))
      compiled = { module: new WebAssembly.Module(bytes), reasons: [] }
    } catch (thrown) {
      compiled = { module: null, reasons: [`the module does not compile: ${messageOf(thrown)}`] }
    }
  }
  return compiled
}

/**
 * The instance of each memory, for as long as the memory lives. One whose call did not return (the stack
 * overflowed, or it trapped) has lost its place on its own stack, and is replaced.
 */
const instances = new WeakMap<WebAssembly.Memory, { exports: Exports | null }>()

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    imports[from] ??= {}
    // Functions are wasm-bindgen's: they serve exports that take objects, and there is none.
    imports[from][name] = kind === 'memory' ? memory : () => {}
  }
  return new WebAssembly.Instance(module, imports).exports as unknown as Exports
}

/** The same Rust as WebAssembly with 128-bit vectors. */
export const wasm: Engine = {
  name: 'wasm',
  report() {
    const { module, reasons } = compile()
    const available = module !== null
    return { available, reasons, instructionSets: available ? ['simd128'] : [], threads: available ? 1 : 0 }
  },
  attach(arena: Arena, kernel: number) {
    const { module, reasons } = compile()
    if (module === null) throw new Error(reasons.join('; '))
    const { memory, byteOffset, reason } = arena.region
    if (memory === null) throw new Error(`the arena is not in a WebAssembly memory: ${reason}`)
    let instance = instances.get(memory)
    if (instance === undefined) {
      instance = { exports: instantiate(module, memory) }
      instances.set(memory, instance)
    }
    const shared = instance
    const { firstPlane: first, planeDistance: distance, planeLength: length } = arena
    const { planeCount: planes, tensorCount: tensors } = arena
    const size = arena.dtype === 'float32' ? 4 : 8
    const call = (squares: 0 | 1) => {
      shared.exports ??= instantiate(module, memory)
      const { run } = shared.exports
      let isDone: number
      try {
        isDone = run(squares, kernel, byteOffset, size, first, distance, length, planes, tensors)
      } catch (thrown) {
        shared.exports = null
        throw thrown
      }
      if (!isDone) throw arena.broken()
    }
    return { threads: 1, step: () => call(0), sumSquares: () => call(1) }
  },
}
