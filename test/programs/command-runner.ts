/** An optimizer on one engine that executes the commands of a program, and the visible state of the optimizer. */

import type { Gradients, Optimizer as OptimizerOf, OptimizerOptions, Rule, SavedRun } from 'antigrad'
import { arrayOf, type FloatArray, random } from '../bits.js'
import { encode } from '../model/resume.js'
import type { Variant } from '../support.js'
import { Intrusions } from './fault-injection.js'
import { bring, Optimizer, sparseRows } from './library.js'
import type { Command, Intruder, ModelProgram, Spec } from './models.js'
import { inText, type Outcome, outcomeOf } from './outcome.js'
import type { Picker } from './parts.js'
import { matchOf, refuse, revive, wildValues } from './plain.js'
import type { PlainRule } from './rules.js'
import { build, type Nested, namesOf, shapeOf, structureOf } from './structures.js'

/** The current model, which is equal in all worlds. */
export interface Plan {
  structure: Nested
  tensors: { length: number; shape: readonly number[] | undefined }[]
  /** Groups with the program's rules, each with the tensors that matched when the group was added. */
  groups: {
    readonly match: { readonly picker: Picker; readonly names: readonly string[] } | readonly string[]
    readonly [key: string]: unknown
  }[]
  /** Whether a tensor has been extended. */
  hasGrown: boolean
}

// biome-ignore lint/suspicious/noExplicitAny: parameters of any shape
type Any = OptimizerOf<any, Rule, never>

export function planOf({ specs, structure, groups }: ModelProgram): Plan {
  // A match with maxRank requires known ranks.
  const isRanked = groups.some(({ picker }) => picker.kind === 'rank')
  const nested = structureOf(structure, specs.length)
  const names = namesOf(nested)
  return {
    structure: nested,
    tensors: specs.map((spec) => tensorOf(spec, isRanked)),
    groups: groups.map(({ picker, change }) => ({ match: { picker, names }, ...change })),
    hasGrown: false,
  }
}

const tensorOf = (spec: Spec, isRanked: boolean) => ({
  length: spec.length,
  shape: shapeOf(spec) ?? (isRanked ? [spec.length] : undefined),
})

/** The key of an added tensor, and the position of the tensor. */
function added(plan: Plan, { specs, inner, frozen, change }: Command & { call: 'add' }) {
  const { structure, tensors } = plan
  const first = tensors.length
  const more = specs.map((spec) => tensorOf(spec, true))
  const numbers = specs.map((_, i) => first + i)
  const isList = Array.isArray(structure)
  const key = `new${first}`
  const sub = inner
    ? { [key]: Object.fromEntries(numbers.map((n) => [n === first ? 'bias' : `w${n}`, n])) }
    : null
  const given: Nested = isList ? numbers : (sub ?? Object.fromEntries(numbers.map((n) => [`new${n}`, n])))
  const whole = isList ? [...structure, ...numbers] : { ...(structure as object), ...(given as object) }
  const match = isList ? numbers.map(String) : [`${key}.**`, ...numbers.map((n) => `new${n}`)]
  const group = { match, ...change, ...(frozen !== null && { frozen }) }
  return {
    given,
    groups: frozen === null && change === null ? [] : [group],
    after: { structure: whole as Nested, tensors: [...tensors, ...more] },
  }
}

/** Hashes of kernel sources change with every comment. The comparison therefore excludes the hashes. */
const withoutHashes = <S extends object>(saved: S) => ({ ...saved, equations: null })

function values(dtype: ModelProgram['dtype'], length: number, seed: number): FloatArray {
  const next = random(seed)
  return new arrayOf[dtype](length).map(() => (next() < 0.1 ? 0 : 4 * next() - 2))
}

/** Applies an executed command to the plan. */
export function follow(plan: Plan, command: Command): void {
  if (command.call === 'add') {
    const { after, groups } = added(plan, command)
    Object.assign(plan, after, { groups: [...plan.groups, ...groups] })
  } else if (command.call === 'appendRows') {
    const tensor = plan.tensors[command.tensor % plan.tensors.length]
    const [count, ...inner] = tensor.shape as readonly number[]
    tensor.shape = [count + command.rows, ...inner]
    tensor.length = tensor.shape.reduce((product, n) => product * n, 1)
    plan.hasGrown = true
  }
}

/** Gradients of some rows, possibly with duplicate rows. A tensor without rows receives a dense gradient. */
function someRows(gradient: FloatArray | null, { shape, length }: Plan['tensors'][number], seed: number) {
  if (gradient === null || shape === undefined || shape.length < 2 || length === 0) return gradient
  const columns = length / shape[0]
  const indices = Array.from({ length: 1 + (seed % shape[0]) }, (_, k) => (seed + 7 * k * k) % shape[0])
  return sparseRows(indices, gradient.subarray(0, indices.length * columns) as Float32Array)
}

export class World {
  optimizer: Any
  variant: Variant
  readonly #program: ModelProgram
  readonly #variants: readonly Variant[]
  /**
   * The reference world is never loaded or interrupted. A comparison reveals what other worlds lose by such operations.
   */
  readonly #isSteady: boolean
  readonly #intrusions: Intrusions
  readonly #others: OptimizerOf<FloatArray, Rule>[] = []
  #remembered: SavedRun | null = null
  /** Whether a saved run omitted the groups because a group contains a function. */
  #hasNoGroups = false

  constructor(
    program: ModelProgram,
    plan: Plan,
    variants: readonly Variant[],
    number: number,
    isSteady: boolean,
  ) {
    this.#program = program
    this.#variants = variants
    this.#isSteady = isSteady
    this.variant = variants[number]
    this.#intrusions = new Intrusions(isSteady, (call) => this.#intrude(call))
    const { dtype, seed } = program
    this.optimizer = this.#make(plan, (i) => values(dtype, plan.tensors[i].length, seed + i))
  }

  #make(plan: Plan, leaf: (tensor: number) => FloatArray): Any {
    const { rule, around } = this.#program
    const { name: _, ...forced } = this.variant
    const shapes = build(plan.structure, (i) => plan.tensors[i].shape)
    const options = { ...around, groups: this.#groups(plan.groups), shapes, ...forced }
    const params = build(plan.structure, leaf) as FloatArray[]
    return new Optimizer(params, this.#rule(rule), options as OptimizerOptions as never) as unknown as Any
  }

  #rule(rule: PlainRule): Rule {
    return this.#revived(rule) as Rule
  }

  #revived(plain: unknown): unknown {
    return revive(plain, this.#intrusions.onFunction)
  }

  #groups(groups: Plan['groups']) {
    return groups.map(({ match, ...change }) => ({
      match: 'picker' in match ? this.#match(match.picker, match.names) : match,
      ...(this.#revived(change) as object),
    }))
  }

  #match(picker: Picker, names: readonly string[]) {
    return matchOf(picker, names, this.#intrusions.onFunction)
  }

  /**
   * Whether tensors may have state in another form than new tensors of the same shape: a tensor with appended rows
   * keeps its form.
   */
  #keepsForms({ hasGrown }: Plan): boolean {
    return hasGrown && inText(this.#program).includes('adafactor')
  }

  #moveOn(shift: number): void {
    const { length } = this.#variants
    this.variant = this.#variants[(this.#variants.indexOf(this.variant) + shift) % length]
  }

  /** Makes a call during another call. */
  #intrude(call: Intruder): unknown {
    const { optimizer } = this
    const more = this.#program.dtype === 'float32' ? Float32Array.of(1) : Float64Array.of(1)
    switch (call) {
      case 'set':
        return optimizer.set({ lr: 0.5 } as never)
      case 'freeze':
      case 'unfreeze':
        return optimizer[call]('**')
      case 'add':
        return optimizer.add({ intruder: more })
      case 'appendRows':
        return optimizer.appendRows('intruder', more)
      case 'restore':
        return optimizer.restore({} as never)
      case 'state':
        return optimizer.state
      default:
        return optimizer[call]()
    }
  }

  /**
   * Executes a command, and returns the outcome with the log of interruptions. `first` is the outcome in the reference
   * world.
   */
  async obey(command: Command, plan: Plan, first?: Outcome): Promise<Outcome> {
    const made = command.call === 'step' || command.call === 'stepAsync' ? this.#gradients(command, plan) : []
    this.#intrusions.arm(command.intrusion ?? null, made)
    const outcome = await outcomeOf(() => this.#obey(command, plan, made, first))
    return { ...outcome, log: await this.#intrusions.disarm() }
  }

  async #obey(
    command: Command,
    plan: Plan,
    made: readonly (FloatArray | null)[],
    first: Outcome | undefined,
  ): Promise<unknown> {
    const { optimizer } = this
    const intrusions = this.#intrusions
    const { dtype } = this.#program
    const names = namesOf(plan.structure)
    switch (command.call) {
      case 'step':
        return this.#step(this.#given(command, plan, made), command.times)
      case 'stepAsync':
        return this.#stepAsync(this.#given(command, plan, made), first)
      case 'set': {
        const options = intrusions.read(this.#revived(command.options)) as never
        if (command.picker === null) return optimizer.set(options)
        return optimizer.set(this.#match(command.picker, names), options)
      }
      case 'freeze':
      case 'unfreeze':
        return optimizer[command.call](intrusions.read(this.#match(command.picker, names)))
      case 'add': {
        const { given, groups, after } = added(plan, command)
        const params = build(given, (i) => values(dtype, after.tensors[i].length, i))
        const shapes = build(given, (i) => after.tensors[i].shape)
        const all = this.#groups(this.#hasNoGroups ? [...plan.groups, ...groups] : groups)
        optimizer.add(
          intrusions.read(params) as FloatArray[],
          intrusions.read({ groups: all, shapes }) as never,
        )
        this.#hasNoGroups = false
        return null
      }
      case 'appendRows': {
        const number = command.tensor % plan.tensors.length
        const size = plan.tensors[number].shape?.slice(1).reduce((product, n) => product * n, 1) ?? 1
        return optimizer.appendRows(names[number], values(dtype, command.rows * size, 7))
      }
      // A loaded optimizer must call gradientPoint() again before a step.
      case 'load':
      case 'fresh': {
        const saved = structuredClone(optimizer.save())
        if (!this.#isSteady) this.#moveOn(command.shift)
        if (!this.#isSteady && (command.call === 'load' || this.#keepsForms(plan))) {
          const { name: _, ...forced } = this.variant
          this.optimizer = Optimizer.load(saved, { ...forced, onWarning: refuse }) as unknown as Any
          this.#hasNoGroups = saved.groups === null
        } else if (!this.#isSteady) {
          // No data of the previous optimizer may remain.
          const other = this.#make(plan, (i) => values(dtype, plan.tensors[i].length, 99 + i))
          other.gradientPoint()
          const gradients = build(plan.structure, (i) => values(dtype, plan.tensors[i].length, 98 + i))
          // Some equations fail in the first update.
          await outcomeOf(() => other.step(gradients as never))
          other.restore(saved, { onWarning: refuse })
          this.optimizer = other
          this.#hasNoGroups = false
        }
        this.optimizer.gradientPoint()
        return withoutHashes(saved)
      }
      case 'remember':
        this.#remembered = structuredClone(optimizer.save())
        return withoutHashes(this.#remembered)
      case 'restore': {
        this.#remembered ??= structuredClone(optimizer.save())
        const options = intrusions.read({ partial: command.partial, onWarning: refuse })
        return optimizer.restore(this.#remembered, options)
      }
      case 'zeroGrad':
        return optimizer.zeroGrad()
      case 'gradientPoint':
        return optimizer.gradientPoint()
      case 'bring':
        return bring()
      case 'other':
        return this.#other(command)
    }
  }

  /** Consecutive steps use the fast path. In the reference world, a read between the steps prevents the fast path. */
  #step(given: Gradients<never> | undefined, times = 1): unknown {
    const steps: unknown[] = [this.optimizer.step(given)]
    while (steps.length < times) {
      if (this.#isSteady) void this.optimizer.state
      try {
        steps.push(this.optimizer.step(given))
      } catch (thrown) {
        // The steps before the exception have changed the state.
        return [...steps, String(thrown)]
      }
    }
    return times === 1 ? steps[0] : steps
  }

  async #stepAsync(given: Gradients<never> | undefined, first: Outcome | undefined): Promise<boolean> {
    const { optimizer } = this
    const promise = optimizer.stepAsync(given)
    // The error is reported at the end.
    promise.catch(() => {})
    // An intrusion during a step requires that a step has started. The reference world detects the start only after the
    // step.
    if (!this.#isSteady && first?.log?.length) this.#intrusions.later()
    const settle = () => {
      if (this.#isSteady) this.#intrusions.later()
    }
    try {
      const result = await promise
      if (optimizer.lastStep.reason !== 'no gradient') settle()
      return result
    } catch (error) {
      if ((error as Error).name === 'NonFiniteError') settle()
      throw error
    }
  }

  #other({ rule, length }: Command & { call: 'other' }) {
    const { dtype } = this.#program
    const { name: _, ...forced } = this.variant
    this.#others.push(new Optimizer(values(dtype, length, 5), this.#rule(rule), forced) as never)
    for (const [i, other] of this.#others.entries()) {
      other.gradientPoint()
      other.step(values(dtype, other.params.length, 6 + i))
    }
    return this.#others.map(({ params, updates }) => ({ params, updates }))
  }

  /** The gradients by tensor. */
  #gradients({ inPlace, seed, holes, wild }: Command & { call: 'step' | 'stepAsync' }, plan: Plan) {
    const { dtype } = this.#program
    return plan.tensors.map(({ length }, i) => {
      if (!inPlace && (holes >> i) & 1) return null
      const gradient = values(dtype, length, seed + 31 * i)
      if (wild !== null && i === seed % plan.tensors.length && length > 0) {
        gradient[seed % length] = wildValues[dtype][wild]
      }
      return gradient
    })
  }

  /** The argument of a step, or the content of `grads`. */
  #given(
    { inPlace, seed, byRow = 0 }: Command & { call: 'step' | 'stepAsync' },
    plan: Plan,
    made: readonly (FloatArray | null)[],
  ): Gradients<never> | undefined {
    const given = (i: number) => ((byRow >> i) & 1 ? someRows(made[i], plan.tensors[i], seed) : made[i])
    if (!inPlace) return this.#intrusions.read(build(plan.structure, given)) as Gradients<never>
    const grads: FloatArray[] = []
    const collect = (node: unknown, structure: Nested): void => {
      if (typeof structure === 'number') grads[structure] = node as FloatArray
      else
        for (const [key, child] of Object.entries(structure))
          collect((node as Record<string, unknown>)[key], child)
    }
    collect(this.optimizer.grads, plan.structure)
    for (const [i, gradient] of made.entries()) grads[i].set(gradient as FloatArray)
    return undefined
  }

  /** All data that must be equal in all worlds after any call. */
  get seen(): string {
    const { updates, rule, params, state, engine, threads } = this.optimizer
    const average = this.#program.around.average === undefined ? null : this.optimizer.average
    if (engine !== this.variant.engine) throw new Error(`${engine} instead of ${this.variant.name}`)
    if (threads !== (this.variant.threads ?? threads)) throw new Error(`${threads} threads`)
    const { tensors, unmatchedTensors } = this.optimizer.report()
    const reported = tensors.map(({ engine: _, ...tensor }) => tensor)
    return inText({ updates, rule, params, state, average, tensors: reported, unmatched: unmatchedTensors })
  }

  /** The saved run as a string, or null if a function prevents saving. */
  get saved(): string | null {
    try {
      return encode(this.optimizer.save())
    } catch {
      return null
    }
  }

  /** The report after a step. */
  told(command: Command): string {
    if (command.call !== 'step' && command.call !== 'stepAsync') return ''
    // The report without lr: if no tensor of the base rule was updated, lr is an old value, or NaN after loading.
    const { norm, norms, reason, skipped, nonFinite, consecutiveSkips } = this.optimizer.lastStep
    const grads = this.#program.around.zeroGrads === true && command.inPlace && this.optimizer.grads
    return inText({ norm, norms, reason, skipped, nonFinite, skips: consecutiveSkips, grads })
  }
}
