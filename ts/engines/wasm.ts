import type { Arena } from '../arena.js'
import { messageOf } from '../errors.js'
import { allocate, type Region } from '../memory.js'
import { kernelNames } from '../rules/kernels.js'
import type { Engine } from './engine.js'
import { wasmBase64 } from './wasm-bytes.js'

/** What the crate in wasm/ exports. */
interface Exports {
  attach(address: number, bytes: number, kernel: number, handle: number): number
  step(handle: number): number
  sum_squares(handle: number): number
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

/** One instance a memory, for as long as the memory lives. */
const instances = new WeakMap<WebAssembly.Memory, Exports>()

function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Exports {
  let exports = instances.get(memory)
  if (exports === undefined) {
    const imports: Record<string, Record<string, WebAssembly.ImportValue>> = {}
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      imports[from] ??= {}
      // Functions are wasm-bindgen's: they serve exports that take objects, and there is none.
      imports[from][name] = kind === 'memory' ? memory : () => {}
    }
    try {
      exports = new WebAssembly.Instance(module, imports).exports as unknown as Exports
    } catch (thrown) {
      throw new Error(`the module does not start: ${messageOf(thrown)}`)
    }
    instances.set(memory, exports)
  }
  return exports
}

/** @throws Error where the module cannot run on this region */
function exportsFor({ memory, reason }: Region): Exports {
  const { module, reasons } = compile()
  if (module === null) throw new Error(reasons.join('; '))
  if (memory === null) throw new Error(`the arena is not in a WebAssembly memory: ${reason}`)
  return instantiate(module, memory)
}

/** The same Rust as WebAssembly with 128-bit vectors. */
export const wasm: Engine = {
  name: 'wasm',
  report() {
    try {
      // All that an optimizer needs: under a strict content policy WebKit compiles, and refuses instances.
      exportsFor(allocate(0, 0))
      return { available: true, reasons: [], instructionSets: ['simd128'], threads: 1 }
    } catch (thrown) {
      return { available: false, reasons: [messageOf(thrown)], instructionSets: [], threads: 0 }
    }
  },
  attach(arena: Arena, kernel: number) {
    const exports = exportsFor(arena.region)
    const { byteOffset, byteLength } = arena.region
    const handle = arena.handle(isLookahead(kernel) ? 1 : 0)
    if (!exports.attach(byteOffset, byteLength, kernel, handle)) throw new Error('this is no arena')
    const overwritten = () => new Error('the arena was overwritten')
    return {
      threads: 1,
      step() {
        if (!exports.step(handle)) throw overwritten()
      },
      sumSquares() {
        if (!exports.sum_squares(handle)) throw overwritten()
      },
    }
  },
}

/** An arena has one other kernel at most. */
const isLookahead = (kernel: number) => kernelNames[kernel] === 'Lookahead'
