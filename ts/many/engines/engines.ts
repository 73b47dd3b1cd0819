/** Runners that advance batches of runs, one runner per engine. */

import { loadOrThrow } from '#native'
import { hasWebAssembly, NO_WEBASSEMBLY } from '../../arena/memory.js'
import { EngineError, MemoryError } from '../../core/errors.js'
import { runToEnd, type Slices } from '../../core/slices.js'
import type { EngineName, EngineSettings } from '../../engines/engine.js'
import { type EngineChoice, readEngineRequest, selectEngine } from '../../engines/select-engine.js'
import { compile, isTrap, start } from '../../engines/wasm.js'
import type { WasmModule } from '../../webassembly/module.js'
import type { Batch } from '../batch/batch.js'
import { advanceInSlices } from './slices.js'

/**
 * The function returns a promise if the event loop should get a turn.
 *
 * @throws the reason of the abort, once the call is aborted
 */
export type Pause = () => Promise<void> | undefined

export interface BatchRunner {
  /** Count of threads that the engine uses. */
  readonly threads: number
  /** Performs all pending updates of a batch. */
  advance(batch: Batch): void
  /**
   * Performs the pending updates of a batch on other threads or in slices, while the event loop continues. The caller
   * may change the pending updates of the batch after the call.
   */
  advanceAsync(batch: Batch, pause: Pause): Promise<void>
  /** A runner for a single call. Its method `release` does not affect other calls. */
  withoutWorkers?(): BatchRunner
  /** A function that the caller calls after the last batch. */
  release?(): void
}

/** The type of the result of `workers()`, which contains the code of workers. */
export abstract class WorkerPlacement {
  /** URL of the worker code, unless the inlined code is used. */
  abstract readonly url: string | undefined
  /** Returns the same engine, but on workers if the engine supports workers. */
  abstract share(
    choice: EngineChoice<BatchRunner>,
    threads: number | undefined,
    module: WasmModule,
  ): EngineChoice<BatchRunner>
}

const runnerFactories: Readonly<
  Record<EngineName, (forced: EngineSettings, module: WasmModule) => BatchRunner>
> = {
  native({ instructionSet, threads: forced }) {
    const addon = loadOrThrow()
    if (!hasWebAssembly()) throw new Error(NO_WEBASSEMBLY)
    const threads = forced ?? addon.cores()
    return {
      threads,
      advance({ region: { buffer, byteOffset, byteLength } }) {
        checkOutcome(addon.advanceMany(buffer, byteOffset, byteLength, threads, instructionSet), byteLength)
      },
      async advanceAsync({ region: { memory, byteOffset, byteLength } }) {
        const owner = memory as WebAssembly.Memory
        const outcome = addon.advanceManyAsync(owner, byteOffset, byteLength, threads, instructionSet)
        checkOutcome(await outcome, byteLength)
      },
    }
  },
  wasm(_, module) {
    // The test covers everything that a batch needs. Under a strict content security policy, WebKit compiles modules
    // but refuses instances.
    if (!started.has(module))
      start<ModuleExports>(compile(module), new WebAssembly.Memory({ initial: 1, maximum: 1, shared: false }))
    started.add(module)
    const calls = makeCalls(module)
    return createRunner(calls.advance, (batch) => advanceInSlices(batch, calls))
  },
  typescript() {
    const slices = (batch: Batch) => batch.shape.loop(batch)
    return createRunner((batch) => runToEnd(slices(batch)), slices)
  },
}

/**
 * Selects the requested engine, or else the first available engine.
 *
 * @param module the WebAssembly module for the engine wasm: the module for many runs, or the smaller module for fits
 * @throws EngineError if the requested engine is not available
 */
export function selectRunner(
  options: Parameters<typeof readEngineRequest>[0] & { readonly workers?: WorkerPlacement | undefined },
  module: WasmModule,
): EngineChoice<BatchRunner> {
  const asked = readEngineRequest(options)
  const choice = selectEngine(
    asked,
    (engine, forced) => runnerFactories[engine](forced, module),
    ['native', 'wasm'],
    'native is tried first, then wasm, then typescript',
  )
  return options.workers?.share(choice, asked.forced.threads, module) ?? choice
}

function createRunner(advance: BatchRunner['advance'], slices: (batch: Batch) => Slices<void>): BatchRunner {
  return {
    threads: 1,
    advance,
    async advanceAsync(batch, pause) {
      await pause()
      for (const _ of slices(batch)) {
        const turn = pause()
        if (turn) await turn
      }
    },
  }
}

/** Exports of the WebAssembly module for many runs. */
interface ModuleExports {
  advance(address: number, bytes: number): number
  advance_part(address: number, bytes: number, from: number, to: number): number
  hash(): number
}

/**
 * WebAssembly modules that have already been started and tested. A module is tested only once, because a test needs a
 * WebAssembly memory and browsers allow only a few memories.
 */
const started = new Set<WasmModule>()

const instances = new WeakMap<WebAssembly.Memory, ModuleExports>()

const makeCalls = (module: WasmModule) => ({
  advance(batch: Batch): void {
    const isDone = call(module, batch, (exports, address, bytes) => exports.advance(address, bytes))
    checkOutcome(isDone !== 0, batch.region.byteLength)
  },
  advancePart(batch: Batch, from: number, to: number): boolean {
    const outcome = call(module, batch, (exports, address, bytes) =>
      exports.advance_part(address, bytes, from, to),
    )
    checkOutcome(outcome >= 0, batch.region.byteLength)
    return outcome > 0
  },
})

function call(
  module: WasmModule,
  { region: { memory, byteOffset, byteLength } }: Batch,
  make: (exports: ModuleExports, address: number, bytes: number) => number,
): number {
  const owner = memory as WebAssembly.Memory
  const exports = instances.get(owner) ?? start<ModuleExports>(compile(module), owner)
  // The instance is kept only if the call returns, because otherwise the stack pointer of the instance is lost.
  instances.delete(owner)
  try {
    const outcome = make(exports, byteOffset, byteLength)
    instances.set(owner, exports)
    return outcome
  } catch (thrown) {
    throw isTrap(thrown) ? engineFailure('wasm', `it has trapped: ${thrown.message}`) : thrown
  }
}

export function engineFailure(engine: EngineName, reason: string): EngineError {
  return new EngineError(engine, [reason], 'has failed, and these runs are lost')
}

/** @throws EngineError or MemoryError if an engine call failed */
export function checkOutcome(outcome: boolean | string, byteLength: number): void {
  if (typeof outcome === 'string') throw engineFailure('native', outcome)
  if (!outcome) throw new MemoryError(byteLength, 'the memory of many runs was overwritten')
}
