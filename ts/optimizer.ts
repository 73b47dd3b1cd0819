import { ACCUMULATED, AVERAGE, GRADIENTS, PARAMETERS, SLOW } from './arena/manifest.js'
import { applySaved, compare } from './checkpoint/apply.js'
import { confirm, readSaved } from './checkpoint/read.js'
import { type CopyArray, type SavedRun, save } from './checkpoint/write.js'
import { copyArray } from './core/copy.js'
import { BusyError, type CheckpointDifference, CheckpointError, OptionError } from './core/errors.js'
import {
  flatten,
  type Gradients,
  type MergedParams,
  type Params,
  type Tree,
  type Views,
} from './core/tensors.js'
import type { NoInfer } from './core/types.js'
import { ownProperties } from './core/untrusted-input.js'
import type { EngineName } from './engines/engine.js'
import { readEngineRequest } from './engines/select-engine.js'
import { ALL_GRADIENTS, check, NO_GRADIENTS, read, type StepGradients } from './gradients/read.js'
import { appendTensorRows, selectTensors, setAll, setSelected } from './model/changes.js'
import { Groups } from './model/groups.js'
import { Model } from './model/model.js'
import { prepareTensors } from './model/new-tensors.js'
import {
  checkOptions,
  engineOptions,
  type OptimizerOptions,
  placementOptions,
  ResolvedOptions,
  type StepOptions,
} from './model/options.js'
import type { Match } from './model/patterns.js'
import { collectStates, type States } from './model/state.js'
import { callback, flag, passThrough } from './options/kinds.js'
import { readOptions } from './options/read.js'
import { RuleInUse } from './rules/active-rule.js'
import type { CustomRule, Rule, RuleByName } from './rules/definitions.js'
import { resolve } from './rules/resolve.js'
import type { OptionsOf } from './rules/rule.js'
import type { Schedule } from './schedules/schedule.js'
import { makeReport, type OptimizerReport, StepReport } from './step/report.js'
import type { SparseRowsFor } from './step/rows.js'
import { Steps } from './step/step.js'

type CachedView = 'params' | 'grads' | 'state' | 'average' | 'point'

/** Saves a run with another copy function. `antigrad/files` copies an array only before the array changes. */
export let saveWith: <P, R extends Rule | CustomRule, N extends Rule['name']>(
  optimizer: Optimizer<P, R, N>,
  copy: CopyArray,
) => SavedRun

/** Options for reading a saved run. */
export interface RestoreOptions {
  /**
   * Receives a warning if equations have changed since the run was saved. The callback runs before anything is
   * restored. An exception of the callback ends the call. By default, `console.warn` prints warnings.
   */
  readonly onWarning?: (message: string) => void
  /**
   * New names of tensors: an object or Map from saved names to new names, or a function that maps a saved name to a new
   * name. Two equal new names, or an old name that was not saved, cause an OptionError. With `load`, a new name that
   * would move a tensor into a different array or object also causes an OptionError.
   */
  readonly rename?:
    | Readonly<Record<string, string>>
    | ReadonlyMap<string, string>
    | ((name: string) => string)
  /**
   * Rule functions that the program never calls, such as `[adamw]`. Listed functions become part of a bundle.
   */
  readonly rules?: readonly ((...options: never) => Rule | CustomRule)[]
  /**
   * Schedule functions that the program never calls, such as `[cosine]`. Listed functions become part of a bundle.
   */
  readonly schedules?: readonly ((...options: never) => Schedule)[]
}

/** The engine that continues a saved run, and options for reading the saved run. */
export interface LoadOptions
  extends RestoreOptions,
    Pick<OptimizerOptions, 'engine' | 'instructionSet' | 'threads'> {}

/**
 * Updates parameters in place by an update rule.
 *
 * The optimizer **copies** the arrays that you pass in. Read and write the live views in `params` instead of your own
 * arrays. Parameters, gradients and state share memory that is garbage-collected with the optimizer and its views.
 *
 * @example
 * const optimizer = new Optimizer({ weight, bias }, adamw({ lr: 1e-3 }), { groups: [noDecay()], shapes })
 * optimizer.step({ weight: dWeight, bias: dBias })
 * optimizer.params.weight // updated
 */
export class Optimizer<
  const P = unknown,
  R extends Rule | CustomRule = Rule,
  N extends Rule['name'] = never,
> {
  readonly #model: Model
  readonly #steps: Steps
  readonly #around: StepOptions
  /** The groups; null if some groups of a loaded run could not be saved. */
  #groups: Groups | null
  #isBusy = false
  readonly #last: StepReport
  /** Cached views, and the version of the model for which they were made. */
  #made: Partial<Record<CachedView, unknown>> = ownProperties({})
  #madeOf = -1

  /**
   * Makes an optimizer for one model. The optimizer copies the arrays, and `params` has live views of the current
   * values.
   *
   * @param params one Float32Array or Float64Array, or arrays and objects of such arrays, nested up to 100 levels. All
   * tensors have the same dtype, and each array and each dotted name occurs only once. The values of the arrays are
   * copied.
   * @param rule an update rule, such as `adam({ lr: 1e-3 })`; its options are validated again
   * @param options groups, clipping, averages, and further options; by default, no option is set
   * @throws TensorError for invalid parameters or shapes, OptionError for invalid options or an invalid rule,
   * EngineError if the requested engine cannot run in this runtime, MemoryError if memory cannot be allocated
   */
  constructor(params: P & Params, rule: R, options?: OptimizerOptions<NoInfer<P>, NoInfer<R>, N>)
  constructor(params: P & Tree<P>, rule: R, options?: OptimizerOptions<NoInfer<P>, NoInfer<R>, N>)
  constructor(params: unknown, rule: R, options: unknown = {}) {
    const checked = options instanceof ResolvedOptions ? options : checkOptions(options)
    const { around, groups, shapes, restored } = checked
    const base = new RuleInUse(resolve(rule))
    const flat = flatten(params)
    const planes = [
      ...(around.accumulate.batches > 1 ? [ACCUMULATED] : []),
      ...(around.average === null ? [] : [AVERAGE]),
      ...(around.lookahead === null ? [] : [SLOW]),
    ]
    const model = new Model(base, {
      dtype: flat.dtype,
      limit: around.clip.value,
      clip: around.clip.byTensor,
      zeroGrads: around.zeroGrads,
      measures: around.clip.norm !== Infinity || around.recordNorms || around.onNonFinite !== 'propagate',
      planes,
      asked: checked.asked,
    })
    prepareTensors(model, flat, shapes, groups ?? Groups.none, restored)()
    this.#model = model
    this.#around = around
    this.#groups = groups
    this.#steps = new Steps(model, around)
    this.#last = new StepReport(this.#steps.progress)
  }

  /**
   * Live views of the parameters, in the structure that was passed in. The buffer of these views also contains other
   * data, possibly of other optimizers. Pass `view.slice()` to `structuredClone` and `postMessage`, because these
   * functions copy the whole buffer of a view. Views stay valid for the optimizer's lifetime, unless `appendRows` or
   * `unfreeze` moves their tensor. Old views of a moved tensor contain NaN, and this property returns the new views.
   */
  get params(): Views<P> {
    return this.#make('params', () => this.#model.views((tensor) => tensor.view(PARAMETERS))) as Views<P>
  }

  /**
   * Live views of the gradients, for `step()` without an argument. The gradients share a buffer with `params`. After a
   * step, the values of these gradients are unspecified, unless the option `zeroGrads` sets them to 0.
   */
  get grads(): Views<P> {
    return this.#make('grads', () => this.#model.views((tensor) => tensor.view(GRADIENTS))) as Views<P>
  }

  /**
   * Live views of the state of each tensor, and the update count of each tensor, in the structure of the parameters.
   * The views of the state share a buffer with `params`. A frozen tensor has no state.
   */
  get state(): States<P, R | RuleByName<N>> {
    this.#checkFree('state')
    return this.#make('state', () => collectStates(this.#model)) as States<P, R | RuleByName<N>>
  }

  /**
   * Live views of the averages that the option `average` maintains, in the structure of the parameters.
   *
   * @throws OptionError if the optimizer was created without the option `average`
   */
  get average(): Views<P> {
    if (this.#around.average === null)
      throw new OptionError('average', 'the option average: ema() or swa()', undefined)
    return this.#make('average', () => this.#model.views((tensor) => tensor.view(AVERAGE))) as Views<P>
  }

  /** Live report of the last step, such as the gradient norm before clipping, or the reason for a skipped update. */
  get lastStep(): StepReport {
    return this.#last
  }

  /** The rule of all tensors to which no group assigns a rule, including changes by `set`. */
  get rule(): R {
    return this.#model.base.value as R
  }

  /** The number of steps that have updated a tensor. Schedules receive this number as t at the next step. */
  get updates(): number {
    return this.#steps.progress.updates
  }

  /**
   * The name of the engine that updates the first tensors: 'native', 'wasm' or 'typescript'. The results of all engines
   * are bit-identical.
   */
  get engine(): EngineName {
    return this.#model.parts[0].choice.engine
  }

  /** Reasons for the choice of the engine, and for the rejection of other engines. */
  get engineReasons(): readonly string[] {
    return this.#model.parts[0].choice.reasons
  }

  /** The number of threads that a step uses. */
  get threads(): number {
    return Math.max(...this.#model.parts.map(({ runner }) => runner.threads))
  }

  /** Memory in bytes of parameters, gradients and state, including tables and padding. */
  get bytes(): number {
    return this.#model.parts.reduce((sum, { arena }) => sum + arena.region.byteLength, 0)
  }

  /**
   * Reports the rule, learning rate, update count and groups of each tensor, and also groups and tensors without a
   * match.
   */
  report(): OptimizerReport {
    return makeReport(this.#steps.progress, this.#groups)
  }

  /**
   * Performs one update of the parameters in place.
   *
   * @param gradients gradients in the structure of the parameters. The optimizer does not change the arrays and keeps
   * no reference to the arrays. A tensor whose gradient is missing or null is skipped, and its update count stays the
   * same. A gradient from `sparseRows` updates only the listed rows. If the argument is omitted, the step uses the
   * gradients in `grads` without a copy.
   * @returns Whether the step has updated a tensor. The step updates no tensor if all gradients are missing, if
   * `accumulate` needs further batches, or if `onNonFinite` skips the update. `lastStep.reason` then contains the
   * reason.
   * @throws TensorError if a gradient has a wrong name, type or length. OptionError if a schedule returns a value
   * outside its option's range. OptionError also if a rule needs gradients at `gradientPoint()`, and `gradientPoint()`
   * was not called since the last update. NonFiniteError if `onNonFinite` or `maxConsecutiveSkips` requires an error.
   * BusyError if a getter or schedule calls this optimizer during the step. Every error except EngineError leaves the
   * optimizer unchanged. EngineError if the engine failed because of a bug in antigrad. After the failure of an engine,
   * this optimizer is unusable: every call that changes or saves the optimizer throws the same error. Other optimizers
   * still work after the failure.
   */
  step(gradients?: Gradients<P, SparseRowsFor<R | RuleByName<N>>>): boolean {
    const steps = this.#steps
    const goesStraight = steps.straight !== null && !this.#isBusy
    if (goesStraight && (gradients === undefined || steps.take(gradients))) return steps.runStraight()
    // Nothing has changed since the last step, so only the gradients need checks.
    const present = goesStraight
      ? this.#ask(gradients, this.#model.scheduled)
      : this.#begin('step', gradients)
    return present === NO_GRADIENTS ? steps.pass() : steps.run(present)
  }

  /**
   * Performs one update off the main thread. The results are bit-identical to the results of `step`, and the event loop
   * stays free.
   *
   * Gradients that are passed as the argument are copied before this method returns. You can therefore reuse or
   * transfer the arrays at once. Until the promise resolves, `params` and `grads` can be read (with partly updated
   * values) but must not be written. If the addon is missing or the arena is outside WebAssembly memory, the update
   * runs in slices on the main thread.
   *
   * @returns the value that `step` would return
   * @throws The promise rejects with the errors of `step`, and with BusyError if another `stepAsync` is in progress.
   * Until the promise settles, `step`, `set`, `state`, `save` and all methods that change the optimizer throw
   * BusyError.
   */
  async stepAsync(gradients?: Gradients<P, SparseRowsFor<R | RuleByName<N>>>): Promise<boolean> {
    const present = this.#begin('stepAsync', gradients)
    if (present === NO_GRADIENTS) return this.#steps.pass()
    this.#isBusy = true
    try {
      return await this.#steps.runAsync(present)
    } finally {
      this.#isBusy = false
    }
  }

  /** Runs the part of a step in which user code can run: reads and validates gradients, and evaluates schedules. */
  #begin(call: string, given: unknown): StepGradients {
    this.#checkFree(call)
    this.#model.settle()
    const { scheduled, live } = this.#model
    if (live.length === 0) return NO_GRADIENTS
    if (this.#model.wantsPoint && !this.#steps.progress.hasLooked && call !== 'gradientPoint')
      throw this.#blind(call)
    // This code is a separate method, so that the compiler can inline all other code of a step.
    return given === undefined && scheduled.length === 0 ? ALL_GRADIENTS : this.#ask(given, scheduled)
  }

  /** Builds the error for gradients that were not computed at `gradientPoint()`. */
  #blind(call: string): OptionError {
    const { name } = this.#model.live.find(({ use }) => use.definition.wantsPoint)?.use.definition ?? {}
    const expected = `gradients at gradientPoint(), called since the last update, for ${name}`
    return new OptionError(call, expected, 'a gradient at other points')
  }

  #ask(given: unknown, scheduled: readonly RuleInUse[]): StepGradients {
    let present = ALL_GRADIENTS
    // While gradients are read, a getter or schedule must not change this optimizer or call `step`.
    this.#isBusy = true
    try {
      if (given !== undefined) {
        present = this.#read(given)
        if (present === NO_GRADIENTS) return NO_GRADIENTS
      }
      if (scheduled.length > 0) {
        this.#model.evaluate(this.#steps.progress.updates)
        // The schedule may have run arbitrary code, such as detaching a gradient.
        if (present !== ALL_GRADIENTS) check(present as unknown[], this.#model)
      }
    } finally {
      this.#isBusy = false
    }
    this.#checkUsable()
    return present
  }

  #read(given: unknown): StepGradients {
    const { reader, live, tensors } = this.#model
    const found: unknown[] = tensors.map(() => undefined)
    read(reader, given, found)
    this.#steps.progress.isByRow = check(found, this.#model)
    if (live.length < found.length) {
      for (const { number, isFrozen } of tensors) if (isFrozen) found[number] = undefined
    }
    return found.some((gradient) => gradient !== undefined) ? (found as StepGradients) : NO_GRADIENTS
  }

  /** Sets all gradients in `grads` to zero. */
  zeroGrad(): void {
    this.#checkFree('zeroGrad')
    this.#steps.progress.zeroGradients()
  }

  /**
   * Changes options of rules for future steps. `set({ lr: 1e-4 })` changes the optimizer's own rule, and therefore
   * applies to all current and future tensors. Rules and options that groups assign stay unchanged, and `lrScale` still
   * multiplies the learning rate. With a match, as in `set('**.bias', { lr: 1e-5 })`, the call changes the matching
   * current tensors, even if groups have set other options. If several calls set the same option, the latest call
   * applies.
   *
   * @throws OptionError if the match is invalid, or if an option is out of range or unknown to a rule that the call
   * changes. OptionError also if an option would change the state arrays, the kernels or the initial state (amsgrad,
   * cautious, grams, momentum from or to 0, Nesterov's form, initialAccumulator). TensorError if the match selects no
   * tensor. BusyError during a step. Every error leaves the optimizer unchanged.
   */
  set(options: OptionsOf<R>): void
  // Before the next overload, because editors show no comment on an option of several rules.
  set(match: Match, options: OptionsOf<R>): void
  set(match: Match, options: OptionsOf<R | RuleByName<N>>): void
  set(...given: [unknown] | [match: unknown, options: unknown]): void {
    const model = this.#model
    const { version } = model
    const { straight } = this.#steps
    this.#checkFree('set')
    this.#guarded(() => {
      if (given.length === 1) return setAll(model, given[0] as object)
      return setSelected(model, selectTensors('set', given[0], model), given[1] as object)
    })()
    // If only values change, no new checks are necessary.
    if (model.version === version && model.isPlain) this.#steps.straight = straight
  }

  /**
   * Freezes tensors. Frozen tensors are not updated, do not count in norms, and lose their state. (To pause a tensor
   * without losing its state, omit its gradient.)
   *
   * @throws OptionError if the match is invalid, TensorError if no tensor matches, BusyError during a step
   */
  freeze(match: Match): void {
    this.#checkFree('freeze')
    this.#model.freeze(this.#guarded(() => selectTensors('freeze', match, this.#model)))
  }

  /**
   * Unfreezes tensors. Unfrozen tensors are updated again, and start with the state of a new tensor. A tensor that has
   * been frozen since its addition moves, because its old place has no room for state. Read the views of moved tensors
   * from `params` again.
   *
   * @throws OptionError if the match is invalid, TensorError if no tensor matches, MemoryError if memory cannot be
   * allocated, BusyError during a step
   */
  unfreeze(match: Match): void {
    this.#checkFree('unfreeze')
    this.#model.unfreeze(this.#guarded(() => selectTensors('unfreeze', match, this.#model)))
  }

  /**
   * Adds tensors. Objects are merged with existing objects, and elements of arrays are appended. All existing views
   * stay valid. New tensors use the current rule, including changes by `set`, and the options of matching groups. New
   * tensors start at update 0, while schedules continue at the optimizer's count.
   *
   * @param options `shapes` of the new tensors, and `groups` that are appended for these and later tensors
   * @returns this optimizer, typed with the new tensors
   * @throws the errors of the constructor, TensorError if a name already exists, BusyError during a step. Every error
   * leaves the optimizer unchanged.
   */
  add<const Q>(
    params: Q & Params,
    options?: Pick<OptimizerOptions<NoInfer<Q>, R>, 'groups' | 'shapes'>,
  ): Optimizer<MergedParams<P, Q>, R, N>
  add<const Q>(
    params: Q & Tree<Q>,
    options?: Pick<OptimizerOptions<NoInfer<Q>, R>, 'groups' | 'shapes'>,
  ): Optimizer<MergedParams<P, Q>, R, N>
  add(params: unknown, options: unknown = {}): unknown {
    this.#checkFree('add')
    const [groups, addTensors] = this.#guarded(() => {
      const { groups: given, shapes } = readOptions('options', options, placementOptions)
      if (this.#groups === null && given === Groups.none) {
        const expected = 'the groups of the saved run, or [] (groups with functions are not saved)'
        throw new OptionError('add: groups', expected, undefined)
      }
      const groups = (this.#groups ?? Groups.none).and(given)
      return [groups, prepareTensors(this.#model, flatten(params), shapes, groups)] as const
    })
    addTensors()
    this.#groups = groups
    return this
  }

  /**
   * Appends rows to a tensor whose shape is known, for example an embedding. Existing rows keep their values, state and
   * update count. New rows start with the state of a new tensor. The tensor moves, and its old views are filled with
   * NaN. Read the new views from `params`.
   *
   * @param name the dotted name of the tensor
   * @param rows the values of the new rows in row-major order, in the optimizer's dtype
   * @throws TensorError if the tensor does not exist or has no rows, or if the given rows are invalid; MemoryError if
   * memory cannot be allocated; BusyError during a step
   */
  appendRows(name: string, rows: Float32Array | Float64Array): void {
    this.#checkFree('appendRows')
    this.#guarded(() => appendTensorRows(this.#model, name, rows))()
  }

  /**
   * The points at which the next gradients must be computed, in the structure of the parameters. The points are θ + α·v
   * for Nesterov's shifted form, y for Schedule-Free rules, and `params` for all other rules. Each call computes the
   * points again, and writes the points to the same views.
   */
  gradientPoint(): Views<P> {
    this.#checkFree('gradientPoint')
    const model = this.#model
    if (!model.uses.some(({ point }) => point !== undefined)) return this.params
    this.#begin('gradientPoint', undefined)
    this.#steps.writePoints()
    return this.#make('point', () =>
      model.views((tensor) => tensor.state.point ?? tensor.view(PARAMETERS)),
    ) as Views<P>
  }

  /**
   * Returns a saved run, which is one plain object of typed arrays and JSON values. The run can continue with
   * bit-identical results on any engine. All arrays in the object are copies. The object can be passed to
   * structuredClone, postMessage and IndexedDB, or written to a file with v8.serialize. The object does not contain the
   * gradients in `grads`, the engine, or the number of threads.
   *
   * @throws OptionError if a rule has a function as a schedule (the message names the option), MemoryError if the
   * copies cannot be allocated, BusyError during a step. The optimizer stays usable after every error.
   */
  save(): SavedRun {
    return saveWith(this, copyArray)
  }

  static {
    saveWith = (optimizer, copy) => {
      optimizer.#checkFree('save')
      return save(optimizer.#steps.progress, optimizer.#groups, copy)
    }
  }

  /**
   * Creates an optimizer that continues from a saved run of {@link save}, with the saved options. The type arguments
   * describe the saved run: the type of the parameters, the type of the rule, and the types of other rules in groups.
   *
   * @param saved the object that `save` returned, or a structured clone of it; copied
   * @param options the engine and threads, which are not saved, and options for reading, such as `rename` for new
   * tensor names
   * @throws CheckpointError if `saved` is not a saved run, OptionError if a saved rule or schedule is not imported (the
   * message names the import), and the errors of the constructor
   * @example
   * const optimizer = Optimizer.load<typeof params, AdamW>(structuredClone(saved), { rules: [adamw] })
   */
  static load<P = unknown, R extends Rule | CustomRule = Rule, N extends Rule['name'] = never>(
    saved: SavedRun,
    options: LoadOptions = {},
  ): Optimizer<P, R, N> {
    const { onWarning, rename, ...rest } = readOptions('options', options, { ...engineOptions, ...reading })
    const asked = readEngineRequest(rest)
    const restored = readSaved(saved, rename, true)
    confirm(restored, onWarning)
    const { around, groups, tensors } = restored
    const checked = new ResolvedOptions({ around, groups, shapes: undefined, asked, restored: tensors })
    const optimizer = new Optimizer(restored.params as Params, restored.rule as Rule, checked as never)
    applySaved(restored, optimizer.#steps.progress, compare(restored, optimizer.#model, around))
    return optimizer as unknown as Optimizer<P, R, N>
  }

  /**
   * Restores the parameters, state, counts, averages, rule options and frozen tensors of a saved run of the same
   * tensors. The optimizer keeps its own options, such as `clip` and `onNonFinite`.
   *
   * @param options `partial: true` restores matching tensors and skips all other tensors; all other options are the
   * options of `load`
   * @returns the differences that are the reason for skipped tensors; empty unless `partial` is true
   * @throws CheckpointError with all differences of names, shapes, dtypes and rules, BusyError during a step. Every
   * error leaves the optimizer unchanged.
   */
  restore(
    saved: SavedRun,
    options: {
      /** Whether matching tensors are restored and all other tensors are skipped; false by default. */
      readonly partial?: boolean
    } & RestoreOptions = {},
  ): readonly CheckpointDifference[] {
    this.#checkFree('restore')
    const [restored, comparison] = this.#guarded(() => {
      const table = { partial: flag(false), ...reading }
      const { partial, onWarning, rename } = readOptions('restore: options', options, table)
      const restored = readSaved(saved, rename, false)
      const comparison = compare(restored, this.#model, this.#around)
      const { differences } = comparison
      if (differences.length > 0 && !partial) throw new CheckpointError(differences)
      confirm(restored, onWarning)
      return [restored, comparison] as const
    })
    applySaved(restored, this.#steps.progress, comparison)
    return comparison.differences
  }

  /**
   * Always throws, because `JSON.stringify(optimizer)` would write an object that cannot be loaded again.
   *
   * @throws OptionError, always; the message names `save` as the alternative
   */
  toJSON(): never {
    throw new OptionError(
      'JSON.stringify',
      'save() with structuredClone or v8.serialize',
      'a whole optimizer',
    )
  }

  /** Checks that no step is in progress, no arena is detached, and no engine has failed. */
  #checkFree(call: string): void {
    this.#steps.straight = null
    if (this.#isBusy) throw new BusyError(call)
    this.#checkUsable()
    this.#steps.progress.keep?.(call)
  }

  #checkUsable(): void {
    for (const { arena } of this.#model.parts) arena.checkUsable()
  }

  /** Runs work that may call user code. The user code must not change this optimizer. */
  #guarded<T>(work: () => T): T {
    this.#isBusy = true
    try {
      return work()
    } finally {
      this.#isBusy = false
      this.#checkUsable()
    }
  }

  /** Returns the cached views, or makes new views if the model has changed. */
  #make(name: CachedView, make: () => unknown): unknown {
    if (this.#madeOf !== this.#model.version) {
      this.#made = ownProperties({})
      this.#madeOf = this.#model.version
    }
    this.#made[name] ??= make()
    return this.#made[name]
  }
}

const reading = {
  onWarning: callback<(message: string) => void, (message: string) => void>((message) =>
    console.warn(message),
  ),
  rename: passThrough(),
  // The values of `rules` and `schedules` are unused, because a program that names the functions imports them.
  rules: passThrough(),
  schedules: passThrough(),
}
