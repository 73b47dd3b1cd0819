import type { FloatArray } from './numbers.js'
import { getTypeName, readLength } from './typed-arrays.js'
import { isObject } from './untrusted-input.js'

/**
 * Base class of all errors that antigrad throws on purpose. A call that throws an AntigradError has not changed
 * anything, unless an engine failed; see {@link EngineError}.
 */
export class AntigradError extends Error {
  override name = 'AntigradError'
}

// `declare` emits no code for the fields below. Constructors assign the fields. Bundles are therefore smaller.

/**
 * The error of an invalid argument. The error message names the argument, the expected value and the received value.
 */
export class ArgumentError extends AntigradError {
  override name = 'ArgumentError'
  declare readonly argument: string
  declare readonly expected: string
  declare readonly received: string

  constructor(argument: string, expected: string, received: unknown, hint = '') {
    const text = shown(received)
    super(`${argument}: expected ${expected}, got ${text}${hint}`)
    this.argument = argument
    this.expected = expected
    this.received = text
  }
}

/**
 * @throws ArgumentError if `index` is not a valid index of an array of this length
 */
export function checkIndex(argument: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length)
    throw new ArgumentError(argument, `an integer from 0 to ${length - 1}`, index)
}

/** The error of an option that is unknown, of the wrong type or out of its range. */
export class OptionError extends ArgumentError {
  override name = 'OptionError'
}

/** The error of a tensor or gradient with a wrong name, type, dtype or length, or with detached memory. */
export class TensorError extends ArgumentError {
  override name = 'TensorError'
}

/**
 * The error of invalid equations, or of equations with impossible values. The property `position` counts characters
 * from 0 and is undefined if the error is not in a string.
 */
export class EquationError extends AntigradError {
  override name = 'EquationError'
  declare readonly position: number | undefined

  constructor(what: string, expected: string, received: string, position?: number) {
    super(`${truncate(what)}: expected ${expected}, got ${received}`)
    this.position = position
  }
}

/** The error of a string that is not a valid expression; `position` counts its characters from 0. */
export class ExpressionError extends AntigradError {
  override name = 'ExpressionError'
  declare readonly position: number

  constructor(text: string, position: number, expected: string, received: string) {
    const before = text.slice(Math.max(0, position - 30), position)
    super(`expression: expected ${expected} at character ${position + 1}, got ${received}: ${before}⟨here⟩`)
    this.position = position
  }
}

/**
 * The error of a requested engine that cannot run in this runtime, or of an engine that failed during a call. The
 * failure of an engine during a call is a bug in antigrad, and the object on which the engine worked becomes unusable.
 * The property `reasons` explains the error.
 */
export class EngineError extends AntigradError {
  override name = 'EngineError'
  declare readonly engine: string
  declare readonly reasons: readonly string[]

  constructor(engine: string, reasons: readonly string[], what = 'was requested but cannot run') {
    super(`the engine ${engine} ${what}: ${reasons.join('; ')}`)
    this.engine = engine
    this.reasons = reasons
  }
}

/**
 * The error of a call during a step of the same optimizer. Await the promise of `stepAsync`, and do not call the
 * optimizer from a getter or schedule that a step reads.
 */
export class BusyError extends AntigradError {
  override name = 'BusyError'

  constructor(call: string) {
    super(`${call}: a step of this optimizer is under way; await the promise of stepAsync first`)
  }
}

/** The error of infinite or NaN gradients, thrown if `onNonFinite` or `maxConsecutiveSkips` requires an error. */
export class NonFiniteError extends AntigradError {
  override name = 'NonFiniteError'
  /** The names of the tensors whose gradients are not finite. */
  declare readonly tensors: readonly string[]

  constructor(tensors: readonly string[], skips: number) {
    const names = joinFirst(tensors, (name) => name || 'the parameters')
    super(`gradients of ${names} are not finite${skips > 0 ? `, after ${skips} skipped steps in a row` : ''}`)
    this.tensors = tensors
  }
}

/** A difference between a saved run and an optimizer. */
export interface CheckpointDifference {
  /** The name of the tensor; null if the difference concerns the whole optimizer. */
  readonly tensor: string | null
  readonly expected: string
  readonly received: string
}

/** The maximum number of differences that a message lists. */
const MAX_SHOWN = 50

/**
 * The error of a saved run that does not fit an optimizer. The property `differences` lists all differences between the
 * saved run and the optimizer.
 */
export class CheckpointError extends AntigradError {
  override name = 'CheckpointError'
  declare readonly differences: readonly CheckpointDifference[]

  constructor(differences: readonly CheckpointDifference[]) {
    const lines = differences
      .slice(0, MAX_SHOWN)
      .map(
        ({ tensor, expected, received }) =>
          `${truncate(tensor ?? 'optimizer')}: expected ${expected}, got ${received}`,
      )
    const others = differences.length - lines.length
    if (others > 0) lines.push(`and ${others} more in differences`)
    super(`the saved run does not fit:\n${lines.join('\n')}`)
    this.differences = differences
  }
}

/** The error of an arena or a copy for which the runtime cannot allocate memory. */
export class MemoryError extends AntigradError {
  override name = 'MemoryError'
  declare readonly bytes: number

  constructor(bytes: number, reason: string, what = 'an arena') {
    super(`no memory for ${what} of ${bytes} bytes: ${reason}`)
    this.bytes = bytes
  }
}

/** Shortens a long string for a message. */
export const truncate = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

/** Joins the first eight elements of a list for a message. */
export function joinFirst<T>(list: readonly T[], textOf: (one: T) => unknown = String): string {
  return list.slice(0, 8).map(textOf).join(', ') + (list.length > 8 ? ', …' : '')
}

/** Formats a value for a message, and truncates large values. */
export const shown = (value: unknown): string => truncate(describeValue(value))

function describeValue(value: unknown): string {
  if (typeof value === 'string')
    return /^(an?|one) /.test(value) ? value : JSON.stringify(value.slice(0, 101))
  if (typeof value === 'function') return 'a function'
  // Formatting the digits of a huge `bigint` would be slow.
  if (typeof value === 'bigint') return value === BigInt.asIntN(64, value) ? `${value}n` : 'a long bigint'
  if (!isObject(value)) return String(value)
  const array = getTypeName(value)
  const type = array ?? Object.prototype.toString.call(value).slice('[object '.length, -1)
  if (type === 'Object')
    return `an object with the keys ${Object.keys(value).slice(0, 8).join(', ') || '(none)'}`
  const name = `${/^[AEIO]/.test(type) ? 'an' : 'a'} ${type}`
  if (Array.isArray(value)) return `${name.toLowerCase()} of length ${value.length}`
  return array === undefined ? name : `${name} of length ${readLength(value as FloatArray)}`
}

/** Returns the message of any thrown value. */
export function getMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
