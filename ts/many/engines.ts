/** Who advances a batch. */

import type { EngineName } from '../engines/engine.js'
import { load } from '../engines/native.js'
import { isTrap, start } from '../engines/wasm.js'
import { EngineError, MemoryError, messageOf } from '../ground/errors.js'
import { turn } from '../ground/event-loop.js'
import { wasmModule } from '../webassembly/many.js'
import { bytesOf } from '../webassembly/module.js'
import type { Batch } from './batch.js'
import { advanceInTypeScript } from './typescript.js'

export interface Chosen {
  readonly engine: EngineName
  readonly instructionSet: string | undefined
  readonly threads: number
}

/** What the module of many runs exports. */
interface Exports {
  advance(address: number, bytes: number): number
  hash(): number
}

let compiled: WebAssembly.Module | undefined

/** @throws Error where it does not compile */
function compile(): WebAssembly.Module {
  compiled ??= new WebAssembly.Module(bytesOf(wasmModule))
  return compiled
}

/** Why WebAssembly cannot run here; null if it can. */
function fault(): string | null {
  try {
    // All that a batch needs: under a strict content policy WebKit compiles, and refuses instances.
    start<Exports>(compile(), new WebAssembly.Memory({ initial: 1, maximum: 1 }))
    return null
  } catch (thrown) {
    return messageOf(thrown)
  }
}

/** @throws EngineError where one was asked for that cannot run here */
export function choose(
  name: EngineName | undefined,
  instructionSet: string | undefined,
  threads: number | undefined,
): Chosen {
  const { addon, reasons } = load()
  if (name === 'native' || (name === undefined && addon !== null)) {
    if (addon === null) throw new EngineError('native', reasons)
    if (instructionSet !== undefined && !addon.instructionSets().includes(instructionSet)) {
      throw new EngineError('native', [`this processor does not run ${instructionSet}`])
    }
    return { engine: 'native', instructionSet, threads: threads ?? addon.cores() }
  }
  const why = name === 'typescript' ? 'not asked for' : fault()
  if (name === 'wasm' && why !== null) throw new EngineError(name, [why])
  return { engine: why === null ? 'wasm' : 'typescript', instructionSet: undefined, threads: 1 }
}

const instances = new WeakMap<WebAssembly.Memory, Exports>()

/** Makes the updates at hand of a batch. */
export function advance(batch: Batch, { engine, instructionSet, threads }: Chosen): void {
  if (engine === 'typescript') {
    advanceInTypeScript(batch)
    return
  }
  const { buffer, byteOffset, byteLength, memory } = batch.region
  if (engine === 'native') {
    check(load().addon?.advanceMany(buffer, byteOffset, byteLength, threads, instructionSet), byteLength)
    return
  }
  const own = memory as WebAssembly.Memory
  const exports = instances.get(own) ?? start<Exports>(compile(), own)
  // It is kept if the call returns: otherwise it has lost its place on its own stack.
  instances.delete(own)
  let isDone: boolean
  try {
    isDone = exports.advance(byteOffset, byteLength) !== 0
  } catch (thrown) {
    throw isTrap(thrown) ? failure('wasm', `it has trapped: ${thrown.message}`) : thrown
  }
  instances.set(own, exports)
  check(isDone, byteLength)
}

/** The same, while the event loop goes on: on other threads, or else in turn with it. */
export async function advanceAsync(batch: Batch, chosen: Chosen): Promise<void> {
  const { engine, instructionSet, threads } = chosen
  if (engine !== 'native') {
    await turn()
    advance(batch, chosen)
    return
  }
  const { memory, byteOffset, byteLength } = batch.region
  const own = memory as WebAssembly.Memory
  const done = load().addon?.advanceManyAsync(own, byteOffset, byteLength, threads, instructionSet)
  check(await done, byteLength)
}

function failure(engine: EngineName, reason: string): EngineError {
  return new EngineError(engine, [reason], 'has failed, and these runs are lost')
}

function check(outcome: boolean | string | undefined, byteLength: number): void {
  if (typeof outcome === 'string') throw failure('native', outcome)
  if (outcome !== true) throw new MemoryError(byteLength, 'somebody has written to the memory of many runs')
}
