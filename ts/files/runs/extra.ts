/** The additional JSON value of a checkpoint: written from a user's value, and read from a file. */

import { OptionError, truncate } from '../../core/errors.js'
import { parseJson } from '../../core/json.js'
import { isObject, readMember } from '../../core/untrusted-input.js'
import { FileError } from '../sources/errors.js'

/**
 * A value that JSON can represent. Numbers are finite. Properties that are undefined count as absent.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | string
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue | undefined }

/** Maximum nesting of arrays and objects. */
const MAX_DEPTH = 100
/**
 * Maximum number of characters of the JSON text. In UTF-8, this number of characters fits into a file's header of at
 * most 100 MB.
 */
const MAX_CHARACTERS = 30_000_000

const EXPECTED = 'null, a boolean, a finite number, a string, an array or a plain object'

/**
 * Writes a value as JSON. Each property is read once. Unlike `JSON.stringify`, the function keeps −0 and throws an
 * error for values that JSON cannot represent.
 *
 * @param what name of the value in messages
 * @throws OptionError that names the part of the value
 */
export function writeExtra(what: string, given: unknown): string {
  const path: (string | number)[] = []
  const parents: object[] = []
  let text = ''

  const fail = (expected: string, value: unknown, hint?: string): never => {
    const place = path.map((key) => (typeof key === 'number' ? `[${key}]` : `.${key}`)).join('')
    throw new OptionError(`${what}${truncate(place)}`, expected, value, hint)
  }
  const emit = (part: string) => {
    text += part
    checkLength(text.length)
  }
  const checkLength = (length: number) => {
    if (length > MAX_CHARACTERS) fail(`at most ${MAX_CHARACTERS} characters of JSON in all`, length)
  }
  const writeMember = (key: string | number, value: unknown) => {
    path.push(key)
    write(value)
    path.pop()
  }

  const write = (value: unknown): void => {
    if (typeof value === 'string') {
      checkLength(text.length + value.length)
      emit(JSON.stringify(value))
    } else if (value === null || typeof value === 'boolean' || Number.isFinite(value)) {
      emit(Object.is(value, -0) ? '-0' : `${value}`)
    } else writeNested(value)
  }

  const writeNested = (value: unknown) => {
    const isArray = Array.isArray(value)
    if (!isArray && !isPlain(value)) return fail(EXPECTED, value, adviceFor(value))
    if (parents.includes(value)) fail('a value without cycles', value)
    if (parents.length >= MAX_DEPTH) fail(`at most ${MAX_DEPTH} levels of nesting`, value)
    parents.push(value)
    if (isArray) writeArray(value)
    else writeObject(value)
    parents.pop()
  }

  const writeArray = (values: readonly unknown[]) => {
    const { length } = values
    // Each element takes at least two characters of JSON, and a sparse array may have billions of elements.
    checkLength(text.length + 2 * length)
    for (let i = 0; i < length; i++) {
      emit(i === 0 ? '[' : ',')
      writeMember(i, values[i])
    }
    emit(length === 0 ? '[]' : ']')
  }

  const writeObject = (values: object) => {
    let front = '{'
    for (const key of Object.keys(values)) {
      const value = (values as Readonly<Record<string, unknown>>)[key]
      if (value === undefined) continue
      // If other code copied this property by assignment, the prototype would change.
      if (key === '__proto__') fail('another key than __proto__', key)
      checkLength(text.length + key.length)
      emit(`${front}${JSON.stringify(key)}:`)
      writeMember(key, value)
      front = ','
    }
    emit(front === '{' ? '{}' : '}')
  }

  write(given)
  return text
}

/** Whether the value is an object literal, of any realm, or an object without a prototype. */
function isPlain(value: unknown): value is object {
  if (!isObject(value)) return false
  const prototype = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function adviceFor(value: unknown): string {
  if (ArrayBuffer.isView(value)) return ': Array.from converts a typed array'
  if (isObject(value) && typeof readMember(value, 'save') === 'function') return ': pass the result of save()'
  if (typeof value === 'number') return ': only metrics may be NaN or infinite; null stands for no number'
  return typeof value === 'bigint' ? ': String converts a bigint' : ''
}

/** Reads the text of {@link writeExtra}. @throws FileError if {@link writeExtra} cannot have written the text */
export function readExtra(what: string, text: string): JsonValue {
  try {
    const value = parseJson(text, { deepest: MAX_DEPTH })
    // A text may contain numbers that overflow, or keys that objects must not have.
    writeExtra(what, value)
    return value as JsonValue
  } catch (error) {
    if (error instanceof OptionError) throw new FileError(error.argument, error.expected, error.received)
    if (!(error instanceof SyntaxError)) throw error
    throw new FileError(what, `JSON with at most ${MAX_DEPTH} levels of nesting`, text)
  }
}
