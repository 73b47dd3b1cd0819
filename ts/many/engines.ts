/** Who advances a batch. */

import type { EngineName } from '../engines/engine.js'
import { load } from '../engines/native.js'
import { EngineError, MemoryError } from '../errors.js'
import type { Batch } from './batch.js'
import { advanceInTypeScript } from './typescript.js'

export interface Chosen {
  readonly engine: EngineName
  readonly instructionSet: string | undefined
  readonly threads: number
}

/** @throws EngineError where one was asked for that cannot run here */
export function choose(
  name: EngineName | undefined,
  instructionSet: string | undefined,
  threads: number | undefined,
): Chosen {
  const { addon, reasons } = load()
  if (name === 'native' && addon === null) throw new EngineError(name, reasons)
  const engine = name ?? (addon === null ? 'typescript' : 'native')
  return { engine, instructionSet, threads: threads ?? addon?.cores() ?? 1 }
}

export function advance(batch: Batch, { engine, instructionSet, threads }: Chosen): void {
  if (engine !== 'native') return advanceInTypeScript(batch)
  const { buffer, byteOffset, byteLength } = batch.region
  check(load().addon?.advanceMany(buffer, byteOffset, byteLength, threads, instructionSet), byteLength)
}

export async function advanceAsync(batch: Batch, chosen: Chosen): Promise<void> {
  const { engine, instructionSet, threads } = chosen
  if (engine === 'native') {
    const { buffer, byteOffset, byteLength } = batch.region
    const done = load().addon?.advanceManyAsync(buffer, byteOffset, byteLength, threads, instructionSet)
    check(await done, byteLength)
    return
  }
  await new Promise((resolve) => setTimeout(resolve))
  advance(batch, chosen)
}

function check(isDone: boolean | undefined, byteLength: number): void {
  if (isDone !== true) throw new MemoryError(byteLength, 'somebody has written to the memory of many runs')
}
