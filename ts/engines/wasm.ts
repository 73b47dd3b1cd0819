// biome-ignore-all assist/source/organizeImports: the module's bytes come first, as engines/index.ts says
import { wasmModule as core } from '#webassembly/core'
import type { Arena } from '../arena/arena.js'
import { HASH } from '../arena/manifest.js'
import { allocate, RESERVED_BYTES, type Region } from '../arena/arena.js'
import { getMessage } from '../core/errors.js'
import { registeredModule, decodeModule, type WasmModule } from '../webassembly/module.js'
import type { Engine, EngineReport, Runner } from './engine.js'

/** The exports of the WebAssembly crate in wasm/. */
interface ArenaExports {
  run(address: number, bytes: number, stage: number, from: number, to: number): number
  gather(address: number, bytes: number, stage: number): number
  plan(address: number, bytes: number, stage: number, to: number, most: number, word: number): number
  rerun(plan: number, word: number): number
  hash(): number
}

/** The core module, or the larger module that an imported rule has registered. */
const currentModule = () => registeredModule ?? core

const instances = new WeakMap<WebAssembly.Memory, Instance>()

/** The WebAssembly instance for a memory, which lives as long as the memory. */
class Instance {
  #exports: ArenaExports | undefined
  #source: WasmModule | undefined
  readonly #memory: WebAssembly.Memory

  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory
    this.release(this.acquire())
  }

  /**
   * Provides the exports until `release`. If a call did not return (stack overflow or trap), the instance has lost its
   * stack position and is replaced. The instance is also replaced if a rule has registered a larger module since the
   * last call.
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
    // The module is compiled before any change is made, because compilation may fail.
    const module = compile(source)
    // A module assumes zeros in the memory outside its data. The bytes that the previous instance has left are
    // therefore erased.
    if (this.#source !== undefined) new Uint8Array(this.#memory.buffer, 0, RESERVED_BYTES).fill(0)
    const exports = start<ArenaExports>(module, this.#memory)
    this.#source = source
    return exports
  }
}

/** The exports that every WebAssembly module has. */
interface HashedExports {
  hash(): number
}

/** Compiled modules, or the error of a module that does not compile. */
const compiled = new Map<WasmModule, WebAssembly.Module | Error>()

/**
 * Compiles a module once and synchronously. Because modules are small, the whole API can be synchronous.
 *
 * @throws Error if the module does not compile
 */
export function compile(source: WasmModule): WebAssembly.Module {
  let module = compiled.get(source)
  if (!module) {
    try {
      module = source.compiled ?? new WebAssembly.Module(decodeModule(source))
    } catch (thrown) {
      module = new Error(`the module does not compile: ${getMessage(thrown)}`)
    }
    compiled.set(source, module)
  }
  if (module instanceof Error) throw module
  return module
}

/**
 * Instantiates a module on a memory and returns its exports.
 *
 * @throws Error if the module does not start, or was built from other sources
 */
export function start<E extends HashedExports>(module: WebAssembly.Module, memory: WebAssembly.Memory): E {
  // The import name that wasm-bindgen generates for its JavaScript file. The JavaScript file is not needed.
  const imports = { './antigrad_wasm_bg.js': { memory } }
  let exports: E
  try {
    exports = new WebAssembly.Instance(module, imports).exports as unknown as E
  } catch (thrown) {
    throw new Error(`the module does not start: ${getMessage(thrown)}`)
  }
  if (exports.hash() >>> 0 !== HASH) throw new Error("the module's version differs")
  return exports
}

/** Whether the module trapped. The only other possible failure is a stack overflow. */
export function isTrap(thrown: unknown): thrown is WebAssembly.RuntimeError {
  return thrown instanceof WebAssembly.RuntimeError
}

/**
 * The WebAssembly instance for the memory of a region.
 *
 * @throws Error if the module cannot run on this region of memory
 */
function getInstance({ memory, reason }: Region): Instance {
  if (memory === null) throw new Error(`no WebAssembly memory: ${reason}`)
  const instance = instances.get(memory) ?? new Instance(memory)
  instances.set(memory, instance)
  return instance
}

/** The number of plans so far. Each plan has a unique number, so that plans are never confused. */
let plans = 0

class WasmRunner implements Runner {
  readonly threads = 1
  readonly #arena: Arena
  readonly #instance: Instance
  readonly #address: number
  readonly #bytes: number
  /**
   * The plan of stage 0: the address and the number of the plan (0 without a plan), the exports that made the plan, and
   * the version of the tables.
   */
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

  /** Repeats the previous call with its plan. The result is false if the tables have changed or no plan exists. */
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

  /** Returns the exports, after writing the current tables to the memory. */
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

/** The capabilities that the WebAssembly engine has in this runtime. */
export function report(): EngineReport {
  try {
    // An instance is created, because WebKit under a strict content policy compiles modules but refuses instances.
    getInstance(allocate(0, 0))
    return { available: true, reasons: [], instructionSets: ['simd128'], threads: 1 }
  } catch (thrown) {
    return { available: false, reasons: [getMessage(thrown)], instructionSets: [], threads: 0 }
  }
}

/** The Rust kernels, compiled to WebAssembly with 128-bit vectors. */
export const wasm: Engine = { name: 'wasm', attach: (arena) => new WasmRunner(arena) }
