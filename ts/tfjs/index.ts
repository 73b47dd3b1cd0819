/** Optimizers for TensorFlow.js: what `model.compile` takes, with any rule of antigrad. */

import { OptionError, TensorError } from '../core/errors.js'
import { isObject, omitUndefined } from '../core/untrusted-input.js'
import type { OptimizerOptions } from '../model/options.js'
import { type LoadOptions, Optimizer } from '../optimizer.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { NamedTensor, Tfjs, TfjsModule, TfjsTensor, Variable } from './types.js'
import { fromWeights, toWeights } from './weights.js'

export type { NamedTensor, Tfjs, TfjsTensor, Variable } from './types.js'

/** As those of `Optimizer`; groups match the names of variables, as in `'*\/bias'`, and shapes are the variables'. */
export type TfjsOptions<R = Rule, N extends Rule['name'] = never> = Omit<
  OptimizerOptions<unknown, R, N>,
  'shapes' | 'zeroGrads'
>

/** What variables can hold: what the rule has reached, where it wants the next gradient, or the average. */
export type VariableContent = 'params' | 'gradientPoint' | 'average'

/** What an optimizer for TensorFlow.js has beside what every one of them has. */
export interface TfjsOptimizer<R extends Rule | CustomRule = Rule, N extends Rule['name'] = never> {
  /**
   * The optimizer that makes the steps, by names of variables; null before the first one. Its `set`, `freeze`,
   * `unfreeze`, `report` and `lastStep` are for all to use; tensors come and are written by themselves.
   */
  readonly optimizer: Optimizer<Readonly<Record<string, Float32Array>>, R, N> | null

  /**
   * Writes parameters into the variables. They hold the point where the rule wants its next gradient, which is
   * that of the parameters but for Schedule-Free rules and Nesterov's shifted form. To evaluate a model, show
   * 'params' or 'average'; before it is trained on or saved with its optimizer, 'gradientPoint' again.
   *
   * @throws OptionError where there was no step yet, `what` is none of these, or there is no average
   */
  show(what: VariableContent): void

  getWeights(): Promise<NamedTensor[]>
  setWeights(weights: readonly NamedTensor[]): Promise<void>
}

/** Makes optimizers for one copy of TensorFlow.js. */
export interface TfjsOptimizerClass<O> {
  /**
   * @param rule such as `adamw({ lr: 1e-3 })`
   * @throws what the constructor of `Optimizer` throws
   */
  new <R extends Rule | CustomRule, N extends Rule['name'] = never>(
    rule: R,
    options?: TfjsOptions<R, N>,
  ): O & TfjsOptimizer<R, N>
  readonly className: 'Antigrad'
}

/** Options of `Optimizer` that nobody can give here. */
const UNAVAILABLE_OPTIONS = {
  shapes: 'variables have theirs',
  zeroGrads: 'gradients come anew for each step',
}

/** A variable that is updated. */
interface KnownVariable {
  /** What the optimizer calls it: the variable's name where it came, which a loaded one may not have. */
  readonly name: string
  variable: Variable
  /** What was read or written last; null where nothing was yet. */
  dataId: object | null
}

type InnerOptimizer = Optimizer<Readonly<Record<string, Float32Array>>>

const classes = new WeakMap<object, unknown>()

/**
 * The class of antigrad's optimizers for a copy of TensorFlow.js, which learns to load models that were saved with
 * them: call it before `loadLayersModel`. Nothing of TensorFlow.js is imported here, so there is one copy of it.
 *
 * Parameters and state lie in an `Optimizer`; each step reads the gradients, and writes new values to the variables.
 * No tensor outlives a step. What else assigns to variables is seen, and goes on from there.
 *
 * @param tf as `import * as tf from '@tensorflow/tfjs'` gives it
 * @param _imports `rules` and `schedules` that a loaded model may have and nothing else in the program calls, as for
 * `Optimizer.load`: to name them is what imports them
 * @throws OptionError where `tf` is not TensorFlow.js
 * @example
 * const TfjsOptimizer = optimizerClass(tf)
 * model.compile({ optimizer: new TfjsOptimizer(adamw({ lr: 1e-3 })), loss: 'meanSquaredError' })
 */
export function optimizerClass<T extends Tfjs>(
  tf: T,
  _imports: Pick<LoadOptions, 'rules' | 'schedules'> = {},
): TfjsOptimizerClass<InstanceType<T['Optimizer']>> {
  const used = tf as unknown as TfjsModule | null | undefined
  if (typeof used?.Optimizer !== 'function' || typeof used.engine !== 'function') {
    throw new OptionError('tf', "TensorFlow.js, as import * as tf from '@tensorflow/tfjs' gives it", tf)
  }
  const made = classes.get(used.Optimizer) ?? makeClass(used)
  classes.set(used.Optimizer, made)
  return made as TfjsOptimizerClass<InstanceType<T['Optimizer']>>
}

function makeClass(tf: TfjsModule): unknown {
  class Antigrad extends tf.Optimizer {
    static readonly className = 'Antigrad'

    static fromConfig(_: unknown, config: { readonly antigrad: string }): Antigrad {
      const { rule, options } = JSON.parse(config.antigrad)
      return new Antigrad(rule, options)
    }

    readonly #rule: Rule | CustomRule
    readonly #options: TfjsOptions
    #optimizer: InnerOptimizer | null = null
    readonly #known = new Map<string, KnownVariable>()
    /** Shapes of what was loaded, by name, until its variables come. */
    #loaded = new Map<string, readonly number[] | null>()
    #shown: VariableContent = 'gradientPoint'
    #wantsPoint = false
    /** What was given to be saved: not wanted any more at the next step. */
    #lent: readonly NamedTensor[] = []

    constructor(rule: Rule | CustomRule, options: TfjsOptions = {}) {
      super()
      // What is wrong is said when a model is compiled, not when it is trained.
      this.#rule = rule
      this.#options = { ...options }
      for (const [name, given] of Object.entries(this.#options)) {
        const why =
          Object.hasOwn(UNAVAILABLE_OPTIONS, name) &&
          UNAVAILABLE_OPTIONS[name as keyof typeof UNAVAILABLE_OPTIONS]
        if (why && given !== undefined) throw new OptionError(`options: ${name}`, `none, as ${why}`, given)
      }
      this.#made({ trial: Float32Array.of(0) }, { trial: [1] })
    }

    get optimizer(): InnerOptimizer | null {
      return this.#optimizer
    }

    get iterations(): number {
      return this.#optimizer?.updates ?? 0
    }

    applyGradients(given: readonly NamedTensor[] | Readonly<Record<string, TfjsTensor>>): void {
      this.#checkPoint('applyGradients')
      const named = toNamedTensors(given)
      const variables = named.map(({ name }) => variableOf(name))
      named.forEach(({ name, tensor }, i) => {
        if (!tensor || (tensor.size === variables[i].size && tensor.dtype === 'float32')) return
        const expected = `a gradient of ${variables[i].size} numbers in float32`
        throw new TensorError(name, expected, `one of ${tensor.size} in ${tensor.dtype}`)
      })
      const optimizer = this.#meet(named.map(({ name }, i) => ({ name, variable: variables[i] })))
      if (optimizer === null) return
      const gradients: Record<string, Float32Array> = {}
      for (const { name, tensor } of named) {
        // A variable on which the loss does not depend has none.
        if (tensor) gradients[(this.#known.get(name) as KnownVariable).name] = valuesOf(tensor)
      }
      this.#free()
      if (optimizer.step(gradients)) this.#write(optimizer, 'gradientPoint')
    }

    show(what: VariableContent): void {
      if (this.#optimizer === null) throw new OptionError('show', 'a step before', 'none')
      if (what !== 'params' && what !== 'gradientPoint' && what !== 'average') {
        throw new OptionError('show', "'params', 'gradientPoint' or 'average'", what)
      }
      this.#readChanged(this.#optimizer)
      this.#write(this.#optimizer, what)
    }

    async getWeights(): Promise<NamedTensor[]> {
      this.#checkPoint('getWeights')
      this.#free()
      if (this.#optimizer === null) return []
      this.#readChanged(this.#optimizer)
      const weights = toWeights(this.#optimizer.save(), tf)
      this.#lent = weights
      return weights
    }

    async setWeights(weights: readonly NamedTensor[]): Promise<void> {
      const saved = await fromWeights(weights)
      this.#optimizer = Optimizer.load(saved, omitUndefined(engineOptions(this.#options)))
      this.#loaded = new Map(Object.entries(saved.tensors).map(([name, { shape }]) => [name, shape]))
      this.#known.clear()
      this.#shown = 'gradientPoint'
      this.#wantsPoint = wantsPoint(this.#optimizer)
    }

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

    dispose(): void {
      this.#free()
    }

    #free(): void {
      for (const { tensor } of this.#lent) tensor.dispose()
      this.#lent = []
    }

    #checkPoint(call: string): void {
      if (this.#shown === 'gradientPoint') return
      throw new OptionError(
        call,
        "variables as show('gradientPoint') leaves them",
        `what show('${this.#shown}') wrote`,
      )
    }

    /** Knows these variables from now on, and has the values of all that it knows. */
    #meet(
      variables: readonly { readonly name: string; readonly variable: Variable }[],
    ): InnerOptimizer | null {
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
      return this.#optimizer
    }

    #add(strangers: readonly { readonly name: string; readonly variable: Variable }[]): void {
      const values = toRecord(strangers, (variable) => valuesOf(variable))
      const shapes = toRecord(strangers, ({ shape }) => shape)
      if (this.#optimizer === null) {
        this.#optimizer = this.#made(values, shapes)
      } else this.#optimizer.add(values, { shapes })
      for (const { name, variable } of strangers)
        this.#known.set(name, { name, variable, dataId: variable.dataId })
      this.#wantsPoint = wantsPoint(this.#optimizer)
    }

    #made(values: Record<string, Float32Array>, shapes: Record<string, readonly number[]>): InnerOptimizer {
      const options = { ...this.#options, shapes } as OptimizerOptions
      return new Optimizer(values, this.#rule, options) as unknown as InnerOptimizer
    }

    /** Variables of a loaded model have their names, or, where these were taken, their order. */
    #claim(strangers: readonly { readonly name: string; readonly variable: Variable }[]): void {
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
        const values = valuesOf(variable)
        // A model that was loaded has what was saved, which for some rules is not where the parameters are.
        const shown = this.#viewsOf(optimizer, this.#shown)[name]
        if (!isSame(values, shown)) optimizer.params[name].set(values)
        known.dataId = variable.dataId
      }
    }

    #viewsOf(optimizer: InnerOptimizer, what: VariableContent): Readonly<Record<string, Float32Array>> {
      return what === 'gradientPoint'
        ? this.#wantsPoint
          ? optimizer.gradientPoint()
          : optimizer.params
        : optimizer[what]
    }

    #write(optimizer: InnerOptimizer, what: VariableContent): void {
      const views = this.#viewsOf(optimizer, what)
      for (const known of this.#known.values()) {
        if (known.variable.isDisposed) continue
        assign(known.variable, views[known.name])
        known.dataId = known.variable.dataId
      }
      this.#shown = what
    }
  }

  /** Good until TensorFlow.js does something else: the backend in WebAssembly copies nothing then. */
  function valuesOf(tensor: TfjsTensor): Float32Array {
    return tf.backend().typedArrayFromHeap?.(tensor) ?? (tensor.dataSync() as Float32Array)
  }

  /**
   * Always a new tensor: kernels keep what they have made of the weights of one, such as packed matrices, and users
   * keep what `dataSync` gave them.
   */
  function assign(variable: Variable, values: Float32Array): void {
    const isCopied = tf.backend().typedArrayFromHeap !== undefined
    const tensor = tf.tensor(isCopied ? values : values.slice(), variable.shape, 'float32')
    variable.assign(tensor)
    tensor.dispose()
  }

  function variableOf(name: string): Variable {
    const variable = tf.engine().registeredVariables[name]
    if (variable === undefined) throw new TensorError(name, 'the name of a variable', 'one that there is not')
    if (variable.dtype === 'float32') return variable
    throw new TensorError(name, 'a variable in float32', `one in ${variable.dtype}`)
  }

  tf.serialization.registerClass(Antigrad)
  return Antigrad
}

/** Where it runs is not saved. */
const engineOptions = ({ engine, instructionSet, threads }: TfjsOptions) => ({
  engine,
  instructionSet,
  threads,
})

const wantsPoint = (optimizer: InnerOptimizer): boolean => optimizer.gradientPoint() !== optimizer.params

function toNamedTensors(given: unknown): readonly NamedTensor[] {
  if (Array.isArray(given)) return given
  if (isObject(given)) return Object.entries(given).map(([name, tensor]) => ({ name, tensor }))
  throw new TensorError('gradients', 'tensors by name, or a list of them with names', given)
}

const toRecord = <T>(
  variables: readonly { readonly name: string; readonly variable: Variable }[],
  compute: (variable: Variable) => T,
): Record<string, T> => Object.fromEntries(variables.map(({ name, variable }) => [name, compute(variable)]))

function checkShape(name: string, { shape }: Variable, expected: readonly number[]): void {
  if (`${shape}` !== `${expected}`)
    throw new TensorError(name, `the shape [${expected}]`, `a variable of the shape [${shape}]`)
}

const isSame = (a: Float32Array, b: Float32Array): boolean => a.every((x, i) => Object.is(x, b[i]))
