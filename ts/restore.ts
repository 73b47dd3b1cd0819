/** Saved runs as they come back: read once, checked, compared, and only then used. */

import type { Dtype } from './arena.js'
import type { Clock } from './cohorts.js'
import { CheckpointError, type Difference } from './errors.js'
import { type Assignment, Groups } from './groups.js'
import { ACCUMULATED, AVERAGE, PARAMETERS, SLOW } from './manifest.js'
import type { Model } from './model.js'
import { type Around, checkAround } from './options.js'
import type { Averaged, Tensor } from './part.js'
import { inUse, RuleInUse } from './rules/in-use.js'
import type { FloatArray } from './rules/kernel.js'
import { type Resolved, resolve, wholeRule } from './rules/resolve.js'
import { equationsOf, type Structure, VERSION } from './saved.js'
import type { Steps } from './steps.js'
import { setOwn } from './tensors.js'
import { bufferOf, isDetached, isFloatArray, lengthOf, typeOf } from './typed-arrays.js'

/** A tensor of a saved run, checked. */
export interface RestoredTensor extends Assignment {
  readonly shape: readonly number[] | undefined
  readonly clock: Clock | null
  readonly params: FloatArray
  readonly state: Readonly<Record<string, FloatArray>>
  readonly byTensor: Readonly<Record<string, number>>
  readonly average: FloatArray | null
  readonly averaged: Averaged | null
  readonly slow: FloatArray | null
  readonly accumulated: FloatArray | null
  readonly isGathered: boolean
}

/** A saved run, checked. */
export interface Restored {
  readonly dtype: Dtype
  readonly structure: Structure
  readonly rule: object
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

/** Each property read once. */
function open(given: unknown, tensor: string | null, what: string): Bag {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || ArrayBuffer.isView(given)) {
    fail(tensor, what, Array.isArray(given) ? 'a list' : typeof given)
  }
  return { ...given }
}

/**
 * Reads a saved run. Code of the user's may run here, and nowhere later.
 *
 * @throws CheckpointError where it is none, or one of another version; OptionError where a rule or option in
 * it is none
 */
export function readSaved(given: unknown): Restored {
  const saved = open(given, null, 'what save() returns')
  if (saved.format !== 'antigrad') fail(null, 'what save() returns', `the format ${show(saved.format)}`)
  if (saved.version !== VERSION) fail(null, `version ${VERSION} of the format`, show(saved.version))
  const { dtype } = saved
  if (dtype !== 'float32' && dtype !== 'float64') fail(null, 'float32 or float64', show(dtype))
  const base = resolve(saved.rule, 'saved: rule')
  const around = checkAround(open(saved.options, null, 'options'))
  const tensors = new Map<string, RestoredTensor>()
  const entries = Object.entries(open(saved.tensors, null, 'tensors by name'))
  for (const [name, tensor] of entries) tensors.set(name, readTensor(name, tensor, dtype, around))
  const structure = readStructure(saved.structure, new Set(tensors.keys()))
  const uses = [...tensors.values()].map(({ resolved }) => resolved)
  return {
    dtype,
    structure,
    rule: wholeRule(base),
    base,
    groups: saved.groups === null ? null : Groups.read(saved.groups),
    around,
    updates: count(saved.updates, 'updates'),
    batches: count(saved.batches, 'batches', around.accumulate.batches - 1),
    skips: count(saved.skips, 'skips'),
    tensors,
    warnings: warningsOf(open(saved.equations, null, 'equations'), uses),
  }
}

function count(given: unknown, what: string, most = Number.MAX_SAFE_INTEGER): number {
  const isCount = Number.isSafeInteger(given) && (given as number) >= 0 && (given as number) <= most
  return isCount ? (given as number) : fail(null, `${what}: a whole number from 0 to ${most}`, show(given))
}

const show = (value: unknown): string =>
  typeof value === 'string'
    ? JSON.stringify(value.slice(0, 100))
    : typeof value === 'number'
      ? `${value}`
      : typeof value

function readTensor(name: string, given: unknown, dtype: Dtype, around: Around): RestoredTensor {
  const saved = open(given, name, 'a saved tensor')
  const resolved = { ...resolve(saved.rule, `saved: ${name}: rule`), ...readOwn(saved, name) }
  const type = dtype === 'float32' ? 'Float32Array' : 'Float64Array'
  const array = (value: unknown, what: string, length?: number): FloatArray => {
    if (isFloatArray(value) && typeOf(value) === type && !isDetached(value)) {
      if (length === undefined || lengthOf(value) === length) return value
    }
    const expected = `${what}: a ${type}${length === undefined ? '' : ` of length ${length}`}`
    return fail(
      name,
      expected,
      isFloatArray(value) ? `a ${typeOf(value)} of length ${lengthOf(value)}` : show(value),
    )
  }
  const params = array(saved.params, 'params')
  const length = lengthOf(params)
  const isFrozen = saved.frozen
  if (typeof isFrozen !== 'boolean') fail(name, 'frozen: true or false', show(isFrozen))
  const shape = readShape(saved.shape, name, length)
  const use = new RuleInUse(resolved, shape)
  const names = isFrozen ? [] : use.state
  const state = exactly(saved.state, name, 'state', names, (value, what, key) =>
    array(value, what, use.lengthOf(key, shape, length)),
  )
  const byTensor = exactly(saved.byTensor, name, 'byTensor', isFrozen ? [] : use.byTensor, (value, what) =>
    typeof value === 'number' ? value : fail(name, `${what}: a number`, show(value)),
  )
  const clockNames = ['t', ...Object.keys(use.definition.clock)]
  const clock = exactly(saved.clock ?? {}, name, 'clock', isFrozen ? [] : clockNames, (value, what) =>
    typeof value === 'number' ? value : fail(name, `${what}: a number`, show(value)),
  )
  if (!isFrozen) count(clock.t, `${name}: clock: t`)
  const wanted = (value: unknown, what: string, isWanted: boolean): Bag | null => {
    if (isWanted === (value !== null)) return isWanted ? open(value, name, what) : null
    return fail(name, isWanted ? what : `no ${what}, as the options do not ask for it`, show(value))
  }
  const average = wanted(saved.average, 'average', around.average !== null)
  const accumulated = wanted(saved.accumulated, 'accumulated', around.accumulate.batches > 1)
  const hasSlow = around.lookahead !== null
  if (!hasSlow && saved.slow !== null)
    fail(name, 'no slow, as the options do not ask for it', show(saved.slow))
  return {
    shape,
    resolved,
    isFrozen,
    groups: Array.isArray(saved.groups)
      ? saved.groups.map((k) => count(k, `${name}: groups`))
      : fail(name, 'groups: a list', show(saved.groups)),
    clock: isFrozen ? null : (clock as Clock),
    params,
    state,
    byTensor,
    average: average && array(average.values, 'average: values', length),
    averaged: average && {
      count: count(average.count, `${name}: average: count`),
      product: fraction(average.product, name),
    },
    slow: hasSlow ? array(saved.slow, 'slow', length) : null,
    accumulated: accumulated && array(accumulated.values, 'accumulated: values', length),
    isGathered: accumulated?.present === true,
  }
}

/** What groups gave its rule. */
function readOwn({ own, lrScale }: Bag, name: string): Pick<Resolved, 'own' | 'lrScale'> {
  if (!(typeof lrScale === 'number' && lrScale > 0 && lrScale < Infinity)) {
    fail(name, 'lrScale: a finite number > 0', show(lrScale))
  }
  const names: unknown[] | null = Array.isArray(own) ? Array.from(own) : null
  if (own === null || names?.every((name) => typeof name === 'string')) {
    return { own: names as readonly string[] | null, lrScale }
  }
  return fail(name, 'own: a list of names, or null', show(own))
}

function fraction(given: unknown, name: string): number {
  const isFraction = typeof given === 'number' && given >= 0 && given <= 1
  return isFraction ? given : fail(name, 'average: product: a number in [0, 1]', show(given))
}

/** A record that has these names and no others. */
function exactly<T>(
  given: unknown,
  tensor: string,
  what: string,
  names: readonly string[],
  read: (value: unknown, what: string, name: string) => T,
): Record<string, T> {
  const bag = open(given, tensor, what)
  const found = Object.keys(bag)
  if (found.length !== names.length || !names.every((name) => Object.hasOwn(bag, name))) {
    fail(tensor, `${what}: ${names.join(', ') || 'nothing'}`, found.slice(0, 8).join(', ') || 'nothing')
  }
  return Object.fromEntries(names.map((name) => [name, read(bag[name], `${what}: ${name}`, name)]))
}

function readShape(given: unknown, name: string, length: number): readonly number[] | undefined {
  if (given === null) return undefined
  const dimensions: unknown[] = Array.isArray(given) ? Array.from(given) : [NaN]
  const product = dimensions.reduce<number>(
    (product, n) => product * (Number.isInteger(n) ? (n as number) : NaN),
    1,
  )
  if (product !== length) fail(name, `shape: whole numbers whose product is ${length}`, show(given))
  return Object.freeze(dimensions as number[])
}

/** The names in their shape; each is there once. */
function readStructure(given: unknown, names: Set<string>, path = '', depth = 0): Structure {
  if (typeof given === 'string') {
    if (given !== path || !names.delete(given)) fail(null, `a structure with ${path}`, show(given))
  } else if (depth > 100 || typeof given !== 'object' || given === null) {
    fail(null, 'a structure of names', show(given))
  }
  const inner = (key: string) => (path === '' ? key : `${path}.${key}`)
  let structure: Structure = given as string
  if (Array.isArray(given)) {
    structure = Array.from(given, (child, i) => readStructure(child, names, inner(`${i}`), depth + 1))
  } else if (typeof given === 'object') {
    const record: Record<string, Structure> = {}
    for (const [key, child] of Object.entries(given as object)) {
      setOwn(record, key, readStructure(child, names, inner(key), depth + 1))
    }
    structure = record
  }
  if (depth === 0 && names.size > 0)
    fail(null, 'a structure with all tensors', `one without ${[...names][0]}`)
  return structure
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

/** The parameters of a saved run, in their shape. */
export function parametersOf({ structure, tensors }: Restored): unknown {
  const of = (node: Structure): unknown => {
    if (typeof node === 'string') return (tensors.get(node) as RestoredTensor).params
    if (Array.isArray(node)) return node.map(of)
    const record: Record<string, unknown> = {}
    for (const [key, child] of Object.entries(node)) setOwn(record, key, of(child))
    return record
  }
  return of(structure)
}

/** What of a saved run does not fit a model, and which tensors do, with their state or without. */
export interface Comparison {
  readonly differences: readonly Difference[]
  readonly fitting: readonly (readonly [tensor: Tensor, saved: RestoredTensor, hasState: boolean])[]
}

export function compare(restored: Restored, model: Model, around: Around): Comparison {
  const found: Difference[] = []
  const fitting: [Tensor, RestoredTensor, boolean][] = []
  const differ = (tensor: string | null, expected: unknown, received: unknown) => {
    if (`${expected}` !== `${received}`)
      found.push({ tensor, expected: `${expected}`, received: `${received}` })
  }
  differ(null, model.settings.dtype, restored.dtype)
  differ(null, `the rule ${nameOf(model.base)}`, `the rule ${nameOf(new RuleInUse(restored.base))}`)
  for (const plane of ['average', 'lookahead'] as const) {
    const shown = ({ [plane]: kept }: Around) =>
      kept === null ? `no ${plane}` : `${plane} ${JSON.stringify(kept)}`
    differ(null, shown(around), shown(restored.around))
  }
  const batches = ({ accumulate }: Around) => `${accumulate.batches} batches a step, ${accumulate.reduce}`
  differ(null, batches(around), batches(restored.around))
  const names = new Set(restored.tensors.keys())
  for (const tensor of model.all()) {
    const other = restored.tensors.get(tensor.name)
    names.delete(tensor.name)
    if (other === undefined) {
      differ(tensor.name, 'a tensor of that name', 'none')
      continue
    }
    const shape = (shape: readonly number[] | undefined, length: number) => `shape [${shape ?? length}]`
    const before = found.length
    differ(tensor.name, shape(tensor.shape, tensor.length), shape(other.shape, lengthOf(other.params)))
    const isOfShape = found.length === before
    differ(
      tensor.name,
      `the rule ${nameOf(tensor.use)}`,
      `the rule ${nameOf(new RuleInUse(other.resolved, other.shape))}`,
    )
    const isOfDtype = restored.dtype === model.settings.dtype
    if (isOfShape && isOfDtype) fitting.push([tensor, other, found.length === before])
  }
  for (const name of names) differ(name, 'no tensor of that name', 'one')
  return { differences: found, fitting }
}

/** A rule as far as its state goes. */
function nameOf({ definition, state, delay, isDelayed }: RuleInUse): string {
  return `${isDelayed ? `delayedStart(${delay}) of ` : ''}${definition.name} with ${state.join(', ') || 'no'} state`
}

/** Writes what was saved over a model: all of it, or where there are differences what fits. */
export function apply(restored: Restored, model: Model, steps: Steps, comparison: Comparison): void {
  const { differences, fitting } = comparison
  const isWhole = differences.every(({ tensor }) => tensor !== null)
  // What needs memory comes first.
  for (const [tensor, { isFrozen }, hasState] of fitting) {
    if (hasState && tensor.isFrozen && !isFrozen) model.thaw(tensor)
  }
  const uses: RuleInUse[] = []
  if (isWhole) model.base = inUse(restored.base, uses)
  const averages = new Map<string, Averaged>()
  // Batches are counted anew, and so must not be left where nothing is restored.
  for (const tensor of model.all()) tensor.forgetBatches()
  for (const [{ name }, other, hasState] of fitting) {
    // It may have moved.
    const tensor = model.named(name) as Tensor
    const { part } = tensor
    if (hasState) {
      if (other.isFrozen && !tensor.isFrozen) part.freeze(tensor)
      part.assign(tensor, inUse(other.resolved, uses, tensor.shape))
      if (other.clock !== null) part.setClock(tensor, other.clock)
    }
    write(tensor, other, hasState, isWhole)
    if (isWhole && other.averaged !== null) {
      const key = `${part.first} ${other.averaged.count} ${other.averaged.product}`
      const averaged = averages.get(key) ?? { ...other.averaged }
      averages.set(key, averaged)
      tensor.averaged = averaged
    }
    tensor.isGathered = isWhole && other.isGathered
  }
  steps.updates = restored.updates
  steps.batches = isWhole ? restored.batches : 0
  steps.skips = restored.skips
  model.update()
}

function write(tensor: Tensor, other: RestoredTensor, hasState: boolean, isWhole: boolean): void {
  const { buffer } = tensor.part.arena.region
  const pairs: [to: FloatArray, from: FloatArray][] = [[tensor.view(PARAMETERS), other.params]]
  if (hasState) {
    for (const [name, state] of Object.entries(tensor.state)) pairs.push([state, other.state[name]])
    for (const [name, numbers] of Object.entries(tensor.byTensor))
      numbers[tensor.place] = other.byTensor[name]
  }
  if (isWhole) {
    if (other.average !== null) pairs.push([tensor.view(AVERAGE), other.average])
    if (other.slow !== null) pairs.push([tensor.view(SLOW), other.slow])
    if (other.accumulated !== null) pairs.push([tensor.view(ACCUMULATED), other.accumulated])
  }
  // What lies in the same memory might be written before it is read.
  const apart = pairs.map(([to, from]) => [to, bufferOf(from) === buffer ? from.slice() : from] as const)
  for (const [to, from] of apart) to.set(from)
}
