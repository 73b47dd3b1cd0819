/** An `Optimizer` whose parameters are variables of TensorFlow.js. */

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

/** A variable that is updated. */
interface KnownVariable {
  /** What the optimizer calls it: the variable's name where it came, which a loaded one may not have. */
  readonly name: string
  variable: Variable
  /** What was read or written last; null where nothing was yet. */
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
  /** Shapes of what was loaded, by name, until its variables come. */
  #loaded = new Map<string, readonly number[] | null>()
  #shown: VariableContent = 'gradientPoint'

  /** @throws what the constructor of `Optimizer` throws: when a model is compiled, not when it is trained */
  constructor(tf: TfjsModule, rule: Rule | CustomRule, options: TfjsOptions) {
    this.#tf = tf
    this.#rule = rule
    this.#options = { ...options }
    checkAvailable(this.#options)
    this.#makeOptimizer({ trial: Float32Array.of(0) }, { trial: [1] })
  }

  /** Null before the first step. */
  get optimizer(): InnerOptimizer | null {
    return this.#optimizer
  }

  /** @throws OptionError where variables hold something else than the point where the rule wants its gradient */
  checkPoint(call: string): void {
    if (this.#shown === 'gradientPoint') return
    throw new OptionError(
      call,
      "variables as show('gradientPoint') leaves them",
      `what show('${this.#shown}') wrote`,
    )
  }

  /** Gradients by what the optimizer calls their variables, which it knows from now on. */
  readGradients(given: unknown): Tensors {
    const named = toNamedTensors(given)
    const variables = named.map(({ name }) => variableOf(this.#tf, name))
    for (const [i, gradient] of named.entries()) checkGradient(gradient, variables[i])
    this.#meet(named.map(({ name }, i) => ({ name, variable: variables[i] })))
    const gradients: Record<string, Float32Array> = {}
    for (const { name, tensor } of named) {
      // A variable on which the loss does not depend has none.
      if (tensor) gradients[(this.#known.get(name) as KnownVariable).name] = valuesOf(this.#tf, tensor)
    }
    return gradients
  }

  /** After {@link readGradients}. */
  step(gradients: Tensors): void {
    // Without any variable there is none.
    if (this.#optimizer?.step(gradients)) this.#write(this.#optimizer, 'gradientPoint')
  }

  show(what: VariableContent): void {
    if (this.#optimizer === null) throw new OptionError('show', 'a step before', 'none')
    if (what !== 'params' && what !== 'gradientPoint' && what !== 'average') {
      throw new OptionError('show', "'params', 'gradientPoint' or 'average'", what)
    }
    this.#readChanged(this.#optimizer)
    this.#write(this.#optimizer, what)
  }

  /** The run as named tensors; none before the first step. */
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

  /** The rule and its options. */
  getConfig(): object {
    const running = engineOptions(this.#options)
    const options = Object.entries(this.#options).filter(([name]) => !Object.hasOwn(running, name))
    const config = { rule: this.#rule, options: Object.fromEntries(options) }
    const text = JSON.stringify(config, (key, value) => {
      if (typeof value !== 'function') return value
      throw new OptionError(`getConfig: ${key}`, 'plain data, as a function cannot be saved', value)
    })
    // TensorFlow.js makes an X of each _x when it loads, in values too.
    return { antigrad: text.replaceAll('_', '\\u005f') }
  }

  /** Knows these variables from now on, and has the values of all that it knows. */
  #meet(variables: readonly NamedVariable[]): void {
    const strangers = variables.filter(({ name }) => !this.#known.has(name))
    if (strangers.length > 0) {
      if (this.#loaded.size > 0) this.#claim(strangers)
      else this.#add(strangers)
    }
    for (const { name, variable } of variables) {
      const known = this.#known.get(name) as KnownVariable
      if (known.variable === variable) continue
      // A model that was disposed left its name.
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
    // These gradients are taken where the rule wants them.
    this.#optimizer.gradientPoint()
  }

  #makeOptimizer(values: Tensors, shapes: Record<string, readonly number[]>): InnerOptimizer {
    const options = { ...this.#options, shapes } as OptimizerOptions
    return new Optimizer(values, this.#rule, options) as unknown as InnerOptimizer
  }

  /** Variables of a loaded model have their names, or, where these were taken, their order. */
  #claim(strangers: readonly NamedVariable[]): void {
    const names = [...this.#loaded.keys()]
    const hasNames = strangers.every(({ name }) => this.#loaded.has(name))
    if (!hasNames && strangers.length !== names.length) {
      const theirs = strangers.map(({ name }) => name).join(', ')
      throw new TensorError(
        'variables',
        `those that were saved: ${names.join(', ')}`,
        `the variables ${theirs}`,
      )
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

  /** What somebody else has assigned to variables are the parameters now. */
  #readChanged(optimizer: InnerOptimizer): void {
    for (const known of this.#known.values()) {
      const { name, variable, dataId } = known
      if (variable.dataId === dataId || variable.isDisposed) continue
      const values = valuesOf(this.#tf, variable)
      // A model that was loaded has what was saved, which for some rules is not where the parameters are.
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
