/**
 * The engines that apply functions to arrays, and the choice of the engine. The results of all engines are
 * bit-identical.
 */

import { loadOrThrow } from '#native'
import { LINE } from '../arena/layout.js'
import { OPERATIONS } from '../arena/manifest.js'
import { allocateAlone } from '../arena/memory.js'
import { readBuffer, readByteOffset } from '../core/buffers.js'
import { EngineError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { getTypeName, readLength } from '../core/typed-arrays.js'
import type { EngineName, EngineSettings } from '../engines/engine.js'
import { type EngineChoice, readEngineRequest, selectEngine } from '../engines/select-engine.js'
import { compile, isTrap, start } from '../engines/wasm.js'
import type { PerDtype } from '../functions/twice.js'
import { type Option, option, optional, passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { wasmModule } from '../webassembly/functions.js'

/** A function to apply: the operation in programs, and the TypeScript implementation for the dtype of the arrays. */
export interface ArrayFunction {
  readonly operation: (typeof OPERATIONS)[number]
  readonly compute: (x: number, y: number, z: number) => number
}

/** Arrays of the same dtype and length, and numbers that are rounded to this dtype. */
export type Operands = readonly (number | FloatArray)[]

interface ArrayRunner {
  /** Writes the values to an array. The array may be an operand, but must not overlap an operand in any other way. */
  apply(what: ArrayFunction, to: FloatArray, operands: Operands): void
}

const numbers = new Map(OPERATIONS.map((name, number) => [name, number]))
const numberOf = ({ operation }: ArrayFunction) => numbers.get(operation) as number

/** A plain view of a part of an array, because a subclass may have replaced `subarray`. */
function makeView(array: FloatArray, from = 0, length = readLength(array)): FloatArray {
  const Plain = getTypeName(array) === 'Float32Array' ? Float32Array : Float64Array
  const byteOffset = readByteOffset(array) + from * Plain.BYTES_PER_ELEMENT
  return new Plain(readBuffer(array) as ArrayBuffer, byteOffset, length)
}

const typescript: ArrayRunner = {
  apply({ compute }, to, [a, b = 0, c = 0]) {
    const result = makeView(to)
    const at = (operand: number | FloatArray, i: number) =>
      typeof operand === 'number' ? operand : operand[i]
    for (let i = 0; i < result.length; i++) result[i] = compute(at(a, i), at(b, i), at(c, i))
  },
}

const runnerFactories: Readonly<Record<EngineName, (forced: EngineSettings) => ArrayRunner>> = {
  native({ instructionSet }) {
    const addon = loadOrThrow()
    return {
      apply(what, to, [a, b = 0, c = 0]) {
        addon.apply(numberOf(what), to, a, b, c, instructionSet)
      },
    }
  },
  wasm() {
    let instance: WasmInstance | undefined = new WasmInstance()
    return {
      apply(what, to, operands) {
        const own = instance ?? new WasmInstance()
        // The instance is kept only if the call returns, because otherwise the stack pointer of the instance is lost.
        instance = undefined
        try {
          own.apply(numberOf(what), to, operands)
        } catch (thrown) {
          if (!isTrap(thrown)) throw thrown
          throw new EngineError('wasm', [`it has trapped: ${thrown.message}`], 'has failed')
        }
        instance = own
      },
    }
  },
  typescript: () => typescript,
}

/** Exports of the WebAssembly module for functions. */
interface FunctionExports {
  apply(
    operation: number,
    size: number,
    length: number,
    to: number,
    a: number,
    b: number,
    c: number,
    singles: number,
  ): number
  hash(): number
}

/** Bytes of a block of numbers. The blocks of an operation fit into a first-level cache. */
const BLOCK_BYTES = 16384
const MAX_OPERANDS = 3

/** An instance with a memory for one block per operand, and one block for the result. */
class WasmInstance {
  readonly #exports: FunctionExports
  readonly #address: number
  /** Views of the blocks for each dtype. The last block is the result. */
  readonly #blocks: PerDtype<readonly FloatArray[]>

  constructor() {
    const module = compile(wasmModule)
    const { memory, buffer, byteOffset, reason } = allocateAlone((MAX_OPERANDS + 1) * BLOCK_BYTES)
    if (memory === null) throw new Error(reason as string)
    this.#exports = start<FunctionExports>(module, memory)
    this.#address = byteOffset
    const viewsOf = (Plain: typeof Float32Array | typeof Float64Array) =>
      Array.from(
        { length: MAX_OPERANDS + 1 },
        (_, k) => new Plain(buffer, this.#addressOf(k), BLOCK_BYTES / Plain.BYTES_PER_ELEMENT),
      )
    this.#blocks = { float32: viewsOf(Float32Array), float64: viewsOf(Float64Array) }
  }

  #addressOf(block: number): number {
    return this.#address + block * BLOCK_BYTES
  }

  apply(operation: number, to: FloatArray, operands: Operands): void {
    const blocks = this.#blocks[getTypeName(to) === 'Float32Array' ? 'float32' : 'float64']
    const result = blocks[MAX_OPERANDS]
    const [a, b, c, d] = blocks.map((_, block) => this.#addressOf(block))
    let singles = 0
    for (let k = 0; k < operands.length; k++) {
      const operand = operands[k]
      if (typeof operand !== 'number') continue
      singles |= 1 << k
      blocks[k].fill(operand, 0, LINE / result.BYTES_PER_ELEMENT)
    }
    const length = readLength(to)
    for (let from = 0; from < length; from += result.length) {
      const count = Math.min(result.length, length - from)
      for (let k = 0; k < operands.length; k++) {
        const operand = operands[k]
        if (typeof operand !== 'number') blocks[k].set(makeView(operand, from, count))
      }
      this.#exports.apply(operation, result.BYTES_PER_ELEMENT, count, d, a, b, c, singles)
      makeView(to, from, count).set(count < result.length ? result.subarray(0, count) : result)
    }
  }
}

/** The minimum length of arrays for which an engine is called, unless the user has forced the engine. */
const MIN_LENGTH = 64

interface Choice extends EngineChoice<ArrayRunner> {
  /** Whether the user requested the engine. */
  readonly isForced: boolean
}

let choice: Choice | undefined

/** The runner for arrays of this length on the chosen engine. */
export function getRunner(length: number): ArrayRunner {
  choice ??= choose({})
  return choice.isForced || length >= MIN_LENGTH ? choice.runner : typescript
}

function choose(options: Parameters<typeof readEngineRequest>[0]): Choice {
  const request = readEngineRequest(options)
  const made = selectEngine(
    request,
    (engine, forced) => runnerFactories[engine](forced),
    ['native', 'wasm'],
    `native is tried first, then wasm, then typescript; arrays of fewer than ${MIN_LENGTH} numbers use typescript`,
  )
  return { ...made, isForced: request.requested !== null }
}

export interface ChooseEngineOptions {
  /** Forces an engine. Default: the first available engine of native, WebAssembly and TypeScript. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine, such as `'avx2'`. Default: the best supported instruction set. */
  readonly instructionSet?: string
}

const optionTable = {
  engine: passThrough<EngineName>(),
  instructionSet: optional(option<string, undefined>('a string', undefined, (x) => typeof x === 'string')),
} satisfies Record<keyof ChooseEngineOptions, Option>

/** An engine, and the reasons for the choice of the engine. */
export interface ChosenEngine {
  readonly engine: EngineName
  /** Reasons for the choice of this engine, in the order in which engines were considered. */
  readonly engineReasons: readonly string[]
}

/**
 * Chooses the engine that applies the functions to arrays, for all later calls in this program. Results do not depend
 * on the engine, because the results of all engines are bit-identical. If the program never calls `chooseEngine`, the
 * first function call with an array chooses the engine. The environment variable ANTIGRAD_ENGINE, or else the first
 * available engine, is then decisive. Arrays of fewer than 64 numbers are computed in TypeScript, unless the engine is
 * forced.
 *
 * @returns the engine, and the reasons for its choice
 * @throws OptionError if an option is invalid
 * @throws EngineError if the requested engine is not available; the previous engine stays
 */
export function chooseEngine(options: ChooseEngineOptions = {}): ChosenEngine {
  choice = choose(readOptions('options', options, optionTable))
  return Object.freeze({ engine: choice.engine, engineReasons: Object.freeze([...choice.reasons]) })
}
