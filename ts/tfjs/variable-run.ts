/** An `Optimizer` whose parameters are TensorFlow.js variables. */

import { OptionError, TensorError } from '../core/errors.js'
import { omitUndefined } from '../core/untrusted-input.js'
import type { OptimizerOptions } from '../model/options.js'
import { Optimizer } from '../optimizer.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import { checkAvailable, engineOptions, type TfjsOptions, type VariableContent } from './options.js'
import {
  assign,
  checkGradient,
  checkShape,
  type NamedVariable,
  toNamedTensors,
  toRecord,
  valuesOf,
  variableOf,
} from './tensors.js'
import type { NamedTensor, TfjsModule, Variable } from './types.js'
import { fromWeights, toWeights } from './weights.js'

/** A variable that the optimizer updates. */
interface KnownVariable {
  /**
   * The variable's name in the optimizer, which is the name at the time of the addition. After loading, variables may
   * have other names.
   */
  readonly name: string
  variable: Variable
  /** The `dataId` that was last read or written; null before the first access. */
  dataId: object | null
}

type Tensors = Readonly<Record<string, Float32Array>>
export type InnerOptimizer = Optimizer<Tensors>

export class VariableRun {
  readonly #tf: TfjsModule
  readonly #rule: Rule | CustomRule
  readonly #options: TfjsOptions
  #optimizer: InnerOptimizer | null = null
  readonly #known = new Map<string, KnownVariable>()
  /** Shapes of loaded tensors by name, until their variables appear. */
  #loaded = new Map<string, readonly number[] | null>()
  #shown: VariableContent = 'gradientPoint'

  /** @throws the errors of the constructor of `Optimizer`, when the model is compiled */
  constructor(tf: TfjsModule, rule: Rule | CustomRule, options: TfjsOptions) {
    this.#tf = tf
    this.#rule = rule
    this.#options = { ...options }
    checkAvailable(this.#options)
    this.#makeOptimizer({ trial: Float32Array.of(0) }, { trial: [1] })
  }

  /** The underlying optimizer; null before the first step. */
  get optimizer(): InnerOptimizer | null {
    return this.#optimizer
  }

  /** @throws OptionError if the variables do not contain the point at which the rule needs the gradient */
  checkPoint(call: string): void {
    if (this.#shown === 'gradientPoint') return
    throw new OptionError(
      call,
      "variables that contain the result of show('gradientPoint')",
      `variables written by show('${this.#shown}')`,
    )
  }

  /** Reads gradients by the optimizer's names of the variables, and adds unknown variables. */
  readGradients(given: unknown): Tensors {
    const named = toNamedTensors(given)
    const variables = named.map(({ name }) => variableOf(this.#tf, name))
    for (const [i, gradient] of named.entries()) checkGradient(gradient, variables[i])
    this.#meet(named.map(({ name }, i) => ({ name, variable: variables[i] })))
    const gradients: Record<string, Float32Array> = {}
    for (const { name, tensor } of named) {
      // A variable has no gradient if the loss does not depend on the variable.
      if (tensor) gradients[(this.#known.get(name) as KnownVariable).name] = valuesOf(this.#tf, tensor)
    }
    return gradients
  }

  /** Makes a step with the result of {@link readGradients}. */
  step(gradients: Tensors): void {
    // Without variables, no optimizer exists.
    if (this.#optimizer?.step(gradients)) this.#write(this.#optimizer, 'gradientPoint')
  }

  show(what: VariableContent): void {
    if (this.#optimizer === null) throw new OptionError('show', 'at least one earlier step', 'none')
    if (what !== 'params' && what !== 'gradientPoint' && what !== 'average') {
      throw new OptionError('show', "'params', 'gradientPoint' or 'average'", what)
    }
    this.#readChanged(this.#optimizer)
    this.#write(this.#optimizer, what)
  }

  /** The run as named tensors; empty before the first step. */
  getWeights(): NamedTensor[] {
    if (this.#optimizer === null) return []
    this.#readChanged(this.#optimizer)
    return toWeights(this.#optimizer.save(), this.#tf)
  }

  async setWeights(weights: readonly NamedTensor[]): Promise<void> {
    const saved = await fromWeights(weights)
    this.#optimizer = Optimizer.load(saved, omitUndefined(engineOptions(this.#options)))
    this.#loaded = new Map(Object.entries(saved.tensors).map(([name, { shape }]) => [name, shape]))
    this.#known.clear()
    this.#shown = 'gradientPoint'
  }

  /** The rule and the options, for saving. */
  getConfig(): object {
    const running = engineOptions(this.#options)
    const options = Object.entries(this.#options).filter(([name]) => !Object.hasOwn(running, name))
    const config = { rule: this.#rule, options: Object.fromEntries(options) }
    const text = JSON.stringify(config, (key, value) => {
      if (typeof value !== 'function') return value
      throw new OptionError(`getConfig: ${key}`, 'plain data (functions cannot be saved)', value)
    })
    // When loading, TensorFlow.js converts each _x to X, even in values. Escaped underscores prevent this conversion.
    return { antigrad: text.replaceAll('_', '\\u005f') }
  }

  /** Adds unknown variables, and reads the changed values of known variables. */
  #meet(variables: readonly NamedVariable[]): void {
    const strangers = variables.filter(({ name }) => !this.#known.has(name))
    if (strangers.length > 0) {
      if (this.#loaded.size > 0) this.#claim(strangers)
      else this.#add(strangers)
    }
    for (const { name, variable } of variables) {
      const known = this.#known.get(name) as KnownVariable
      if (known.variable === variable) continue
      // The name of the variable may belong to a disposed model.
      checkShape(name, variable, known.variable.shape)
      known.variable = variable
    }
    if (this.#optimizer !== null) this.#readChanged(this.#optimizer)
  }

  #add(strangers: readonly NamedVariable[]): void {
    const values = toRecord(strangers, (variable) => valuesOf(this.#tf, variable))
    const shapes = toRecord(strangers, ({ shape }) => shape)
    if (this.#optimizer === null) {
      this.#optimizer = this.#makeOptimizer(values, shapes)
    } else this.#optimizer.add(values, { shapes })
    for (const { name, variable } of strangers)
      this.#known.set(name, { name, variable, dataId: variable.dataId })
    // The gradients were computed at the values of the variables, which is the point at which the rule expects the
    // first gradients.
    this.#optimizer.gradientPoint()
  }

  #makeOptimizer(values: Tensors, shapes: Record<string, readonly number[]>): InnerOptimizer {
    const options = { ...this.#options, shapes } as OptimizerOptions
    return new Optimizer(values, this.#rule, options) as unknown as InnerOptimizer
  }

  /** Matches variables of a loaded model by name or, if TensorFlow.js has renamed them, by order. */
  #claim(strangers: readonly NamedVariable[]): void {
    const names = [...this.#loaded.keys()]
    const hasNames = strangers.every(({ name }) => this.#loaded.has(name))
    if (!hasNames && strangers.length !== names.length) {
      const theirs = strangers.map(({ name }) => name).join(', ')
      throw new TensorError('variables', `the saved variables ${names.join(', ')}`, `the variables ${theirs}`)
    }
    const claimed = strangers.map(({ name, variable }, i) => {
      const saved = hasNames ? name : names[i]
      checkShape(name, variable, this.#loaded.get(saved) ?? variable.shape)
      return [name, { name: saved, variable, dataId: null }] as const
    })
    for (const [name, known] of claimed) {
      this.#known.set(name, known)
      this.#loaded.delete(known.name)
    }
  }

  /** Adopts values that other code has assigned to variables as parameters. */
  #readChanged(optimizer: InnerOptimizer): void {
    for (const known of this.#known.values()) {
      const { name, variable, dataId } = known
      if (variable.dataId === dataId || variable.isDisposed) continue
      const values = valuesOf(this.#tf, variable)
      // Variables of a loaded model contain the saved gradient point. For some rules, this point differs from the
      // parameters.
      const shown = this.#viewsOf(optimizer, this.#shown)[name]
      if (!isSame(values, shown)) optimizer.params[name].set(values)
      known.dataId = variable.dataId
    }
  }

  #viewsOf(optimizer: InnerOptimizer, what: VariableContent): Tensors {
    return what === 'gradientPoint' ? optimizer.gradientPoint() : optimizer[what]
  }

  #write(optimizer: InnerOptimizer, what: VariableContent): void {
    const views = this.#viewsOf(optimizer, what)
    for (const known of this.#known.values()) {
      if (known.variable.isDisposed) continue
      assign(this.#tf, known.variable, views[known.name])
      known.dataId = known.variable.dataId
    }
    this.#shown = what
  }
}

const isSame = (a: Float32Array, b: Float32Array): boolean => a.every((x, i) => Object.is(x, b[i]))
