/** Reads the inputs of a shared fit: models, their data, and the role of each parameter. */

import { hintFor } from '#hints'
import { OptionError } from '../../core/errors.js'
import { runToEnd } from '../../core/slices.js'
import {
  createRecord,
  isObject,
  isRecord,
  ownProperties,
  toBoundedArray,
} from '../../core/untrusted-input.js'
import { Expression } from '../../expressions/expression.js'
import { checkName } from '../../expressions/names.js'
import { namesIn, parse } from '../../expressions/parse.js'
import { checkRows, type DataColumn, rowOffsets, rowsInRun, sharedFirst } from '../../many/batch/data.js'
import {
  type BoundRemark,
  bindRemark,
  type FitModel,
  type Guess,
  type Remark,
  readModel,
  type StartSearch,
} from '../models/model.js'
import { checkCounts, readData } from '../problem/columns.js'
import { listColumns, readTable, type TableColumns } from '../problem/data-table.js'
import {
  BoundFunctionModel,
  type ExactFunctionModel,
  type ExactModel,
  exactModel,
  type FunctionModelSpec,
} from '../problem/function-model.js'
import type { FitColumn, FitData, FitValues } from '../problem/options.js'
import { type FitParameter, type Parameter, readParameters } from '../problem/parameters.js'
import { MAX_COMPILED_PARAMETERS, MAX_PROFILED_PARAMETERS } from '../problem/problem.js'
import { selectRows } from '../problem/row-selection.js'
import type { GroupLabel, SharedParameter } from '../problem/shared-parameters.js'
import { loadPrograms } from '../programs/program-cache.js'
import { compileWeights, WEIGHTS, type WeightFunction, weightExpression } from '../solve/model-weights.js'
import type { GroupBatchInput, GroupOutput } from './group-batch.js'
import { type GroupedData, readGroups } from './groups.js'
import type { SharedValues } from './options.js'

/** A model for all groups, an object that maps response columns to outputs of a model, or an array of models. */
export type SharedModel = SingleModel | readonly SingleModel[]
export type SingleModel =
  | Expression
  | FitModel
  | ExactFunctionModel
  | Readonly<Record<string, Expression | FitModel>>

/** A validated output of a model. The field `y` is null if the output is unnamed. */
interface ParsedOutput {
  readonly y: string | null
  readonly text: string
  /** A function model that replaces the text. */
  readonly functionModel: FunctionModelSpec | undefined
  readonly names: readonly string[]
  readonly guess: Guess | undefined
  readonly remark: Remark | undefined
  readonly search: StartSearch | undefined
  /** Further columns that the model's guess function reads. */
  readonly extraColumns: readonly string[]
  readonly x: string
}

interface ParsedGroupModel {
  readonly outputs: readonly ParsedOutput[]
  readonly defaults: Readonly<Record<string, FitParameter>>
}

/** A batch of groups with additional properties that only the setup of a fit needs. */
export interface ParsedBatch extends GroupBatchInput {
  readonly parameters: readonly Parameter[]
  /** The user's columns of each output. */
  readonly data: readonly ReadonlyMap<string, DataColumn>[]
  readonly guess: Guess | undefined
  /** Further columns that the model's guess function reads. */
  readonly extraColumns: readonly string[]
  readonly x: string
  readonly droppedRows: number
  /** Further starting points of the model. */
  readonly search: StartSearch | undefined
  /** Remarks of the model on its values, and descriptions of curves without a proper minimum, per output. */
  readonly remarks: readonly (BoundRemark | null)[]
  readonly descriptions: readonly (BoundRemark | null)[]
  /** Weight function of each output, or null if the weights of the output do not depend on the model. */
  readonly hasModelWeights: readonly (WeightFunction | null)[]
}

export interface ParsedSharedFit {
  readonly labels: readonly GroupLabel[]
  readonly batches: readonly ParsedBatch[]
  readonly shared: readonly SharedParameter[]
  readonly parameters: readonly Parameter[]
  /** Names of the local parameters. */
  readonly local: readonly string[]
  /** Labels of the subsets of groups, by the parameter that each subset shares. */
  readonly sharedBy: ReadonlyMap<string, readonly GroupLabel[]>
}

/**
 * Maximum number of shared parameters. With more, solving the dense equations of the shared parameters would dominate
 * the run time.
 */
const MAX_SHARED_PARAMETERS = 1024

export function readShared(model: unknown, given: unknown, values: SharedValues): ParsedSharedFit {
  const models = readModels(model)
  const exact = exactModelOf(models)
  const { data, options } = exact?.prepare(given, values) ?? { data: given, options: values }
  const ofModels =
    models.length === 1 && options.modelColumn === undefined ? [] : [options.modelColumn ?? 'modelOf']
  const ofLabels = [...Object.values(options.sharedBy ?? {}), ...ofModels]
  const table = readTable('data', data)
  for (const name of table.keys()) checkName('data', name)
  const y = responseColumn(models, table, options.y, [...ofLabels, options.group])
  const grouped = readGroups(table, usedColumns(models, y), options.group, ofLabels)
  const { columns, labels } = grouped
  const modelOf = selectModel(models, grouped, ofModels[0])
  const subsets = readSubsets(grouped, options)
  const names = new Set(models.flatMap(({ outputs }) => outputs.flatMap(({ names }) => names)))
  const known = exact?.parameters(columns) ?? [...names].filter((name) => !columns.has(name))
  const defaults: ParsedGroupModel['defaults'] = Object.assign({}, ...models.map((one) => one.defaults))
  const parameters = readParameters(options, known, defaults, names)
  const roles = readRoles(options, parameters)
  checkStarts(parameters, roles, labels.length)
  const uses = models.map((one) => collectModelNames(one, parameters))
  checkExpressions(parameters, uses)
  const placed = placeShared(roles, (name) => {
    const own = subsets.get(name) as readonly GroupLabel[]
    return own.map((label, group) => (uses[modelOf[group]].has(name) ? label : undefined))
  })
  const weightsOf = readWeights(options, models)
  const batches = models.flatMap((one, m) => {
    const groups = [...labels.keys()].filter((group) => modelOf[group] === m)
    if (groups.length === 0) return []
    const used = (list: readonly Parameter[]) => list.filter(({ name }) => uses[m].has(name))
    const [local, joint] = [used(roles.local), used([...roles.shared, ...roles.sharedBy])]
    const free = [...local, ...joint]
    const all = [...free, ...used(parameters).filter((parameter) => !free.includes(parameter))]
    const read = one.outputs.map((output) =>
      readOutput(output, output.y ?? (y as string), grouped, all, { ...options, ...weightsOf(output.y) }),
    )
    return [
      {
        ...createBatch(one, groups, all, read),
        free,
        local: local.length,
        sharedPlaces: joint.map(({ name }) => placed.placesOf.get(name) as number | Uint32Array),
      },
    ]
  })
  const local = roles.local.map(({ name }) => name)
  return { labels, batches, shared: placed.shared, parameters, local, sharedBy: placed.sharedBy }
}

/** Label of each group, for each parameter that the groups of one label share. */
export function readSubsets(
  grouped: GroupedData,
  { sharedBy = {} }: SharedValues,
): Map<string, GroupLabel[]> {
  const columns = [...new Set(Object.values(sharedBy))]
  const labels = createRecord(columns, (column) => grouped.labelsOf('sharedBy', column))
  return new Map(Object.entries(sharedBy).map(([name, column]) => [name, labels[column]]))
}

/**
 * Assigns an index to each shared value. A parameter has one shared value, or one value per label.
 *
 * @param labelsOf returns the label of each group for a parameter, or undefined for a group whose model lacks the
 * parameter
 * @throws OptionError if there are too many shared values
 */
export function placeShared(
  roles: ParameterRoles,
  labelsOf: (name: string) => readonly (GroupLabel | undefined)[],
): {
  readonly shared: SharedParameter[]
  readonly placesOf: Map<string, number | Uint32Array>
  readonly sharedBy: Map<string, GroupLabel[]>
} {
  const shared: SharedParameter[] = roles.shared.map((parameter) => ({ parameter, label: null }))
  const placesOf = new Map<string, number | Uint32Array>(roles.shared.map(({ name }, k) => [name, k]))
  const sharedBy = new Map<string, GroupLabel[]>()
  for (const parameter of roles.sharedBy) {
    const labels = labelsOf(parameter.name)
    const found = [...new Set(labels)].filter((label) => label !== undefined)
    const places = new Map(found.map((label, k) => [label, shared.length + k]))
    const ofGroups = Uint32Array.from(labels, (label) => places.get(label as GroupLabel) ?? 0)
    placesOf.set(parameter.name, ofGroups)
    // Values are pushed one at a time, because the number of labels may exceed the maximum number of arguments of a
    // call.
    for (const label of found) shared.push({ parameter, label })
    sharedBy.set(parameter.name, found)
  }
  if (shared.length > MAX_SHARED_PARAMETERS) {
    const expected = `at most ${MAX_SHARED_PARAMETERS} shared values`
    throw new OptionError('sharedBy', expected, `${shared.length}`)
  }
  return { shared, placesOf, sharedBy }
}

/** A batch of groups except for the fields `free` and `sharedPlaces`, which the caller adds. */
function createBatch(
  { outputs }: ParsedGroupModel,
  groups: readonly number[],
  parameters: readonly Parameter[],
  read: readonly ReturnType<typeof readOutput>[],
) {
  const [{ guess, search, x, extraColumns }] = outputs
  const constants = parameters.flatMap(({ name, isFixed, start }) =>
    isFixed && isObject(start) ? [[name, start] as const] : [],
  )
  return {
    groups,
    parameters,
    outputs: read.map(({ output }) => output),
    data: read.map(({ given }) => given),
    hasModelWeights: read.map(({ weigh }) => weigh),
    remarks: read.map(({ remark }) => remark),
    descriptions: read.map(({ description }) => description),
    constants: new Map(constants),
    guess: outputs.length === 1 ? guess : undefined,
    search: outputs.length === 1 ? search : undefined,
    x,
    extraColumns,
    droppedRows: read.reduce(
      (all, { missing }) => groups.reduce((sum, group) => sum + missing[group], all),
      0,
    ),
  }
}

export function readModels(given: unknown): ParsedGroupModel[] {
  if (!Array.isArray(given)) return [readOne('model', given)]
  const list = toBoundedArray(given, 256)
  if (list === undefined || list.length === 0) throw new OptionError('model', '1 to 256 models', given)
  return list.map((one, k) => readOne(`model[${k}]`, one))
}

function readOne(argument: string, given: unknown): ParsedGroupModel {
  const isOne =
    given instanceof Expression ||
    !isRecord(given) ||
    exactModel in given ||
    typeof Reflect.get(given, 'text') === 'string'
  const entries: (readonly [string | null, unknown])[] = isOne
    ? [[null, given]]
    : Object.entries(ownProperties(given as object))
  if (entries.length === 0) throw new OptionError(argument, 'at least one output', 'none')
  const defaults: Record<string, FitParameter> = {}
  const outputs = entries.map(([y, one]) => {
    if (y !== null && !isObject(one)) throw new OptionError(`${argument}: ${y}`, 'an expression', one)
    // Only models with exact derivatives may be functions.
    const isExact = isObject(one) && exactModel in one
    const { text, functionModel, parameters, guess, x, extraColumns, remark, search } = readModel(
      one,
      isExact || undefined,
    )
    Object.assign(defaults, parameters)
    const names = functionModel?.exact?.names ?? namesIn(text)
    return { y, text, functionModel, names, guess, x, extraColumns, remark, search: search?.() }
  })
  return { outputs, defaults }
}

/** @throws OptionError if a function model is one of several models */
function exactModelOf(models: readonly ParsedGroupModel[]): ExactModel | undefined {
  const outputs = models.flatMap((one) => one.outputs)
  const exact = outputs.find(({ functionModel }) => functionModel !== undefined)?.functionModel?.exact
  if (exact !== undefined && (outputs.length > 1 || outputs[0].y !== null))
    throw new OptionError('model', 'one model of ode for all groups and columns (see observe)', 'several')
  return exact
}

function selectModel(
  models: readonly ParsedGroupModel[],
  grouped: GroupedData,
  name: string | undefined,
): number[] {
  if (name === undefined) return grouped.labels.map(() => 0)
  const labels = grouped.labelsOf('modelColumn', name)
  const wrong = labels.find(
    (label) => !(Number.isInteger(label) && (label as number) >= 0 && (label as number) < models.length),
  )
  if (wrong !== undefined)
    throw new OptionError(`data: ${name}`, `indices of models, from 0 to ${models.length - 1}`, wrong)
  return labels as number[]
}

interface ParameterRoles {
  readonly local: readonly Parameter[]
  readonly shared: readonly Parameter[]
  readonly sharedBy: readonly Parameter[]
}

export function readRoles(
  { shared = [], local, sharedBy = {} }: SharedValues,
  parameters: readonly Parameter[],
): ParameterRoles {
  const named = { shared, local: local ?? [], sharedBy: Object.keys(sharedBy) }
  const names = parameters.map(({ name }) => name)
  const roleOf = new Map<string, string>()
  for (const [role, list] of Object.entries(named)) {
    for (const name of list) {
      const parameter = parameters.find((one) => one.name === name)
      if (parameter === undefined) {
        throw new OptionError(
          role,
          `names among ${names.join(', ')}`,
          name,
          hintFor(name, () => names),
        )
      }
      if (parameter.expr !== null) throw new OptionError(role, 'parameters without expr', name)
      const other = roleOf.get(name)
      if (other !== undefined) throw new OptionError(role, `none that is also in ${other}`, name)
      roleOf.set(name, role)
    }
  }
  const open = parameters.find(({ name, expr }) => expr === null && !roleOf.has(name))
  if (local !== undefined && open !== undefined && !open.isFixed)
    throw new OptionError('local', `${open.name} too, because it is not shared`, local.join(', '))
  const compute = (role: string) =>
    parameters.filter(
      ({ name, isFixed, expr }) => !isFixed && expr === null && (roleOf.get(name) ?? 'local') === role,
    )
  const inOrder = (list: readonly string[], some: readonly Parameter[]) =>
    list.flatMap((name) => some.filter((one) => one.name === name))
  const roles = {
    local: compute('local'),
    shared: inOrder(shared, compute('shared')),
    sharedBy: inOrder(named.sharedBy, compute('sharedBy')),
  }
  if (roles.shared.length + roles.sharedBy.length === 0)
    throw new OptionError('shared', 'at least one free parameter (else use fitMany)', shared.join(', '))
  return roles
}

export function checkStarts(
  parameters: readonly Parameter[],
  { shared, sharedBy }: ParameterRoles,
  count: number,
): void {
  for (const parameter of parameters) {
    const { name, start } = parameter
    if (typeof start !== 'object' || start === null) continue
    if (shared.includes(parameter) || sharedBy.includes(parameter))
      throw new OptionError(`start: ${name}`, 'one number (it is shared)', `${start.length} numbers`)
    if (start.length !== count)
      throw new OptionError(`start: ${name}`, `a number, or one per group (${count})`, `${start.length}`)
  }
}

/** Names that occur in a model, and in the expressions that define the parameters of the model. */
function collectModelNames({ outputs }: ParsedGroupModel, parameters: readonly Parameter[]): Set<string> {
  const used = new Set<string>()
  const add = (name: string) => {
    if (used.has(name)) return
    used.add(name)
    const expr = parameters.find((one) => one.name === name)?.expr
    for (const other of typeof expr === 'string' ? parse(expr).names : []) add(other)
  }
  for (const { names } of outputs) for (const name of names) add(name)
  // A derived quantity belongs to each model that has all parameters of its expression. Parameters in the expression
  // may be derived quantities themselves, in any order.
  for (let before = -1; before < used.size; ) {
    before = used.size
    for (const { name, expr, isDerived } of parameters) {
      if (isDerived && parse(expr as string).names.every((other) => used.has(other))) used.add(name)
    }
  }
  return used
}

/** @throws OptionError if an expression combines parameters that no model has together */
function checkExpressions(parameters: readonly Parameter[], uses: readonly ReadonlySet<string>[]): void {
  for (const { name, expr, isDerived } of parameters) {
    if (expr === null || uses.some((used) => used.has(name))) continue
    const expected = `parameters of one model, among ${parameters.map((one) => one.name).join(', ')}`
    throw new OptionError(isDerived ? `derive: ${name}` : `start: ${name}: expr`, expected, expr)
  }
}

/**
 * σ and weights of each output. An object as the option has one entry per output.
 *
 * @throws OptionError if the object has an unknown name, or if σ or weights are missing for one of several outputs. An
 * output without σ or weights would be weighted as if it had the unit of the other outputs.
 */
function readWeights(options: SharedValues, models: readonly ParsedGroupModel[]) {
  const names = models.flatMap(({ outputs }) => outputs.flatMap(({ y }) => y ?? []))
  const [sigmaOf, weightsOf] = (['sigma', 'weights'] as const).map((argument) => {
    const given: unknown = options[argument]
    if (names.length === 0 || !isRecord(given)) return () => given
    const own = ownProperties(given)
    const stranger = Object.keys(own).find((name) => !names.includes(name))
    if (stranger !== undefined) throw new OptionError(argument, `names among ${names.join(', ')}`, stranger)
    return (y: string | null) => (y === null ? given : own[y])
  })
  const open = names.find((name) => sigmaOf(name) === undefined && weightsOf(name) === undefined)
  const isGiven = (compute: (y: string | null) => unknown) =>
    names.some((name) => compute(name) !== undefined)
  if (open !== undefined && (isGiven(sigmaOf) || isGiven(weightsOf))) {
    const expected = `values for all of ${[...new Set(names)].join(', ')}`
    throw new OptionError(isGiven(sigmaOf) ? 'sigma' : 'weights', expected, `none for ${open}`)
  }
  return (y: string | null) => ({ sigma: sigmaOf(y), weights: weightsOf(y) })
}

/** The response column of models with one unnamed output. */
export function responseColumn(
  models: readonly ParsedGroupModel[],
  columns: TableColumns,
  given: string | undefined,
  labels: readonly (string | undefined)[],
): string | null {
  const outputs = models.flatMap((one) => one.outputs)
  if (outputs.every(({ y }) => y !== null)) {
    if (given !== undefined) throw new OptionError('y', 'undefined: the model names its columns', given)
    return null
  }
  const used = new Set(outputs.flatMap(({ names, y }) => (y === null ? names : [...names, y])))
  const others = [...columns.keys()].filter((name) => !used.has(name) && !labels.includes(name))
  const y = given ?? (others.length === 1 ? others[0] : 'y')
  if (typeof y !== 'string' || !columns.has(y))
    throw new OptionError('y', `a column: ${listColumns(columns)}`, given ?? y)
  return y
}

/** Names of the columns of numbers that the models can use. */
export const usedColumns = (models: readonly ParsedGroupModel[], y: string | null): string[] =>
  models.flatMap(({ outputs }) => outputs.flatMap(({ names, y: own }) => [...names, own ?? (y as string)]))

type OutputOptions = Omit<SharedValues, 'sigma' | 'weights'> & {
  readonly sigma: unknown
  readonly weights: unknown
}

/** Reads the columns of an output, and the name or expression of its weights. */
function readOutputColumns(
  { functionModel, names }: ParsedOutput,
  y: string,
  { columns: known, lists, labels }: GroupedData,
  { sigma, weights, missing }: OutputOptions,
) {
  if (!known.has(y)) throw new OptionError('data', `a column ${y}`, [...known.keys()].join(', '))
  const own = Object.fromEntries([...known].filter(([name]) => name === y || names.includes(name)))
  const compute = (argument: string, given: unknown): FitColumn | string | undefined =>
    given === undefined || typeof given === 'string' ? given : lists(argument, given as FitColumn)
  const settings = {
    y,
    sigma: compute('sigma', sigma),
    weights: compute('weights', weights),
    missing,
  } as FitValues
  const { columns, weight } = readData(functionModel ?? names, own as FitData, settings)
  const count = labels.length
  for (const [name, { offsets }] of columns) {
    if (offsets !== null && offsets.length - 1 !== count)
      throw new OptionError(`data: ${name}`, `${count} arrays, one per group`, `${offsets.length - 1}`)
  }
  // Groups without rows have results of their own.
  checkRows(columns, count, true)
  const byModel = weightExpression(settings)
  return {
    columns,
    byModel,
    ...(byModel === undefined ? { all: columns, weight } : addOnes(columns, y, count)),
  }
}

function readOutput(
  parsed: ParsedOutput,
  y: string,
  grouped: GroupedData,
  parameters: readonly Parameter[],
  options: OutputOptions,
) {
  const { text, functionModel, remark, search, x, extraColumns } = parsed
  const { sigma, missing, loss, lossScale, tolerance = 1e-10, absoluteSigma } = options
  const read = readOutputColumns(parsed, y, grouped, options)
  const { byModel, weight } = read
  const columns = sharedFirst(read.all)
  const counted = runToEnd(selectRows(columns, weight, grouped.labels.length, missing === 'drop'))
  if (loss === 'poisson') runToEnd(checkCounts(y, counted.columns))
  const bound = functionModel && new BoundFunctionModel(functionModel, read.columns)
  const made = loadPrograms(bound ?? text, parameters, {
    columns: [...columns.keys()],
    y,
    weight,
    loss,
    scale: lossScale,
    tolerance,
    isAbsolute: absoluteSigma ?? loss === 'poisson',
  })
  made.problem.graph.linkedRows?.refuse('model')
  const most = bound ? MAX_PROFILED_PARAMETERS : MAX_COMPILED_PARAMETERS
  if (made.problem.free.length > most) {
    const expected = `1 to ${most} free parameters per group`
    throw new OptionError('start', expected, `${made.problem.free.length}`)
  }
  const output: GroupOutput = {
    compiled: made,
    columns: counted.columns,
    rows: counted.observations,
    isIncomplete: counted.isIncomplete,
  }
  const beside = [x, y, ...extraColumns]
  const bind = (some: Remark | undefined) =>
    some && beside.every((name) => columns.has(name)) ? bindRemark(some, beside) : null
  const by = typeof sigma === 'string' ? 'sigma' : 'weights'
  const weigh = byModel === undefined ? null : compileWeights(made.problem, byModel, by)
  return {
    output,
    given: columns,
    missing: counted.droppedRows,
    weigh,
    remark: bind(remark),
    description: bind(search?.describe),
  }
}

/** Adds weights of 1 to the columns, if weights depend on the model. The first round of fits uses weights of 1. */
function addOnes(columns: ReadonlyMap<string, DataColumn>, y: string, count: number) {
  const offsets = rowOffsets(count, (group) => rowsInRun(columns.get(y) as DataColumn, group))
  const ones = { numbers: new Float64Array(offsets[count]).fill(1), offsets }
  return { all: new Map([...columns, [WEIGHTS, ones]]), weight: WEIGHTS }
}
