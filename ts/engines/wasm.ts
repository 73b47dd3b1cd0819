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

/** One instance a memory, for as long as the memory lives. */
interface Instance {
  exports: Exports
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
    const check = (done: number) => {
      if (!done) throw new Error('the arena was overwritten')
    }
    /** A call that did not return leaves the module's stack pointer where it was: such an instance is done for. */
    const renewed = (thrown: unknown) => {
      instance.exports = instantiate(module, memory)
      return thrown
    }
    return {
      threads: 1,
      run(stage) {
        let done: number
        try {
          done = instance.exports.run(byteOffset, byteLength, stage)
        } catch (thrown) {
          throw renewed(thrown)
        }
        check(done)
      },
      runRange(stage, from, to) {
        try {
          check(instance.exports.run_range(byteOffset, byteLength, stage, from, to))
        } catch (thrown) {
          throw renewed(thrown)
        }
      },
      gather(stage) {
        try {
          check(instance.exports.gather(byteOffset, byteLength, stage))
        } catch (thrown) {
          throw renewed(thrown)
        }
      },
    }
  },
}
