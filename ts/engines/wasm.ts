// biome-ignore-all assist/source/organizeImports: the module's bytes come first, as engines/index.ts says
import { wasmModule as core } from '../webassembly/core.js'
import type { Arena } from '../arena/arena.js'
import { HASH } from '../arena/manifest.js'
import { allocate, RESERVED_BYTES, type Region } from '../arena/arena.js'
import { getMessage } from '../core/errors.js'
import { registeredModule, decodeModule, type WasmModule } from '../webassembly/module.js'
import type { Engine, EngineReport, Runner } from './engine.js'

/** What the crate in wasm/ exports. */
interface ArenaExports {
  run(address: number, bytes: number, stage: number, from: number, to: number): number
  gather(address: number, bytes: number, stage: number): number
  plan(address: number, bytes: number, stage: number, to: number, most: number, word: number): number
  rerun(plan: number, word: number): number
  hash(): number
}

/** The core's, or the catalogue's once a rule has brought it. */
const currentModule = () => registeredModule ?? core

const instances = new WeakMap<WebAssembly.Memory, Instance>()

/** The module's instance of a memory, for as long as the memory lives. */
class Instance {
  #exports: ArenaExports | undefined
  #source: WasmModule | undefined
  readonly #memory: WebAssembly.Memory

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    this.release(this.acquire())
  }

  /**
   * Hands out the exports until they are given back. Where a call has not returned (the stack overflowed, or
   * it trapped) they have lost their place on their own stack, and are replaced; and so they are where a rule
   * has brought a module of more kernels meanwhile.
   */
  acquire(): ArenaExports {
    const isCurrent = this.#source === currentModule()
    const exports = (isCurrent && this.#exports) || this.#instantiate()
    this.#exports = undefined
    return exports
  }

  release(exports: ArenaExports): void {
    this.#exports = exports
  }

  #instantiate(): ArenaExports {
    const source = currentModule()
    // Before anything is changed: it may not compile.
    const module = compile(source)
    // What another instance has left: a module takes what it does not initialize for zeros.
    if (this.#source !== undefined) new Uint8Array(this.#memory.buffer, 0, RESERVED_BYTES).fill(0)
    const exports = start<ArenaExports>(module, this.#memory)
    this.#source = source
    return exports
  }
}

/** What every module exports. */
interface HashedExports {
  hash(): number
}

/** Modules that have been compiled, or why they cannot be. */
const compiled = new Map<WasmModule, WebAssembly.Module | Error>()

/**
 * Compiles synchronously, and once: modules are small, and so the whole API can be synchronous.
 *
 * @throws Error where it does not compile
 */
export function compile(source: WasmModule): WebAssembly.Module {
  let module = compiled.get(source)
  if (!module) {
    try {
      module = new WebAssembly.Module(decodeModule(source))
    } catch (thrown) {
      module = new Error(`the module does not compile: ${getMessage(thrown)}`)
    }
    compiled.set(source, module)
  }
  if (module instanceof Error) throw module
  return module
}

/**
 * A module's exports on a memory.
 *
 * @throws Error where it does not start, or was built from other sources
 */
export function start<E extends HashedExports>(module: WebAssembly.Module, memory: WebAssembly.Memory): E {
  // As wasm-bindgen names it: the file that it makes beside the module, which nobody needs.
  const imports = { './antigrad_wasm_bg.js': { memory } }
  let exports: E
  try {
    exports = new WebAssembly.Instance(module, imports).exports as unknown as E
  } catch (thrown) {
    throw new Error(`the module does not start: ${getMessage(thrown)}`)
  }
  if (exports.hash() >>> 0 !== HASH) throw new Error('its version differs')
  return exports
}

/** Whether the module has trapped, and not the stack ended. */
export function isTrap(thrown: unknown): thrown is WebAssembly.RuntimeError {
  return thrown instanceof WebAssembly.RuntimeError
}

/**
 * The instance of a region's memory.
 *
 * @throws Error where the module cannot run on this region
 */
function getInstance({ memory, reason }: Region): Instance {
  if (memory === null) throw new Error(`the arena is not in a WebAssembly memory: ${reason}`)
  const instance = instances.get(memory) ?? new Instance(memory)
  instances.set(memory, instance)
  return instance
}

/** How many plans there were: each is known by its number, so that no other is taken for it. */
let plans = 0

class WasmRunner implements Runner {
  readonly threads = 1
  readonly #arena: Arena
  readonly #instance: Instance
  readonly #address: number
  readonly #bytes: number
  /** The plan of stage 0: where it is, which it is (0 for none), who has made it, and of which tables. */
  readonly #plan: number
  #number = 0
  #planner: ArenaExports | undefined
  #version = -1

  constructor(arena: Arena) {
    this.#arena = arena
    this.#instance = getInstance(arena.region)
    this.#address = arena.region.byteOffset
    this.#bytes = arena.region.byteLength
    this.#plan = this.#address + arena.plan
  }

  run(stage: number): void {
    if (stage !== 0 || !this.#runAgain()) this.runRange(stage, 0, this.#arena.length)
  }

  /** Runs what the call before has run, if that was of the same tables and all is known of it. */
  #runAgain(): boolean {
    const { version, planned } = this.#arena
    if (this.#version !== version) return false
    const exports = this.#instance.acquire()
    try {
      if (this.#planner !== exports) {
        this.#number = exports.plan(this.#address, this.#bytes, 0, this.#plan, planned, ++plans) && plans
        this.#planner = exports
      }
      if (this.#number !== 0 && exports.rerun(this.#plan, this.#number) === 0) this.#number = 0
    } catch (thrown) {
      throw this.#failed(thrown)
    }
    this.#instance.release(exports)
    return this.#number !== 0
  }

  runRange(stage: number, from: number, to: number): void {
    const exports = this.#take()
    try {
      this.#end(exports, exports.run(this.#address, this.#bytes, stage, from, to))
    } catch (thrown) {
      throw this.#failed(thrown)
    }
  }

  gather(stage: number): void {
    const exports = this.#take()
    try {
      this.#end(exports, exports.gather(this.#address, this.#bytes, stage))
    } catch (thrown) {
      throw this.#failed(thrown)
    }
  }

  /** The exports, once the memory has the tables as they are now. */
  #take(): ArenaExports {
    if (this.#version !== this.#arena.version) {
      this.#arena.writeTables()
      this.#planner = undefined
      this.#version = this.#arena.version
    }
    return this.#instance.acquire()
  }

  #failed(thrown: unknown): unknown {
    return isTrap(thrown) ? this.#arena.fail('wasm', `it has trapped: ${thrown.message}`) : thrown
  }

  #end(exports: ArenaExports, isDone: number): void {
    this.#instance.release(exports)
    if (!isDone) throw this.#arena.broken()
  }
}

/** What it can do here. */
export function report(): EngineReport {
  try {
    // All that an optimizer needs: under a strict content policy WebKit compiles, and refuses instances.
    getInstance(allocate(0, 0))
    return { available: true, reasons: [], instructionSets: ['simd128'], threads: 1 }
  } catch (thrown) {
    return { available: false, reasons: [getMessage(thrown)], instructionSets: [], threads: 0 }
  }
}

/** The same Rust as WebAssembly with 128-bit vectors. */
export const wasm: Engine = { name: 'wasm', attach: (arena) => new WasmRunner(arena) }
