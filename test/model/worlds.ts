/** An optimizer on one engine that obeys the commands of a scenario, and what can be seen of it. */

import { type Gradients, Optimizer, type OptimizerOptions, type Rule, type Saved } from 'antigrad'
import { arrayOf, type FloatArray, random } from '../helpers.js'
import { digest, type Variant, withOneNaN } from '../support.js'
import {
  build,
  type Command,
  matchOf,
  type Nested,
  namesOf,
  type Scenario,
  type Spec,
  shapeOf,
  structureOf,
  wildValues,
} from './scenarios.js'

/** What there is by now, the same in all worlds. */
export interface Plan {
  structure: Nested
  tensors: { length: number; shape: readonly number[] | undefined }[]
  groups: object[]
}

// biome-ignore lint/suspicious/noExplicitAny: parameters of any shape
type Any = Optimizer<any, Rule, never>

export function planOf({ specs, structure: kind, groups }: Scenario): Plan {
  const structure = structureOf(kind, specs.length)
  const names = namesOf(structure)
  // Ranks must be known where one is asked for.
  const isRanked = groups.some(({ picker }) => picker.kind === 'rank')
  const tensors = specs.map((spec) => tensorOf(spec, isRanked))
  return {
    structure,
    tensors,
    groups: groups.map(({ picker, change }) => ({ match: matchOf(picker, names), ...change })),
  }
}

const tensorOf = (spec: Spec, isRanked: boolean) => ({
  length: spec.length,
  shape: shapeOf(spec) ?? (isRanked ? [spec.length] : undefined),
})

/** What an added tensor's key is, and where it goes. */
function added(plan: Plan, { specs, inner, frozen }: Command & { call: 'add' }) {
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
  return {
    given,
    groups: frozen === null ? [] : [{ match, frozen }],
    after: { structure: whole as Nested, tensors: [...tensors, ...more] },
  }
}

function values(dtype: Scenario['dtype'], length: number, seed: number): FloatArray {
  const next = random(seed)
  return new arrayOf[dtype](length).map(() => (next() < 0.1 ? 0 : 4 * next() - 2))
}

/** Changes the plan as a command that was obeyed does. */
export function follow(plan: Plan, command: Command): void {
  if (command.call === 'add') {
    const { after, groups } = added(plan, command)
    Object.assign(plan, after, { groups: [...plan.groups, ...groups] })
  } else if (command.call === 'grow') {
    const tensor = plan.tensors[command.tensor % plan.tensors.length]
    const [count, ...inner] = tensor.shape as readonly number[]
    tensor.shape = [count + command.rows, ...inner]
    tensor.length = tensor.shape.reduce((product, n) => product * n, 1)
  }
}

export class World {
  optimizer: Any
  variant: Variant
  readonly #scenario: Scenario
  readonly #variants: readonly Variant[]
  /** A world that is steady is never loaded, and so shows what loading has lost elsewhere. */
  readonly #isSteady: boolean
  #remembered: Saved | null = null
  /** Whether a saved run's groups had to be left out, as one has a function. */
  #hasNoGroups = false

  constructor(
    scenario: Scenario,
    plan: Plan,
    variants: readonly Variant[],
    number: number,
    isSteady: boolean,
  ) {
    this.#scenario = scenario
    this.#variants = variants
    this.#isSteady = isSteady
    this.variant = variants[number]
    const { dtype, seed } = scenario
    this.optimizer = this.#make(plan, (i) => values(dtype, plan.tensors[i].length, seed + i))
  }

  #make(plan: Plan, leaf: (tensor: number) => FloatArray): Any {
    const { rule, around } = this.#scenario
    const { name: _, ...forced } = this.variant
    const shapes = build(plan.structure, (i) => plan.tensors[i].shape)
    const options = { ...around, groups: plan.groups, shapes, ...forced } as OptimizerOptions
    const params = build(plan.structure, leaf) as FloatArray[]
    return new Optimizer(params, rule, options as never) as unknown as Any
  }

  #moveOn(shift: number): void {
    const { length } = this.#variants
    this.variant = this.#variants[(this.#variants.indexOf(this.variant) + shift) % length]
  }

  /** What a command returns; it may throw. */
  async obey(command: Command, plan: Plan): Promise<unknown> {
    const { optimizer } = this
    const { dtype } = this.#scenario
    const names = namesOf(plan.structure)
    switch (command.call) {
      case 'step':
      case 'stepAsync':
        return optimizer[command.call](this.#gradients(command, plan))
      case 'set':
        if (command.picker === null) return optimizer.set(command.options as never)
        return optimizer.set(matchOf(command.picker, names), command.options as never)
      case 'freeze':
      case 'thaw':
        return optimizer[command.call](matchOf(command.picker, names))
      case 'add': {
        const { given, groups, after } = added(plan, command)
        const params = build(given, (i) => values(dtype, after.tensors[i].length, i))
        const shapes = build(given, (i) => after.tensors[i].shape)
        const all = this.#hasNoGroups ? [...plan.groups, ...groups] : groups
        optimizer.add(params as FloatArray[], { groups: all, shapes } as never)
        this.#hasNoGroups = false
        return null
      }
      case 'grow': {
        const number = command.tensor % plan.tensors.length
        const size = plan.tensors[number].shape?.slice(1).reduce((product, n) => product * n, 1) ?? 1
        return optimizer.grow(names[number], values(dtype, command.rows * size, 7))
      }
      case 'load': {
        const saved = structuredClone(optimizer.save())
        if (!this.#isSteady) {
          this.#moveOn(command.shift)
          const { name: _, ...forced } = this.variant
          this.optimizer = Optimizer.load(saved, { ...forced, onWarning: refuse }) as Any
          this.#hasNoGroups = saved.groups === null
        }
        return inText(saved)
      }
      case 'fresh': {
        const saved = structuredClone(optimizer.save())
        if (!this.#isSteady) {
          this.#moveOn(command.shift)
          // Of an optimizer that has gone elsewhere nothing must be left.
          const other = this.#make(plan, (i) => values(dtype, plan.tensors[i].length, 99 + i))
          other.point()
          other.step(build(plan.structure, (i) => values(dtype, plan.tensors[i].length, 98 + i)) as never)
          other.restore(saved, { onWarning: refuse })
          this.optimizer = other
          this.#hasNoGroups = false
        }
        return inText(saved)
      }
      case 'remember':
        this.#remembered = structuredClone(optimizer.save())
        return inText(this.#remembered)
      case 'restore':
        this.#remembered ??= structuredClone(optimizer.save())
        return optimizer.restore(this.#remembered, { partial: command.partial, onWarning: refuse })
      case 'zeroGrad':
        return optimizer.zeroGrad()
      case 'point':
        return inText(optimizer.point())
    }
  }

  /** The argument of a step, or what is in `grads`. */
  #gradients({ inPlace, seed, holes, wild }: Command & { call: 'step' | 'stepAsync' }, plan: Plan) {
    const { dtype } = this.#scenario
    const made = plan.tensors.map(({ length }, i) => {
      const gradient = values(dtype, length, seed + 31 * i)
      if (wild !== null && i === seed % plan.tensors.length && length > 0) {
        gradient[seed % length] = wildValues[dtype][wild]
      }
      return gradient
    })
    if (!inPlace) {
      return build(plan.structure, (i) => ((holes >> i) & 1 ? null : made[i])) as Gradients<never>
    }
    const grads: FloatArray[] = []
    const collect = (node: unknown, structure: Nested): void => {
      if (typeof structure === 'number') grads[structure] = node as FloatArray
      else
        for (const [key, child] of Object.entries(structure))
          collect((node as Record<string, unknown>)[key], child)
    }
    collect(this.optimizer.grads, plan.structure)
    for (const [i, gradient] of made.entries()) grads[i].set(gradient)
    return undefined
  }

  /** All that must be the same in all worlds. */
  seen(command: Command | null): string {
    const { optimizer } = this
    const { updates, rule, params, state, engine, threads } = optimizer
    if (engine !== this.variant.engine) throw new Error(`${engine} instead of ${this.variant.name}`)
    if (threads !== (this.variant.threads ?? threads)) throw new Error(`${threads} threads`)
    const { zeroGrads, average } = this.#scenario.around
    const step = command?.call === 'step' || command?.call === 'stepAsync' ? command : null
    // Not lr: where no tensor of the base rule is updated it is what it was, or NaN after loading.
    const { norm, norms, reason, skipped, nonFinite, skips } = optimizer.last
    return inText({
      ...{ updates, rule, params, state },
      average: average && optimizer.average,
      tensors: optimizer.report().tensors.map(({ engine: _, ...tensor }) => tensor),
      unmatched: optimizer.report().unmatched,
      last: step && { norm, norms, reason, skipped, nonFinite, skips },
      grads: zeroGrads && step?.inPlace && optimizer.grads,
    })
  }
}

function refuse(warning: string): never {
  throw new Error(warning)
}

/** Text that is the same where all bits are, but for those of a NaN, whatever the order of keys. */
function inText(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (ArrayBuffer.isView(inner)) {
      const words = withOneNaN(inner as FloatArray)
      return words.length > 200 ? digest([words]) : `${(inner as FloatArray).length} ${words.join()}`
    }
    if (typeof inner === 'number') return Object.is(inner, -0) ? '-0' : String(inner)
    if (typeof inner === 'function') return String(inner)
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
  })
}
