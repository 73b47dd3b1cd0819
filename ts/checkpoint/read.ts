/** Reads and validates saved runs. Each property of a saved run is read only once. */

import { ACCUMULATED, AVERAGE, PARAMETERS, SLOW } from '../arena/manifest.js'
import { CheckpointError, joinFirst, OptionError, shown, truncate } from '../core/errors.js'
import type { Dtype, FloatArray } from '../core/numbers.js'
import { isNonNegative, isPositive } from '../core/numbers.js'
import { expectedDimensions, readDimensions, setOwn } from '../core/tensors.js'
import { getTypeName, isDetached, isFloatArray, readLength } from '../core/typed-arrays.js'
import {
  createRecord,
  isArrayLike,
  isObject,
  ownProperties,
  toBoundedArray,
} from '../core/untrusted-input.js'
import { extensions } from '../extensions.js'
import { readTensorClip } from '../gradients/clip.js'
import type { UpdateCounter } from '../model/cohorts.js'
import { Groups, shapesExpected } from '../model/groups.js'
import { readStepOptions, type StepOptions } from '../model/options.js'
import type { RestoredTensor } from '../model/restored-tensor.js'
import { findOrAddRule, type RuleInUse, type Uses } from '../rules/active-rule.js'
import type { CounterFields } from '../rules/define.js'
import { addDelay, type ResolvedRule, resolve, selectForShape } from '../rules/resolve.js'
import { renamer } from './rename.js'
import { equationHashes, VERSION } from './write.js'

/** A validated saved run. */
export interface RestoredRun {
  readonly dtype: Dtype
  /** The parameters in the user's structure. */
  readonly params: unknown
  readonly rule: object
  readonly shared: CounterFields
  readonly base: ResolvedRule
  readonly groups: Groups | null
  readonly around: StepOptions
  readonly updates: number
  readonly batches: number
  readonly skips: number
  readonly tensors: ReadonlyMap<string, RestoredTensor>
  /** Warnings about equations that have changed since the run was saved. */
  readonly warnings: readonly string[]
}

type UntrustedObject = Readonly<Record<string, unknown>>

function throwMismatch(tensor: string | null, expected: string, received: string): never {
  throw new CheckpointError([{ tensor, expected, received }])
}

function open(given: unknown, tensor: string | null, what: string): UntrustedObject {
  if (!isObject(given) || isArrayLike(given)) throwMismatch(tensor, what, shown(given))
  return ownProperties(given)
}

/**
 * Reads a saved run. Getters, which are user code, can run during this call. After the call, `confirm` checks whether
 * the arrays are unchanged.
 *
 * @param rename new names of the tensors, as in `LoadOptions`
 * @param keepsNests whether new names must keep the structure of the arrays and objects
 * @throws CheckpointError if the value is not a saved run of this version; OptionError if it contains an invalid rule,
 * option or name
 */
export function readSaved(given: unknown, rename: unknown, keepsNests: boolean): RestoredRun {
  const saved = open(given, null, 'what save() returns')
  if (saved.format !== 'antigrad')
    throwMismatch(null, 'what save() returns', `the format ${shown(saved.format)}`)
  if (saved.version !== VERSION)
    throwMismatch(null, `version ${VERSION}, the only readable version`, shown(saved.version))
  const { dtype } = saved
  if (dtype !== 'float32' && dtype !== 'float64') throwMismatch(null, 'float32 or float64', shown(dtype))
  const base = resolve(saved.rule, 'saved: rule')
  const around = readStepOptions(open(saved.options, null, 'options'))
  const tensors = new Map<string, RestoredTensor>()
  const bag = open(saved.tensors, null, 'tensors by name')
  // In most runs, all tensors have the same rule object.
  const rules = new Map([[saved.rule, base]])
  const uses: Uses = new Map()
  const nameOf = renamer(rename, bag)
  const renames = new Map<string, string>()
  for (const name of Object.keys(bag)) {
    const to = nameOf(name)
    if (typeof to !== 'string' || tensors.has(to))
      throw new OptionError(`rename: ${name}`, 'a unique name', to)
    renames.set(name, to)
    tensors.set(to, readTensor(name, bag[name], dtype, around, rules, uses))
  }
  const groups = saved.groups === null ? null : Groups.read('groups', saved.groups)
  const shapeless = (groups ?? Groups.none).shapeless(base, tensors.values())
  if (shapeless !== undefined) throwMismatch(null, `shapes: ${shapesExpected(shapeless)}`, 'none')
  return {
    dtype,
    params: readStructure(saved.structure, tensors, renames, keepsNests),
    rule: addDelay(base),
    shared: readShared(saved.shared, null, base),
    base,
    groups,
    around,
    updates: count(saved.updates, 'updates'),
    batches: count(saved.batches, 'batches', around.accumulate.batches - 1),
    skips: count(saved.consecutiveSkips, 'consecutiveSkips'),
    tensors,
    warnings: collectWarnings(open(saved.equations, null, 'equations'), uses),
  }
}

function count(given: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  const isRight = Number.isSafeInteger(given) && (given as number) >= 0 && (given as number) <= most
  // The value −0 is not accepted.
  return isRight
    ? (given as number) + 0
    : throwMismatch(null, `${what}: an integer from 0 to ${most}`, shown(given))
}

function readTensor(
  name: string,
  given: unknown,
  dtype: Dtype,
  around: StepOptions,
  rules: Map<unknown, ResolvedRule>,
  uses: Uses,
): RestoredTensor {
  const saved = open(given, name, 'a saved tensor')
  const rule = rules.get(saved.rule) ?? resolve(saved.rule, `saved: ${truncate(name)}: rule`)
  rules.set(saved.rule, rule)
  const use = findOrAddRule({ ...rule, ...readOwn(saved, name, rule) }, uses)
  const { resolved } = use
  const type = dtype === 'float32' ? 'Float32Array' : 'Float64Array'
  const arrays: [FloatArray, number][] = []
  const array = (value: unknown, what: string, length?: number): FloatArray => {
    if (isFloatArray(value) && getTypeName(value) === type && !isDetached(value)) {
      const found = readLength(value)
      if (length === undefined || found === length) {
        arrays.push([value, found])
        return value
      }
    }
    const expected = `${what}: a ${type}${length === undefined ? '' : ` of length ${length}`}`
    return throwMismatch(name, expected, shown(value))
  }
  const params = array(saved.params, 'params')
  const [[, length]] = arrays
  const shape = readShape(saved.shape, name, length)
  if (selectForShape(resolved, shape) !== resolved)
    throwMismatch(name, `a shape of a matrix for ${resolved.rule.name}`, shown(shape))
  const isFrozen = boolean(saved.frozen, name, 'frozen')
  const exact = <T>(what: string, names: readonly string[], read: ReadField<T>, given = saved[what]) =>
    readExactFields(given, name, what, isFrozen ? [] : names, read)
  const state = exact('state', use.state, (value, what, key) =>
    array(value, what, use.lengthOf(key, shape, length)),
  )
  const byTensor = exact('byTensor', use.byTensor, numberReader(name))
  const clockNames = ['t', ...Object.keys(use.definition.clock)]
  const clock = exact('clock', clockNames, clockReader(name, use), saved.clock ?? {})
  const planes: [number, FloatArray][] = [[PARAMETERS, params]]
  const wanted = <T>(what: string, isWanted: boolean, read: (value: unknown) => T): T | null => {
    if (isWanted) return read(saved[what])
    return saved[what] === null
      ? null
      : throwMismatch(name, `no ${what}, as the options do not ask for it`, shown(saved[what]))
  }
  /** Reads an array of a tensor from a property of an object. */
  const inBag = (plane: number, what: string) => (value: unknown) => {
    const bag = open(value, name, what)
    planes.push([plane, array(bag.values, `${what}: values`, length)])
    return bag
  }
  const average = wanted('average', around.average !== null, inBag(AVERAGE, 'average'))
  const isAccumulating = around.accumulate.batches > 1
  const accumulated = wanted('accumulated', isAccumulating, inBag(ACCUMULATED, 'accumulated'))
  wanted('slow', around.lookahead !== null, (value) => planes.push([SLOW, array(value, 'slow', length)]))
  return {
    shape,
    length,
    use,
    resolved,
    isFrozen,
    groups: readNumbers(saved.groups, name),
    clock: isFrozen ? null : (clock as UpdateCounter),
    shared: readShared(saved.shared, name, resolved),
    params,
    state,
    byTensor,
    planes,
    averaged: average && {
      count: count(average.count, `${truncate(name)}: average: count`),
      product: fraction(average.product, name),
    },
    arrays,
    gathered:
      accumulated !== null &&
      (extensions.rows?.readSaved(accumulated.present, shape, use, around.clip.byTensor) ??
        boolean(accumulated.present, name, 'accumulated: present')),
  }
}

/** Reads a field of a rule's clock. */
const clockReader =
  (name: string, { definition, rule }: RuleInUse): ReadField<number> =>
  (value, what, key) => {
    if (key === 't') return count(value, `${truncate(name)}: ${what}`)
    // A product starts at 1 and stays nonnegative. A counter that starts at 0, or that belongs to a custom rule, can be
    // any number.
    const isFree = definition.clock[key] !== 1 || (rule as { equations?: object }).equations
    if (isFree && typeof value === 'number') return value
    return isNonNegative(value) ? value : throwMismatch(name, `${what}: a finite number ≥ 0`, shown(value))
  }

/** Reads the names of the rule options that groups have set. */
function readOwn(
  { own, lrScale, clip }: UntrustedObject,
  name: string,
  { definition: { options } }: ResolvedRule,
): Pick<ResolvedRule, 'groupOptions' | 'lrScale' | 'clip'> {
  if (!isPositive(lrScale)) {
    throwMismatch(name, 'lrScale: a finite number > 0', shown(lrScale))
  }
  const names = toBoundedArray(own, Object.keys(options).length) ?? null
  if (own === null || names?.every((name) => typeof name === 'string' && Object.hasOwn(options, name))) {
    const limits = clip === undefined ? null : readTensorClip(`saved: ${truncate(name)}: clip`, clip)
    return { groupOptions: names as readonly string[] | null, lrScale, clip: limits }
  }
  return throwMismatch(name, "own: a list of its rule's options, or null", shown(own))
}

function readNumbers(given: unknown, name: string): readonly number[] {
  const list = toBoundedArray(given) ?? throwMismatch(name, 'groups: a list', shown(given))
  return Object.freeze(list.map((k) => count(k, `${truncate(name)}: groups`)))
}

/**
 * Reads the values that all tensors of a rule share. Values that were computed from gradients may be NaN.
 */
function readShared(given: unknown, name: string | null, { definition }: ResolvedRule): CounterFields {
  return readExactFields(given, name, 'shared', Object.keys(definition.shared), numberReader(name))
}

const numberReader =
  (tensor: string | null) =>
  (value: unknown, what: string): number =>
    typeof value === 'number' ? value : throwMismatch(tensor, `${what}: a number`, shown(value))

const boolean = (value: unknown, tensor: string, what: string): boolean =>
  typeof value === 'boolean' ? value : throwMismatch(tensor, `${what}: true or false`, shown(value))

function fraction(given: unknown, name: string): number {
  const isFraction = typeof given === 'number' && given >= 0 && given <= 1
  return isFraction ? given : throwMismatch(name, 'average: product: a number in [0, 1]', shown(given))
}

/** Reads an object that must have exactly these property names. */
function readExactFields<T>(
  given: unknown,
  tensor: string | null,
  what: string,
  names: readonly string[],
  read: ReadField<T>,
): Record<string, T> {
  const bag = open(given, tensor, what)
  const found = Object.keys(bag)
  if (found.length !== names.length || !names.every((name) => Object.hasOwn(bag, name))) {
    throwMismatch(
      tensor,
      `${what}: ${names.join(', ') || 'nothing'}`,
      joinFirst(found, truncate) || 'nothing',
    )
  }
  return createRecord(names, (name) => read(bag[name], `${what}: ${name}`, name))
}

type ReadField<T> = (value: unknown, what: string, name: string) => T

function readShape(given: unknown, name: string, length: number): readonly number[] | undefined {
  if (given === null) return undefined
  return (
    readDimensions(given, length) ?? throwMismatch(name, `shape: ${expectedDimensions(length)}`, shown(given))
  )
}

/**
 * Builds the parameters in the structure of the tensor names. Each tensor name must occur exactly once. Renaming
 * changes the keys of arrays and objects, but does not change their structure.
 *
 * @param keepsNests whether an error is thrown if the new names require another structure
 */
function readStructure(
  structure: unknown,
  tensors: RestoredRun['tensors'],
  renames: ReadonlyMap<string, string>,
  keepsNests: boolean,
): unknown {
  const left = new Set(renames.keys())
  const seen = new Set<unknown>()
  /** Returns the parameters below a path, and the common prefix of the names of these parameters. */
  const walk = (given: unknown, path: string, depth: number): readonly [params: unknown, name: string] => {
    if (typeof given === 'string') {
      if (given !== path || !left.delete(given))
        throwMismatch(null, `a structure with ${truncate(path)}`, shown(given))
      const name = renames.get(path) as string
      return [tensors.get(name)?.params, name]
    }
    const children = toBoundedArray(given) ?? given
    const isList = children !== given
    const isNest = isObject(given) && (isList || !isArrayLike(given))
    if (depth > 99 || !isNest) throwMismatch(null, 'a structure of names', shown(given))
    // Without this check, nested arrays that contain the same array twice per level would take exponential time.
    if (seen.has(given)) throwMismatch(null, 'a tree', 'a part twice')
    seen.add(given)
    const params: Record<string, unknown> = isList ? ([] as never) : {}
    let front: string | undefined
    for (const [key, child] of Object.entries(children as object)) {
      const inner = path === '' ? key : `${path}.${key}`
      const [value, name] = walk(child, inner, depth + 1)
      const parts = name.split('.')
      // A key may contain dots. A key at the top level is the whole name.
      const own = parts.splice(path === '' ? 0 : -key.split('.').length).join('.')
      const rest = parts.join('.')
      front ??= rest
      const isPlaced = path === '' || (parts.length > 0 && front === rest)
      if (keepsNests && (!isPlaced || (isList ? own !== key : Object.hasOwn(params, own))))
        throw new OptionError(`rename: ${inner}`, 'a name with the prefix of its siblings', name)
      setOwn(params, own, value)
    }
    return [params, front ?? path]
  }
  const [params] = walk(structure, '', 0)
  for (const name of left)
    throwMismatch(null, 'a structure with all tensors', `one without ${truncate(name)}`)
  return params
}

/**
 * Checks that the arrays have not changed since they were read, and emits the warnings. No user code may run after this
 * function has been called.
 *
 * @throws CheckpointError if an array was transferred or has shrunk since it was read
 */
export function confirm({ tensors, warnings }: RestoredRun, onWarning: (message: string) => void): void {
  for (const warning of warnings) onWarning(warning)
  for (const [name, { arrays }] of tensors) {
    for (const [array, length] of arrays) {
      const isWhole = readLength(array) === length && !isDetached(array)
      if (!isWhole)
        throwMismatch(name, `an array of length ${length}`, `one of length ${readLength(array)} by now`)
    }
  }
}

function collectWarnings(equations: UntrustedObject, uses: Uses): string[] {
  const sources = Object.entries(equationHashes([...uses.values()]))
  const changed = sources.filter(([name, source]) => equations[name] !== source)
  if (changed.length === 0) return []
  const names = changed.map(([name]) => name).join(', ')
  return [`antigrad: the equations of ${names} have changed since this run was saved: further bits differ`]
}
