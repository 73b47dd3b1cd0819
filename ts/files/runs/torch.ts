/**
 * Exchange of optimizers with PyTorch, in the file format of the Python code in docs/files.md. A tensor is called
 * `params/<index>`, or `<key>/<index>` for an entry of `state_dict()`. The metadata contain the keys `torch.optim` and
 * `param_groups`.
 */

import { openSink } from '#disk'
import type { SavedRun, SavedTensor } from '../../checkpoint/write.js'
import { OptionError } from '../../core/errors.js'
import type { FloatArray } from '../../core/numbers.js'
import { isCount } from '../../core/numbers.js'
import { isRecord, toBoundedArray } from '../../core/untrusted-input.js'
import { Optimizer } from '../../optimizer.js'
import { passThrough } from '../../options/kinds.js'
import { readOptions } from '../../options/read.js'
import type { Rule } from '../../rules/definitions.js'
import {
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  asgd,
  nadam,
  radam,
  rmsprop,
  rprop,
  sgd,
} from '../../rules/index.js'
import type { TensorInfo } from '../format/header.js'
import { readJson } from '../format/json.js'
import { openFile, type TensorFile } from '../format/read.js'
import type { WritableTensor } from '../format/write.js'
import { FileError } from '../sources/errors.js'
import type { FileSource } from '../sources/sources.js'
import { type Saveable, writeSnapshot } from './runs.js'
import { RunSnapshot } from './snapshot.js'

type TorchOptions = Readonly<Record<string, unknown>>

/**
 * The counterpart of a PyTorch optimizer: the corresponding rule, its group options, and its state by antigrad's
 * symbols.
 */
interface RulePort {
  readonly rule: (options: never) => Rule
  readonly options: readonly string[]
  readonly state: Readonly<Record<string, string>>
}

const usualOptions = ['lr', 'weight_decay', 'maximize']
const momentNames = { m: 'exp_avg', v: 'exp_avg_sq' }
const decoupled = 'decoupled_weight_decay'
const rulePorts: Readonly<Record<string, RulePort>> = {
  SGD: {
    rule: sgd,
    options: [...usualOptions, 'momentum', 'dampening', 'nesterov'],
    state: { b: 'momentum_buffer' },
  },
  Adam: {
    rule: adam,
    options: [...usualOptions, 'betas', 'eps', 'amsgrad'],
    state: { ...momentNames, largest: 'max_exp_avg_sq' },
  },
  AdamW: {
    rule: adamw,
    options: [...usualOptions, 'betas', 'eps', 'amsgrad'],
    state: { ...momentNames, largest: 'max_exp_avg_sq' },
  },
  RMSprop: {
    rule: rmsprop,
    options: [...usualOptions, 'alpha', 'eps', 'centered', 'momentum'],
    state: { v: 'square_avg', a: 'grad_avg', b: 'momentum_buffer' },
  },
  Adagrad: {
    rule: adagrad,
    options: [...usualOptions, 'lr_decay', 'initial_accumulator_value', 'eps'],
    state: { s: 'sum' },
  },
  RAdam: { rule: radam, options: [...usualOptions, 'betas', 'eps', decoupled], state: momentNames },
  NAdam: {
    rule: nadam,
    options: [...usualOptions, 'betas', 'eps', 'momentum_decay', decoupled],
    state: momentNames,
  },
  Adamax: { rule: adamax, options: [...usualOptions, 'betas', 'eps'], state: { m: 'exp_avg', n: 'exp_inf' } },
  Adadelta: {
    rule: adadelta,
    options: [...usualOptions, 'rho', 'eps'],
    state: { v: 'square_avg', w: 'acc_delta' },
  },
  ASGD: { rule: asgd, options: [...usualOptions, 'lambd', 'alpha'], state: {} },
  Rprop: {
    rule: rprop,
    options: ['lr', 'maximize', 'etas', 'step_sizes'],
    state: { before: 'prev', h: 'step_size' },
  },
}

/**
 * Names of antigrad's options, by PyTorch's names. Names that differ only in snake case and camel case are not listed.
 */
const renamedOptions: Readonly<Record<string, string | readonly [string, string]>> = {
  betas: ['beta1', 'beta2'],
  etas: ['etaMinus', 'etaPlus'],
  step_sizes: ['minStep', 'maxStep'],
  lambd: 'lambda',
  initial_accumulator_value: 'initialAccumulator',
}
const toOurName = (name: string) =>
  Object.hasOwn(renamedOptions, name)
    ? renamedOptions[name]
    : name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase())

/** PyTorch options that only affect PyTorch's implementation, and values that PyTorch's schedulers store. */
const IGNORED_OPTIONS = [
  'params',
  'foreach',
  'capturable',
  'differentiable',
  'fused',
  't0',
  'initial_lr',
  'param_names',
]

function findPort(name: string | undefined): RulePort {
  if (name !== undefined && Object.hasOwn(rulePorts, name)) return rulePorts[name]
  throw new FileError('metadata: torch.optim', `one of ${Object.keys(rulePorts).join(', ')}`, name)
}

/** @throws FileError if an option is unknown; OptionError if an option is out of range */
function toRule(name: string, group: TorchOptions): Rule {
  // Since PyTorch 2.7, AdamW is Adam with a flag.
  const isAdam = name === 'Adam' || name === 'AdamW'
  const port = findPort(isAdam ? (group[decoupled] === (name === 'Adam') ? otherName(name) : name) : name)
  const options: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(group)) {
    if (IGNORED_OPTIONS.includes(key) || (isAdam && key === decoupled)) continue
    if (!port.options.includes(key))
      throw new FileError('metadata: param_groups', `options of ${name} that antigrad supports`, key)
    const names = toOurName(key)
    if (typeof names === 'string') options[names] = value
    else for (const k of [0, 1]) options[names[k]] = toBoundedArray(value)?.[k]
  }
  return port.rule(options as never)
}

const otherName = (name: string) => (name === 'Adam' ? 'AdamW' : 'Adam')

interface TorchGroup {
  readonly options: TorchOptions
  readonly indices: readonly number[]
}

function readGroups({ metadata }: TensorFile): TorchGroup[] {
  const what = 'metadata: param_groups'
  const list = toBoundedArray(readJson(what, metadata.get('param_groups'), NESTING))
  let next = 0
  return (list ?? []).map((options) => {
    const indices = isRecord(options) ? toBoundedArray((options as TorchOptions).params) : undefined
    if (!indices?.every((index): index is number => isCount(index) && index === next++))
      throw new FileError(what, 'groups of parameters in the order of state_dict()', options)
    return { options: options as TorchOptions, indices }
  })
}

/** Nesting depth of the JSON of the groups, for the array of groups, a group, and the group's betas or parameters. */
const NESTING = { deepest: 3 }

/** Names for the parameters of PyTorch, which have only indices. */
export interface FromTorchOptions {
  /**
   * The names follow the order of PyTorch's groups. The default names are the names that `toTorch` has written, or else
   * the indices.
   */
  readonly names?: readonly string[]
}

/**
 * Reads the parameters, groups and state of a PyTorch optimizer, for `Optimizer.load` or `optimizer.restore`. The
 * Python code in docs/files.md writes the file. The supported rules are SGD, Adam, AdamW, RMSprop, Adagrad, RAdam,
 * NAdam, Adamax, Adadelta, Rprop, and ASGD until the averaging begins.
 *
 * @param place a path, or a Blob (browsers support only Blobs)
 * @throws (rejects with) FileError if the file has another format, or contains an unsupported rule or option;
 * OptionError if the names are invalid
 */
export async function fromTorch(place: FileSource, options: FromTorchOptions = {}): Promise<SavedRun> {
  const { names } = readOptions('options', options, { names: passThrough<readonly string[]>() })
  const given = names === undefined ? undefined : readNames(names)
  const file = await openFile(place)
  try {
    return await readTensors(file, given)
  } finally {
    await file.close()
  }
}

function readNames(given: unknown): readonly string[] {
  const names = toBoundedArray(given)
  const isRight = names?.every((name): name is string => typeof name === 'string' && !name.includes('*'))
  if (!isRight || new Set(names).size < (names as []).length)
    throw new OptionError('names', 'an array of distinct names without *', given)
  return names as string[]
}

async function readTensors(file: TensorFile, given: readonly string[] | undefined): Promise<SavedRun> {
  const optimizer = file.metadata.get('torch.optim') ?? ''
  const groups = readGroups(file)
  const indices = groups.flatMap((group) => group.indices)
  const written = file.metadata.get('names')
  const names =
    given ??
    (written === undefined ? indices.map(String) : readNames(readJson('metadata: names', written, NESTING)))
  if (names.length !== indices.length || names.length === 0)
    throw new OptionError('names', `${indices.length} names (one for each parameter)`, names)
  const params: [string, FloatArray][] = []
  const shapes: [string, readonly number[]][] = []
  for (const index of indices) {
    const values = await readFloats(file, `params/${index}`)
    const { shape } = file.tensors.get(`params/${index}`) as TensorInfo
    params.push([names[index], values])
    // A zero-dimensional PyTorch tensor becomes an array of one element.
    shapes.push([names[index], shape.length === 0 ? [1] : shape])
  }
  const rules = groups.map(({ options }) => toRule(optimizer, options))
  const run = new Optimizer(Object.fromEntries(params), rules[0], {
    groups: groups.slice(1).map(({ indices }, k) => ({
      match: indices.map((index) => names[index]),
      rule: rules[k + 1],
    })),
    shapes: Object.fromEntries(shapes),
  } as never)
  const saved = run.save()
  for (const index of indices) await readState(file, index, findPort(optimizer), saved.tensors[names[index]])
  return saved
}

async function readFloats(file: TensorFile, name: string): Promise<FloatArray> {
  const values = await file.read(name)
  if (values instanceof Float32Array || values instanceof Float64Array) return values
  throw new FileError(`tensor ${name}`, 'a tensor of floats', file.tensors.get(name)?.dtype)
}

/**
 * Reads the state of a new tensor from the file. PyTorch stores no state for a parameter that was never updated.
 */
async function readState(file: TensorFile, index: number, port: RulePort, tensor: SavedTensor) {
  const has = (key: string) => file.tensors.has(`${key}/${index}`)
  const scalar = async (key: string) => (await readFloats(file, `${key}/${index}`))[0]
  const keys = Object.keys(tensor.state).map((symbol) => port.state[symbol])
  const isSgd = port.rule === rulePorts.SGD.rule
  if (!has('step') && !(isSgd && keys.length > 0 && has(keys[0]))) return
  for (const [k, state] of Object.values(tensor.state).entries()) {
    const values = await readFloats(file, `${keys[k]}/${index}`)
    if (values.length !== state.length)
      throw new FileError(`tensor ${keys[k]}/${index}`, `${state.length} numbers`, values.length)
    state.set(values)
  }
  // PyTorch's SGD has no step counter. The existence of its momentum buffer tells whether there was an update.
  const t = isSgd ? 1 : await scalar('step')
  if (!isCount(t)) throw new FileError(`tensor step/${index}`, 'an integer', t)
  if (has('mu') && (await scalar('mu')) !== 1)
    throw new FileError(`tensor mu/${index}`, "1, because ASGD's average is not read", await scalar('mu'))
  const { beta1, beta2 } = tensor.rule as { beta1?: number; beta2?: number }
  const clock = tensor.clock as Record<string, number>
  clock.t = t
  for (const name of Object.keys(clock)) {
    if (name === 'product1') clock[name] = computePower(beta1 as number, t)
    if (name === 'product2') clock[name] = computePower(beta2 as number, t)
    if (name === 'momenta') clock[name] = await scalar('mu_product')
    if (name === 'rate' || name === 'nextRate') clock[name] = await scalar('eta')
  }
}

/** Number of factors that are multiplied one by one. The multiplications take about a millisecond. */
const MULTIPLIED = 0x100000

/**
 * Computes x^t by one multiplication per update, as in a run. After about 1 million factors, the remaining power is
 * computed by squaring.
 */
function computePower(x: number, t: number): number {
  let product = 1
  for (let k = 0; k < t && k < MULTIPLIED; k++) product *= x
  let square = x
  for (let left = Math.max(0, t - MULTIPLIED); left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) product *= square
    square *= square
  }
  return product
}

/**
 * Writes the parameters, groups and state of an optimizer for PyTorch. The Python code in docs/files.md reads the file.
 * Like {@link writeFile}, `toTorch` writes the optimizer's state at the time of the call. Frozen tensors are not
 * written. Clipping and averages are not written, because both are part of the user's code in PyTorch.
 *
 * @throws (rejects with) OptionError if PyTorch lacks the rule, an option or a schedule, or if the optimizer has
 * several rules
 */
export async function toTorch(path: string | URL, optimizer: Saveable): Promise<void> {
  const snapshot = new RunSnapshot(optimizer)
  const writing = writeSnapshot(snapshot, () => describeSnapshot(snapshot))
  await writing(() => openSink(path))
}

function describeSnapshot(snapshot: RunSnapshot): {
  tensors: WritableTensor[]
  metadata: Map<string, string>
} {
  const { saved } = snapshot
  const groups = new Map<string, { options: TorchOptions; names: string[] }>()
  let optimizer: string | undefined
  for (const [name, tensor] of Object.entries(saved.tensors)) {
    if (tensor.frozen) continue
    const [torch, options] = toTorchOptions(tensor)
    optimizer ??= torch
    if (torch !== optimizer)
      throw new OptionError('optimizer', `${optimizer}, the same rule for all tensors`, torch)
    const key = JSON.stringify(options)
    const group = groups.get(key) ?? { options, names: [] }
    groups.set(key, group)
    group.names.push(name)
  }
  if (optimizer === undefined)
    throw new OptionError('optimizer', 'at least one tensor that is not frozen', 'none')
  const names = [...groups.values()].flatMap((group) => group.names)
  let next = 0
  const described = [...groups.values()].map(({ options, names }) => ({
    ...options,
    params: names.map(() => next++),
  }))
  const parts = names.flatMap((name, index) =>
    toTorchTensors(saved.tensors[name], rulePorts[optimizer as string]).map((part) => ({ ...part, index })),
  )
  snapshot.keepOnly(new Set(parts.map(({ values }) => values)))
  const tensors = parts.map(
    ({ key, index, shape, values, isLive, isLast }): WritableTensor => ({
      name: `${key}/${index}`,
      shape,
      dtype: saved.dtype,
      length: values.length,
      values: (from, to) => (isLive ? snapshot.read(values, from, to) : values.subarray(from, to)),
      release: (to) => isLast && snapshot.release(values, to),
    }),
  )
  const metadata = new Map([
    ['format', 'pt'],
    ['torch.optim', optimizer],
    ['param_groups', JSON.stringify(described)],
    ['names', JSON.stringify(names)],
  ])
  return { tensors, metadata }
}

/** @throws OptionError if PyTorch lacks the rule or one of its options */
function toTorchOptions({ rule, lrScale }: SavedTensor): [torch: string, options: TorchOptions] {
  const known = Object.entries(rulePorts).find(([, port]) => port.rule({} as never).name === rule.name)
  if (known === undefined) throw new OptionError('optimizer', 'a rule that Torch supports', rule.name)
  const [torch, port] = known
  const given = rule as unknown as TorchOptions
  const options: Record<string, unknown> = {}
  for (const key of port.options) {
    const names = toOurName(key)
    options[key] = typeof names === 'string' ? given[names] : names.map((one) => given[one])
  }
  for (const value of Object.values(options)) {
    if (typeof value === 'object' && !Array.isArray(value))
      throw new OptionError('optimizer', 'numbers instead of schedules; call set({ lr }) first', value)
  }
  const plain = JSON.stringify(rule)
  if (JSON.stringify(toRule(torch, options)) !== plain)
    throw new OptionError('optimizer', `options that Torch's ${torch} supports`, plain)
  return [torch, { ...options, lr: (given.lr as number) * lrScale }]
}

interface TorchTensor {
  readonly key: string
  readonly shape: readonly number[]
  readonly values: FloatArray
  readonly isLive: boolean
  /** Whether a live array is used for the last time, so that it can be released. */
  readonly isLast: boolean
}

/** The parameter of a tensor and its entries in `state_dict()`. */
function toTorchTensors(tensor: SavedTensor, port: RulePort): TorchTensor[] {
  const { clock, params, state } = tensor
  const shape = tensor.shape ?? [params.length]
  const live = (key: string, values: FloatArray, isLast = true) => ({
    key,
    shape,
    values,
    isLive: true,
    isLast,
  })
  const scalar = (key: string, value: number | undefined) =>
    value === undefined
      ? []
      : [{ key, shape: [], values: Float64Array.of(value), isLive: false, isLast: false }]
  const { t, momenta, nextRate } = clock as Record<string, number>
  const isAveraged = t > 0 && nextRate !== undefined
  const parts = [live('params', params, !isAveraged)]
  // PyTorch stores no state for a parameter that was never updated.
  if (t === 0) return parts
  const isSgd = port.rule === rulePorts.SGD.rule
  return [
    ...parts,
    ...Object.entries(state).map(([symbol, values]) => live(port.state[symbol], values)),
    ...scalar('step', isSgd ? undefined : t),
    ...scalar('mu_product', momenta),
    ...scalar('eta', nextRate),
    ...scalar('mu', isAveraged ? 1 : undefined),
    ...(isAveraged ? [live('ax', params)] : []),
  ]
}
