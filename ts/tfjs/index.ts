/** Optimizers for TensorFlow.js: what `model.compile` takes, with any rule of antigrad. */

import { OptionError } from '../core/errors.js'
import type { LoadOptions, Optimizer } from '../optimizer.js'
import type { CustomRule, Rule } from '../rules/definitions.js'
import type { TfjsOptions, VariableContent } from './options.js'
import type { NamedTensor, Tfjs, TfjsModule, TfjsTensor } from './types.js'
import { type InnerOptimizer, VariableRun } from './variable-run.js'

export type { TfjsOptions, VariableContent } from './options.js'
export type { NamedTensor, Tfjs, TfjsTensor, Variable } from './types.js'

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

    readonly #run: VariableRun
    /** What was given to be saved: not wanted any more at the next step. */
    #lent: NamedTensor[] = []

    constructor(rule: Rule | CustomRule, options: TfjsOptions = {}) {
      super()
      this.#run = new VariableRun(tf, rule, options)
    }

    get optimizer(): InnerOptimizer | null {
      return this.#run.optimizer
    }

    get iterations(): number {
      return this.optimizer?.updates ?? 0
    }

    applyGradients(given: readonly NamedTensor[] | Readonly<Record<string, TfjsTensor>>): void {
      this.#run.checkPoint('applyGradients')
      const gradients = this.#run.readGradients(given)
      this.dispose()
      this.#run.step(gradients)
    }

    show(what: VariableContent): void {
      this.#run.show(what)
    }

    async getWeights(): Promise<NamedTensor[]> {
      this.#run.checkPoint('getWeights')
      this.dispose()
      this.#lent = this.#run.getWeights()
      return this.#lent
    }

    async setWeights(weights: readonly NamedTensor[]): Promise<void> {
      await this.#run.setWeights(weights)
    }

    getConfig(): object {
      return this.#run.getConfig()
    }

    dispose(): void {
      for (const { tensor } of this.#lent) tensor.dispose()
      this.#lent = []
    }
  }
  tf.serialization.registerClass(Antigrad)
  return Antigrad
}
