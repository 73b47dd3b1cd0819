/** `antigrad fit --ode`: models of differential equations in JSON files. This module loads the integrators. */

import { readFileSync, statSync } from 'node:fs'
import { AntigradError, getMessage, OptionError, truncate } from '../../core/errors.js'
import { ode } from '../../fits/odes/ode-model.js'
import type { OdeOptions } from '../../fits/odes/options.js'
import type { OdeFile } from '../../jobs/model.js'
import { decodeUtf8 } from '../../tables/utf8.js'

/** Maximum size of a file. A model with 10,000 doses has about 1 MB. */
const MAX_BYTES = 1 << 24
/** Maximum depth of nested objects and arrays. The arrays of an input have the depth 4. */
const MAX_DEPTH = 8

/** Names that would change the prototype of an object. */
const FORBIDDEN = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Reads the argument of `ode` from a JSON file.
 *
 * @throws AntigradError if the file cannot be read, or if it is not a model; the message names the file and the key
 */
export function readOdeFile(file: string): OdeFile {
  const fail = (problem: string): never => {
    throw new AntigradError(`${file}: ${problem}`)
  }
  const options = parseModel(readText(file, fail), fail)
  try {
    const model = ode(options as OdeOptions)
    const { time, names, observe, rowNames } = model.system.definition
    const observables = observe.size > 1 ? [...observe.keys()] : undefined
    return { model, text: file, time, names, observables, hasRowDoses: rowNames.size > 0 }
  } catch (thrown) {
    if (!(thrown instanceof AntigradError)) throw thrown
    return fail(thrown.message)
  }
}

function readText(file: string, fail: (problem: string) => never): string {
  try {
    const found = statSync(file)
    if (!found.isFile()) return fail('expected a file')
    if (found.size > MAX_BYTES)
      return fail(`expected a model of at most ${MAX_BYTES >> 20} MiB, got ${found.size} bytes`)
    return decodeUtf8(readFileSync(file))
  } catch (thrown) {
    if (thrown instanceof AntigradError) throw thrown
    return fail(getMessage(thrown))
  }
}

function parseModel(text: string, fail: (problem: string) => never): unknown {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (thrown) {
    return fail(`expected JSON: ${getMessage(thrown)}`)
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    return fail(`expected a JSON object with states, rates and observe, got ${describe(parsed)}`)
  checkKeys(parsed, fail)
  return parsed
}

/** Rejects names that would change a prototype, and objects that are nested too deeply. */
function checkKeys(parsed: object, fail: (problem: string) => never): void {
  const open: (readonly [value: object, path: string, depth: number])[] = [[parsed, '', 1]]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [value, path, depth] = next
    if (depth > MAX_DEPTH) fail(`${truncate(path)}: expected at most ${MAX_DEPTH} nested levels`)
    const isArray = Array.isArray(value)
    for (const [key, one] of Object.entries(value)) {
      const at = isArray ? `${path}[${key}]` : path === '' ? key : `${path}.${key}`
      if (!isArray && FORBIDDEN.has(key)) fail(`${truncate(at)}: expected another name`)
      if (typeof one === 'object' && one !== null) open.push([one, at, depth + 1])
    }
  }
}

const describe = (value: unknown) =>
  value === null ? 'null' : Array.isArray(value) ? 'an array' : `a ${typeof value}`

/** @throws OptionError if an option cannot be combined with `--ode` */
export function checkOdeOptions(options: Readonly<Record<string, unknown>>): void {
  for (const name of ['model', 'compare'] as const) {
    if (options[name] !== undefined) throw new OptionError(`--${name}`, 'no value with --ode', options[name])
  }
}
