/** Saved runs as they come back: read once, and checked. */

import { readTensorClip } from '../gradients/clip.js'
import { brief, CheckpointError, some } from '../ground/errors.js'
import { isNumbered, isObject, listOf, ownProperties, recordOf } from '../ground/given.js'
import type { Dtype, FloatArray } from '../ground/numbers.js'
import { isNonNegative, isPositive } from '../ground/numbers.js'
import { expectedDimensions, readDimensions, setOwn } from '../ground/tensors.js'
import { isDetached, isFloatArray, lengthOf, typeOf } from '../ground/typed-arrays.js'
import type { Clock } from '../model/cohorts.js'
import { expectedShapes, Groups } from '../model/groups.js'
import { type Around, readAround } from '../model/options.js'
import type { RestoredTensor } from '../model/restored.js'
import type { Fields } from '../rules/define.js'
import { inUse, RuleInUse } from '../rules/in-use.js'
import { fitting, type Resolved, resolve, wholeRule } from '../rules/resolve.js'
import { equationsOf, VERSION } from './write.js'

/** A saved run, checked. */
export interface Restored {
  readonly dtype: Dtype
  /** The parameters, in their shape. */
  readonly params: unknown
  readonly rule: object
  readonly shared: Fields
  readonly base: Resolved
  readonly groups: Groups | null
  readonly around: Around
  readonly updates: number
  readonly batches: number
  readonly skips: number
  readonly tensors: ReadonlyMap<string, RestoredTensor>
  /** What has changed since; empty where the equations are the same. */
  readonly warnings: readonly string[]
}

type Bag = Readonly<Record<string, unknown>>

function fail(tensor: string | null, expected: string, received: string): never {
  throw new CheckpointError([{ tensor, expected, received }])
}

function open(given: unknown, tensor: string | null, what: string): Bag {
  if (!isObject(given) || isNumbered(given)) fail(tensor, what, show(given))
  return ownProperties(given)
}

/**
 * Reads a saved run. Code of the user's may run here: afterwards `checkArrays` says whether arrays are still
 * as they were.
 *
 * @throws CheckpointError where it is none, or one of another version; OptionError where a rule or option in
 * it is none
 */
export function readSaved(given: unknown): Restored {
  const saved = open(given, null, 'what save() returns')
  if (saved.format !== 'antigrad') fail(null, 'what save() returns', `the format ${show(saved.format)}`)
  const { version } = saved
  if (version !== 1 && version !== VERSION) fail(null, `version 1 or ${VERSION} of the format`, show(version))
  const { dtype } = saved
  if (dtype !== 'float32' && dtype !== 'float64') fail(null, 'float32 or float64', show(dtype))
  const base = resolve(saved.rule, 'saved: rule')
  const around = readAround(open(saved.options, null, 'options'))
  const tensors = new Map<string, RestoredTensor>()
  const entries = Object.entries(open(saved.tensors, null, 'tensors by name'))
  for (const [name, tensor] of entries) tensors.set(name, readTensor(name, tensor, dtype, around, version))
  const params = readStructure(saved.structure, tensors, new Set(tensors.keys()))
  const uses = [...tensors.values()].map(({ resolved }) => resolved)
  const groups = saved.groups === null ? null : Groups.read('groups', saved.groups)
  const shapeless = (groups ?? Groups.none).shapeless(base, tensors.values())
  if (shapeless !== undefined) fail(null, `shapes: ${expectedShapes(shapeless)}`, 'none')
  return {
    dtype,
    params,
    rule: wholeRule(base),
    shared: readShared(saved.shared, null, base, version),
    base,
    groups,
    around,
    updates: count(saved.updates, 'updates'),
    batches: count(saved.batches, 'batches', around.accumulate.batches - 1),
    skips: count(saved.skips, 'skips'),
    tensors,
    warnings: warningsOf(open(saved.equations, null, 'equations'), uses),
  }
}

function count(given: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  const isRight = Number.isSafeInteger(given) && (given as number) >= 0 && (given as number) <= most
  // Not −0.
  return isRight
    ? (given as number) + 0
    : fail(null, `${what}: a whole number from 0 to ${most}`, show(given))
}

const show = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(brief(value))
    : typeof value === 'number'
      ? `${value}`
      : Array.isArray(value)
        ? `a list of ${value.length}`
        : typeof value

function readTensor(
  name: string,
  given: unknown,
  dtype: Dtype,
  around: Around,
  version: number,
): RestoredTensor {
  const saved = open(given, name, 'a saved tensor')
  const rule = resolve(saved.rule, `saved: ${brief(name)}: rule`)
  const resolved = { ...rule, ...readOwn(saved, name, rule) }
  const type = dtype === 'float32' ? 'Float32Array' : 'Float64Array'
  const arrays: [FloatArray, number][] = []
  const array = (value: unknown, what: string, length?: number): FloatArray => {
    if (isFloatArray(value) && typeOf(value) === type && !isDetached(value)) {
      const found = lengthOf(value)
      if (length === undefined || found === length) {
        arrays.push([value, found])
        return value
      }
    }
    const expected = `${what}: a ${type}${length === undefined ? '' : ` of length ${length}`}`
    return fail(
      name,
      expected,
      isFloatArray(value) ? `a ${typeOf(value)} of length ${lengthOf(value)}` : show(value),
    )
  }
  const params = array(saved.params, 'params')
  const [[, length]] = arrays
  const shape = readShape(saved.shape, name, length)
  if (fitting(resolved, shape) !== resolved)
    fail(name, `a shape of a matrix for ${resolved.rule.name}`, show(shape))
  const isFrozen = saved.frozen
  if (typeof isFrozen !== 'boolean') fail(name, 'frozen: true or false', show(isFrozen))
  const use = new RuleInUse(resolved)
  const names = isFrozen ? [] : use.state
  const state = exactly(saved.state, name, 'state', names, (value, what) =>
    array(value, what, use.lengthOf(what.slice('state: '.length), shape, length)),
  )
  const byTensor = exactly(saved.byTensor, name, 'byTensor', isFrozen ? [] : use.byTensor, (value, what) =>
    typeof value === 'number' ? value : fail(name, `${what}: a number`, show(value)),
  )
  const clockNames = ['t', ...Object.keys(use.definition.clock)]
  const clock = exactly(saved.clock ?? {}, name, 'clock', isFrozen ? [] : clockNames, (value, what) => {
    if (what === 'clock: t') return count(value, `${brief(name)}: ${what}`)
    // A product, which begins as 1, only falls; what begins as 0 is a sum, a rate or made of gradients.
    const isProduct = use.definition.clock[what.slice('clock: '.length)] === 1
    if (!isProduct && typeof value === 'number') return value
    return isNonNegative(value) ? value : fail(name, `${what}: a finite number ≥ 0`, show(value))
  })
  const wanted = (value: unknown, what: string, isWanted: boolean): Bag | null => {
    if (isWanted === (value !== null)) return isWanted ? open(value, name, what) : null
    return fail(name, isWanted ? what : `no ${what}, as the options do not ask for it`, show(value))
  }
  const average = wanted(saved.average, 'average', around.average !== null)
  const accumulated = wanted(saved.accumulated, 'accumulated', around.accumulate.batches > 1)
  const isGathered = accumulated === null ? false : accumulated.present
  if (typeof isGathered !== 'boolean') {
    fail(name, 'accumulated: present: true or false', show(isGathered))
  }
  const hasSlow = around.lookahead !== null
  if (!hasSlow && saved.slow !== null)
    fail(name, 'no slow, as the options do not ask for it', show(saved.slow))
  return {
    shape,
    length,
    resolved,
    isFrozen,
    groups: readNumbers(saved.groups, name),
    clock: isFrozen ? null : (clock as Clock),
    shared: readShared(saved.shared, name, resolved, version),
    params,
    state,
    byTensor,
    average: average && array(average.values, 'average: values', length),
    averaged: average && {
      count: count(average.count, `${brief(name)}: average: count`),
      product: fraction(average.product, name),
    },
    slow: hasSlow ? array(saved.slow, 'slow', length) : null,
    accumulated: accumulated && array(accumulated.values, 'accumulated: values', length),
    arrays,
    isGathered,
  }
}

/** What groups gave its rule. */
function readOwn(
  { own, lrScale, clip }: Bag,
  name: string,
  { definition: { options } }: Resolved,
): Pick<Resolved, 'groupOptions' | 'lrScale' | 'clip'> {
  if (!isPositive(lrScale)) {
    fail(name, 'lrScale: a finite number > 0', show(lrScale))
  }
  const names = listOf(own, Object.keys(options).length) ?? null
  if (own === null || names?.every((name) => typeof name === 'string' && Object.hasOwn(options, name))) {
    const limits = clip === undefined ? null : readTensorClip(`saved: ${brief(name)}: clip`, clip)
    return { groupOptions: names as readonly string[] | null, lrScale, clip: limits }
  }
  return fail(name, "own: a list of its rule's options, or null", show(own))
}

function readNumbers(given: unknown, name: string): readonly number[] {
  const list = listOf(given) ?? fail(name, 'groups: a list', show(given))
  return Object.freeze(list.map((k) => count(k, `${brief(name)}: groups`)))
}

/** Version 1 had it in clocks alone, of which a rule takes it then. */
function readShared(given: unknown, name: string | null, { definition }: Resolved, version: number): Fields {
  if (version === 1) return definition.shared
  return exactly(given, name, 'shared', Object.keys(definition.shared), (value, what) =>
    // It was made of gradients, which may be anything.
    typeof value === 'number' ? value : fail(name, `${what}: a number`, show(value)),
  )
}

function fraction(given: unknown, name: string): number {
  const isFraction = typeof given === 'number' && given >= 0 && given <= 1
  return isFraction ? given : fail(name, 'average: product: a number in [0, 1]', show(given))
}

/** A record that has these names and no others. */
function exactly<T>(
  given: unknown,
  tensor: string | null,
  what: string,
  names: readonly string[],
  read: (value: unknown, what: string) => T,
): Record<string, T> {
  const bag = open(given, tensor, what)
  const found = Object.keys(bag)
  if (found.length !== names.length || !names.every((name) => Object.hasOwn(bag, name))) {
    fail(tensor, `${what}: ${names.join(', ') || 'nothing'}`, some(found, brief) || 'nothing')
  }
  return recordOf(names, (name) => read(bag[name], `${what}: ${name}`))
}

function readShape(given: unknown, name: string, length: number): readonly number[] | undefined {
  if (given === null) return undefined
  return readDimensions(given, length) ?? fail(name, `shape: ${expectedDimensions(length)}`, show(given))
}

/** The parameters in the shape of their names; each of these is there once. */
function readStructure(
  given: unknown,
  tensors: Restored['tensors'],
  names: Set<string>,
  seen = new Set<unknown>(),
  path = '',
  depth = 0,
): unknown {
  if (typeof given === 'string') {
    if (given !== path || !names.delete(given)) fail(null, `a structure with ${brief(path)}`, show(given))
  } else if (depth > 100 || !isObject(given)) {
    fail(null, 'a structure of names', show(given))
  }
  // Lists that are in one another twice each would take forever.
  if (typeof given === 'object' && seen.has(given))
    fail(null, 'a tree', 'a structure in which a part is twice')
  seen.add(given)
  const inner = (key: string) => (path === '' ? key : `${path}.${key}`)
  const read = (child: unknown, key: string) =>
    readStructure(child, tensors, names, seen, inner(key), depth + 1)
  let params: unknown = tensors.get(path)?.params
  const children = listOf(given)
  if (children !== undefined) params = children.map((child, i) => read(child, `${i}`))
  else if (typeof given === 'object') {
    if (isNumbered(given as object)) fail(null, 'a structure of names', show(given))
    const record: Record<string, unknown> = {}
    for (const [key, child] of Object.entries(given as object)) setOwn(record, key, read(child, key))
    params = record
  }
  if (depth === 0 && names.size > 0)
    fail(null, 'a structure with all tensors', `one without ${brief([...names][0])}`)
  return params
}

/**
 * Nothing of the user's may run from here on.
 *
 * @throws CheckpointError where an array was transferred, or has shrunk, since it was read
 */
export function checkArrays({ tensors }: Restored): void {
  for (const [name, { arrays }] of tensors) {
    for (const [array, length] of arrays) {
      const isWhole = lengthOf(array) === length && !isDetached(array)
      if (!isWhole) fail(name, `an array of length ${length}`, `one of length ${lengthOf(array)} by now`)
    }
  }
}

function warningsOf(equations: Bag, resolved: readonly Resolved[]): string[] {
  const uses: RuleInUse[] = []
  for (const one of resolved) inUse(one, uses)
  const changed = Object.entries(equationsOf(uses)).filter(([name, source]) => equations[name] !== source)
  if (changed.length === 0) return []
  const names = changed.map(([name]) => name).join(', ')
  return [
    `antigrad: the equations of ${names} have changed since this run was saved: it goes on, but not to the same bits`,
  ]
}
