import type { FloatArray } from './numbers.js'
import { getTypeName, readLength } from './typed-arrays.js'
import { isObject } from './untrusted-input.js'

/**
 * Every error that antigrad throws on purpose. A call that throws one has changed nothing (but where an engine
 * itself has failed; see {@link EngineError}).
 */
export class AntigradError extends Error {
  override name = 'AntigradError'
}

// Fields are declared alone below: constructors set them, and bundles need not say it twice.

/** An argument that cannot be used: says which, what was expected and what came. */
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

/** @throws ArgumentError if it is no index of so many things */
export function checkIndex(argument: string, index: number, length: number): void {
  if (!Number.isInteger(index) || index < 0 || index >= length)
    throw new ArgumentError(argument, `an integer from 0 to ${length - 1}`, index)
}

/** An option that is unknown, of the wrong type or out of its range. */
export class OptionError extends ArgumentError {
  override name = 'OptionError'
}

/** A tensor or gradient of the wrong name, type, dtype or length, or whose memory is detached. */
export class TensorError extends ArgumentError {
  override name = 'TensorError'
}

/** Equations that are none, or whose numbers cannot be; `position` counts characters from 0, where a text is meant. */
export class EquationError extends AntigradError {
  override name = 'EquationError'
  declare readonly position: number | undefined

  constructor(what: string, expected: string, received: string, position?: number) {
    super(`${truncate(what)}: expected ${expected}, got ${received}`)
    this.position = position
  }
}

/** A text that is no expression; `position` counts its characters from 0. */
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
 * The engine that was asked for cannot run here; or it has failed in the middle of a call, which is a mistake of
 * ours, and what it was working on is broken. `reasons` says why.
 */
export class EngineError extends AntigradError {
  override name = 'EngineError'
  declare readonly engine: string
  declare readonly reasons: readonly string[]

  constructor(engine: string, reasons: readonly string[], what = 'was asked for but cannot run') {
    super(`the engine ${engine} ${what}: ${reasons.join('; ')}`)
    this.engine = engine
    this.reasons = reasons
  }
}

/**
 * The optimizer is in the middle of a step: wait for the promise of `stepAsync`, and do not call it from a
 * getter or a schedule that a step reads.
 */
export class BusyError extends AntigradError {
  override name = 'BusyError'

  constructor(call: string) {
    super(`${call}: a step of this optimizer is under way; await the promise of stepAsync first`)
  }
}

/** Gradients are infinite or NaN, and `onNonFinite` or `maxConsecutiveSkips` wanted an error then. */
export class NonFiniteError extends AntigradError {
  override name = 'NonFiniteError'
  /** The names of the tensors whose gradients are. */
  declare readonly tensors: readonly string[]

  constructor(tensors: readonly string[], skips: number) {
    const names = joinFirst(tensors, (name) => name || 'the parameters')
    super(`gradients of ${names} are not finite${skips > 0 ? `, after ${skips} skipped steps in a row` : ''}`)
    this.tensors = tensors
  }
}

/** What a saved run has that an optimizer has otherwise. */
export interface CheckpointDifference {
  /** The tensor's name; null for what is the whole optimizer's. */
  readonly tensor: string | null
  readonly expected: string
  readonly received: string
}

/** How many differences a message says. */
const MAX_SHOWN = 50

/** A saved run that does not fit an optimizer: `differences` are all of them. */
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
    if (others > 0) lines.push(`and ${others} others in differences`)
    super(`what was saved does not fit:\n${lines.join('\n')}`)
    this.differences = differences
  }
}

/** This runtime cannot hold an arena, or a copy, of that size. */
export class MemoryError extends AntigradError {
  override name = 'MemoryError'
  declare readonly bytes: number

  constructor(bytes: number, reason: string, what = 'an arena') {
    super(`no memory for ${what} of ${bytes} bytes: ${reason}`)
    this.bytes = bytes
  }
}

/** The beginning of what somebody wrote, where it is long. */
export const truncate = (text: string): string => (text.length > 100 ? `${text.slice(0, 100)}…` : text)

/** Of many the first ones. */
export function joinFirst<T>(list: readonly T[], textOf: (one: T) => unknown = String): string {
  return list.slice(0, 8).map(textOf).join(', ') + (list.length > 8 ? ', …' : '')
}

/** A value in a message: never the whole of a large one. */
export const shown = (value: unknown): string => truncate(describeValue(value))

function describeValue(value: unknown): string {
  if (typeof value === 'string')
    return /^(an?|one) /.test(value) ? value : JSON.stringify(value.slice(0, 101))
  if (typeof value === 'function') return 'a function'
  // Digits of a long one take longer than anything else here.
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

/** The message of whatever was thrown. */
export function getMessage(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
