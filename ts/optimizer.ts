import { Arena, type Family } from './arena.js'
import { Cohorts, coefficientsOf, RuleInUse } from './cohorts.js'
import type { EngineName } from './engines/engine.js'
import { choose, requestedEngine } from './engines/index.js'
import { BusyError, OptionError } from './errors.js'
import { ALL, check, NONE, type Present, read } from './gradients.js'
import { GRADIENTS, PARAMETERS } from './manifest.js'
import { checkOptions, type OptimizerOptions } from './options.js'
import type { Rule } from './rules/definitions.js'
import { resolve } from './rules/resolve.js'
import { type AnyRule, changed, type OptionsOf } from './rules/rule.js'
import { type States, statesOf } from './state.js'
import { Steps } from './steps.js'
import {
  flatten,
  type Gradients,
  inOrderOfNames,
  type Parameters,
  type Shape,
  type Tree,
  unflatten,
  type Views,
} from './tensors.js'
import { lengthOf } from './typed-arrays.js'

/**
 * Updates parameters by a rule, in place.
 *
 * The values that are passed in are **copied**: read and write the live views `params`, not your own
 * array. Parameters, gradients and state lie in one arena that the garbage collector frees with the
 * optimizer and its views.
 *
 * @example
 * const optimizer = new Optimizer({ weight, bias }, adamw({ lr: 1e-3 }))
 * optimizer.step({ weight: dWeight, bias: dBias })
 * optimizer.params.weight // updated
 */
export class Optimizer<const P = unknown, R extends Rule = Rule> {
  /**
   * Live views of the parameters, in the shape that was passed in. Their buffer has more in it, other
   * optimizers too, and structuredClone and postMessage copy all of it: give them `view.slice()`.
   */
  readonly params: Views<P>
  /**
   * Live views of the gradients, for `step()` without an argument, in the same buffer as `params`. After
   * a step their values are unspecified, unless `zeroGrads` has set them to 0.
   */
  readonly grads: Views<P>
  /** What runs: 'native', 'wasm' or 'typescript'. The same bits in each. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
  /** On how many threads a step runs. */
  readonly threads: number

  readonly #arena: Arena
  readonly #shape: Shape
  readonly #names: readonly string[]
  readonly #use: RuleInUse
  readonly #isDelayed: boolean
  readonly #cohorts: Cohorts
  readonly #steps: Steps
  #updates = 0
  #isBusy = false
  #rule: R | undefined
  #state: States<P, R> | undefined
  #point: Views<P> | undefined

  /**
   * @param params one Float32Array or Float64Array, or lists and records of them, nested up to 100
   * deep, of one dtype, each array and each dotted name once; copied
   * @param rule such as `adam({ lr: 1e-3 })`; its options are checked again
   * @throws TensorError for parameters, OptionError for options or the rule, EngineError where an
   * engine was asked for that cannot run here, MemoryError where there is no memory
   */
  constructor(params: P & Parameters, rule: R, options?: OptimizerOptions)
  constructor(params: P & Tree<P>, rule: R, options?: OptimizerOptions)
  constructor(params: unknown, rule: R, options: OptimizerOptions = {}) {
    const { clip, zeroGrads, engine, forced } = checkOptions(options)
    const resolved = resolve(rule)
    const { shape, names, values, dtype } = flatten(params)
    const requested = requestedEngine(engine)
    const use = new RuleInUse(resolved)
    const coefficients = coefficientsOf(use)
    const families: Family[] = [
      { tensors: values.length, state: use.state, byTensor: use.byTensor, coefficients },
    ]
    const arena = new Arena(dtype, values.map(lengthOf), families)
    const choice = choose(arena, requested, forced)
    const [firstArray] = arena.firstArrays

    this.#arena = arena
    this.engine = choice.engine.name
    this.engineReasons = choice.reasons
    this.threads = choice.runner.threads
    this.#shape = shape
    this.#names = names
    this.#use = use
    this.#isDelayed = resolved.isDelayed
    arena.zeroesGradients = zeroGrads

    this.params = this.#views(() => PARAMETERS)
    this.grads = this.#views(() => GRADIENTS)
    const starts = Object.entries(use.definition.starts(use.rule as never))
    values.forEach((value, i) => {
      arena.view(PARAMETERS, i).set(value)
      for (const [name, start] of starts) {
        const state = arena.view(firstArray + use.state.indexOf(name), i)
        if (start === 'parameters') state.set(value)
        else if (start !== 0) state.fill(start as number)
      }
    })
    this.#cohorts = new Cohorts(
      arena,
      values.map(() => use),
      values.map(() => firstArray),
      clip.value,
    )
    this.#steps = new Steps(arena, choice.runner, this.#cohorts, inOrderOfNames(shape), clip.norm)
  }

  /** The rule, with what `set` has changed. */
  get rule(): R {
    if (this.#rule === undefined) {
      const rule = Object.freeze({ ...this.#use.rule })
      const { delay } = this.#use
      const whole = this.#isDelayed ? Object.freeze({ name: 'delayedStart', updates: delay, rule }) : rule
      this.#rule = whole as unknown as R
    }
    return this.#rule
  }

  /** How many steps have updated something: the t that schedules see at the next one. */
  get updates(): number {
    return this.#updates
  }

  /**
   * Live views of the state by tensor, in the shape of the parameters and the same buffer, and its
   * count of updates.
   */
  get state(): States<P, R> {
    this.#checkFree('state')
    this.#state ??= statesOf<P, R>(this.#shape, this.#arena, this.#use, this.#cohorts)
    return this.#state
  }

  /**
   * One update, in place.
   *
   * @param gradients in the shape of the parameters, which are not changed and not kept. A tensor whose
   * gradient is missing or null is skipped, and its count of updates stands still. Without an
   * argument the gradients are those in `grads`, and nothing is copied.
   * @throws TensorError where a gradient's name, type or length is not its tensor's; OptionError
   * where a schedule gives a value out of its option's range; BusyError where a getter or a schedule
   * of yours calls this optimizer meanwhile. Nothing has changed then.
   */
  step(gradients?: Gradients<P>): void {
    const present = this.#begin('step', gradients)
    if (present === NONE) return
    this.#steps.run(present)
    this.#updates++
  }

  /**
   * One update off the main thread: the same bits as `step`, and the event loop stays free.
   *
   * Gradients that are passed in are copied before this returns, so you may reuse or transfer them
   * at once. Until the promise resolves, `params` and `grads` may be read (what is seen is partly
   * updated) but not written. Without the addon, or where the arena is not in a WebAssembly memory, it
   * runs in slices on the main thread.
   *
   * @throws (rejects with) what `step` throws, and BusyError while another stepAsync is under way;
   * so do `step`, `set`, `state`, `zeroGrad` and `point` meanwhile
   */
  async stepAsync(gradients?: Gradients<P>): Promise<void> {
    const present = this.#begin('stepAsync', gradients)
    if (present === NONE) return
    this.#isBusy = true
    try {
      await this.#steps.runAsync(present)
      this.#updates++
    } finally {
      this.#isBusy = false
    }
  }

  /** All of a step that may fail: afterwards gradients are checked, schedules evaluated, segments laid out. */
  #begin(call: string, given: unknown): Present {
    this.#checkFree(call)
    let present = ALL
    if (given !== undefined || this.#use.isScheduled) {
      present = this.#ask(given)
      if (present === NONE) return NONE
    }
    const isAll = present === ALL || !present.includes(undefined)
    if (!isAll || !this.#cohorts.isComplete) {
      this.#cohorts.layOut((tensor) => isAll || present[tensor] !== undefined)
    }
    return present
  }

  /** All of a step in which code of the user's runs. */
  #ask(given: unknown): Present {
    let present = ALL
    // Neither a getter nor a schedule may step, or change, what is being stepped.
    this.#isBusy = true
    try {
      if (given !== undefined) {
        present = this.#read(given)
        if (present === NONE) return NONE
      }
      if (this.#use.isScheduled) {
        this.#use.evaluate(this.#updates)
        // It may have run anything.
        check(present, this.#steps.gradients, this.#names)
      }
    } finally {
      this.#isBusy = false
    }
    this.#arena.checkAttached()
    return present
  }

  #read(given: unknown): Present {
    const found: unknown[] = []
    for (let i = 0; i < this.#names.length; i++) found.push(undefined)
    read(this.#shape, given, found)
    check(found, this.#steps.gradients, this.#names)
    for (let i = 0; i < found.length; i++) if (found[i] !== undefined) return found
    return NONE
  }

  /** Sets all gradients in `grads` to 0. */
  zeroGrad(): void {
    this.#checkFree('zeroGrad')
    this.#arena.plane(GRADIENTS).fill(0)
  }

  /**
   * Changes options of the rule for the steps to come, for instance `set({ lr: 1e-4 })`.
   *
   * @throws OptionError where an option is unknown, out of its range, or would change which arrays
   * of state there are or what they start from (amsgrad, momentum from or to 0, Nesterov's form,
   * initialAccumulator); BusyError in the middle of a step. Nothing has changed then.
   */
  set(options: OptionsOf<R>): void {
    this.#checkFree('set')
    const use = this.#use
    let rule: AnyRule
    // A getter among the options may not change what is being changed.
    this.#isBusy = true
    try {
      rule = changed(use.definition, use.rule, options)
    } finally {
      this.#isBusy = false
    }
    if (!use.keepsState(rule)) {
      const expected = `options under which ${rule.name} keeps the same arrays of state`
      throw new OptionError('set: options', expected, options)
    }
    use.change(rule)
    this.#rule = undefined
  }

  /**
   * The points at which the rule wants the next gradient, in the shape of the parameters: for
   * Nesterov's shifted form θ + α·v, computed at each call into views that stay the same; for any
   * other rule `params` itself.
   */
  point(): Views<P> {
    this.#checkFree('point')
    const { point, state } = this.#use
    if (point === undefined) return this.params
    this.#begin('point', undefined)
    this.#steps.writePoints()
    this.#point ??= this.#views(() => this.#arena.firstArrays[0] + state.indexOf('point'))
    return this.#point
  }

  /**
   * Not to be called: `JSON.stringify(optimizer)` would write something that cannot be read again.
   *
   * @throws OptionError, always: it says what to write instead
   */
  toJSON(): never {
    const expected = 'plain data: the rule, the values in params (Array.from(view)) and those in state'
    throw new OptionError('JSON.stringify', expected, 'a whole optimizer')
  }

  /** Neither in the middle of a step, nor an `ArrayBuffer` that is another's by now. */
  #checkFree(call: string): void {
    if (this.#isBusy) throw new BusyError(call)
    this.#arena.checkAttached()
  }

  #views(arrayOf: (tensor: number) => number): Views<P> {
    return unflatten(this.#shape, (tensor) => this.#arena.view(arrayOf(tensor), tensor)) as Views<P>
  }
}
