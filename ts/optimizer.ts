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

/** A type that is not inferred from here. (TypeScript has NoInfer since 5.4.) */
type NoInfer<T> = [T][T extends unknown ? 0 : never]

type CachedView = 'params' | 'grads' | 'state' | 'average' | 'point'

/** Saves a run as `save` does, with a copier of one's own: for `antigrad/files`, which copies arrays when they change. */
export let saveWith: <P, R extends Rule | CustomRule, N extends Rule['name']>(
  optimizer: Optimizer<P, R, N>,
  copy: CopyArray,
) => SavedRun

/** How a saved run is read. */
export interface RestoreOptions {
  /**
   * Is told where equations have changed since, before anything else has; console.warn by default. What it
   * throws ends the call.
   */
  readonly onWarning?: (message: string) => void
  /**
   * What tensors are called by now: new names by old ones, or a function of each old name. Two that get one name, or
   * an old name that was not saved, are an OptionError; so is a name that `load` would have to put into other lists
   * and records.
   */
  readonly rename?:
    | Readonly<Record<string, string>>
    | ReadonlyMap<string, string>
    | ((name: string) => string)
  /** Functions of rules that nothing else in the program calls, which a bundle leaves out then: `[adamw]`. */
  readonly rules?: readonly ((...options: never) => Rule | CustomRule)[]
  /** The same of schedules: `[cosine]`. */
  readonly schedules?: readonly ((...options: never) => Schedule)[]
}

/** Where a saved run goes on, and how it is read. */
export interface LoadOptions
  extends RestoreOptions,
    Pick<OptimizerOptions, 'engine' | 'instructionSet' | 'threads'> {}

/**
 * Updates parameters by a rule, in place.
 *
 * The values that are passed in are **copied**: read and write the live views `params`, not your own
 * array. Parameters, gradients and state lie in memory that the garbage collector frees with the
 * optimizer and its views.
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
  /** Null where some could not be saved. */
  #groups: Groups | null
  #isBusy = false
  readonly #last: StepReport
  /** What was made of the model, and of which version of it. */
  #made: Partial<Record<CachedView, unknown>> = ownProperties({})
  #madeOf = -1

  /**
   * @param params one Float32Array or Float64Array, or lists and records of them, nested up to 100
   * deep, of one dtype, each array and each dotted name once; copied
   * @param rule such as `adam({ lr: 1e-3 })`; its options are checked again
   * @throws TensorError for parameters and shapes, OptionError for options or the rule, EngineError where an
   * engine was asked for that cannot run here, MemoryError where there is no memory
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
   * Live views of the parameters, in the shape that was passed in. Their buffer has more in it, other
   * optimizers too, and structuredClone and postMessage copy all of it: give them `view.slice()`. Views
   * stay good for life, but those of a tensor that `appendRows` or `unfreeze` has moved: NaN is in them then, and
   * the new ones are here.
   */
  get params(): Views<P> {
    return this.#make('params', () => this.#model.views((tensor) => tensor.view(PARAMETERS))) as Views<P>
  }

  /**
   * Live views of the gradients, for `step()` without an argument, in the same buffer as `params`. After
   * a step their values are unspecified, unless `zeroGrads` has set them to 0.
   */
  get grads(): Views<P> {
    return this.#make('grads', () => this.#model.views((tensor) => tensor.view(GRADIENTS))) as Views<P>
  }

  /**
   * Live views of the state by tensor, in the shape of the parameters and the same buffer, and its
   * count of updates. A frozen tensor has none.
   */
  get state(): States<P, R | RuleByName<N>> {
    this.#checkFree('state')
    return this.#make('state', () => collectStates(this.#model)) as States<P, R | RuleByName<N>>
  }

  /**
   * Live views of the averages that the option `average` keeps, in the shape of the parameters.
   *
   * @throws OptionError without that option
   */
  get average(): Views<P> {
    if (this.#around.average === null)
      throw new OptionError('average', 'the option average: ema() or swa()', undefined)
    return this.#make('average', () => this.#model.views((tensor) => tensor.view(AVERAGE))) as Views<P>
  }

  /** What is known of the last step: the norm before clipping, what was skipped and why. Live. */
  get lastStep(): StepReport {
    return this.#last
  }

  /** The rule of tensors that no group gives another one, with what `set` has changed. */
  get rule(): R {
    return this.#model.base.value as R
  }

  /** How many steps have updated something: the t that schedules see at the next one. */
  get updates(): number {
    return this.#steps.progress.updates
  }

  /** What runs: 'native', 'wasm' or 'typescript', of tensors that came first. The same bits in each. */
  get engine(): EngineName {
    return this.#model.parts[0].choice.engine
  }

  /** Why this engine, and why not another. */
  get engineReasons(): readonly string[] {
    return this.#model.parts[0].choice.reasons
  }

  /** On how many threads a step runs. */
  get threads(): number {
    return Math.max(...this.#model.parts.map(({ runner }) => runner.threads))
  }

  /** How many bytes parameters, gradients and state take, with tables and padding. */
  get bytes(): number {
    return this.#model.parts.reduce((sum, { arena }) => sum + arena.region.byteLength, 0)
  }

  /** For each tensor its rule, its learning rate, its count of updates and its groups; and what matched nothing. */
  report(): OptimizerReport {
    return makeReport(this.#steps.progress, this.#groups)
  }

  /**
   * One update, in place.
   *
   * @param gradients in the shape of the parameters, which are not changed and not kept. A tensor whose
   * gradient is missing or null is skipped, and its count of updates stands still; what `sparseRows` gives moves these
   * rows alone. Without an
   * argument the gradients are those in `grads`, and nothing is copied.
   * @returns whether it has updated something: not without any gradient, not before the last of the batches
   * of `accumulate`, and not where `onNonFinite` skipped it; `lastStep.reason` says why
   * @throws TensorError where a gradient's name, type or length is not its tensor's; OptionError
   * where a schedule gives a value out of its option's range, and where a rule wants its gradient elsewhere
   * than at `params` and nobody has called `gradientPoint()` since the last update; NonFiniteError as `onNonFinite` says;
   * BusyError where a getter or a schedule of yours calls this optimizer meanwhile. Nothing has changed then.
   * EngineError where the engine itself has failed, which is a mistake of ours: this optimizer is broken from then
   * on, and all that changes or saves it throws the same. Others go on.
   */
  step(gradients?: Gradients<P, SparseRowsFor<R | RuleByName<N>>>): boolean {
    const steps = this.#steps
    const goesStraight = steps.straight !== null && !this.#isBusy
    if (goesStraight && (gradients === undefined || steps.take(gradients))) return steps.runStraight()
    // Nothing has changed since the last step: there is nothing to be asked but the gradients.
    const present = goesStraight
      ? this.#ask(gradients, this.#model.scheduled)
      : this.#begin('step', gradients)
    return present === NO_GRADIENTS ? steps.pass() : steps.run(present)
  }

  /**
   * One update off the main thread: the same bits as `step`, and the event loop stays free.
   *
   * Gradients that are passed in are copied before this returns, so you may reuse or transfer them
   * at once. Until the promise resolves, `params` and `grads` may be read (what is seen is partly
   * updated) but not written. Without the addon, or where the arena is not in a WebAssembly memory, it
   * runs in slices on the main thread.
   *
   * @returns as `step`
   * @throws (rejects with) what `step` throws, and BusyError while another stepAsync is under way;
   * so do `step`, `set`, `state`, `save` and all others that change something meanwhile
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

  /** All of a step in which code of the user's runs: afterwards gradients are checked, schedules evaluated. */
  #begin(call: string, given: unknown): StepGradients {
    this.#checkFree(call)
    this.#model.settle()
    const { scheduled, live } = this.#model
    if (live.length === 0) return NO_GRADIENTS
    if (this.#model.wantsPoint && !this.#steps.progress.hasLooked && call !== 'gradientPoint')
      throw this.#blind(call)
    // Apart, so that the compiler has room for the rest of a step.
    return given === undefined && scheduled.length === 0 ? ALL_GRADIENTS : this.#ask(given, scheduled)
  }

  /** Why there is no step of a gradient that was taken elsewhere. */
  #blind(call: string): OptionError {
    const { name } = this.#model.live.find(({ use }) => use.definition.wantsPoint)?.use.definition ?? {}
    const expected = `a call of gradientPoint() since the last update, where ${name} wants its gradients`
    return new OptionError(call, expected, 'one from elsewhere')
  }

  #ask(given: unknown, scheduled: readonly RuleInUse[]): StepGradients {
    let present = ALL_GRADIENTS
    // Neither a getter nor a schedule may step, or change, what is being stepped.
    this.#isBusy = true
    try {
      if (given !== undefined) {
        present = this.#read(given)
        if (present === NO_GRADIENTS) return NO_GRADIENTS
      }
      if (scheduled.length > 0) {
        this.#model.evaluate(this.#steps.progress.updates)
        // It may have run anything.
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

  /** Sets all gradients in `grads` to 0. */
  zeroGrad(): void {
    this.#checkFree('zeroGrad')
    this.#steps.progress.zeroGradients()
  }

  /**
   * Changes options for the steps to come. `set({ lr: 1e-4 })` is of the optimizer's rule: of all tensors and
   * those that are to come, but what groups gave them stays, a rule or options of their own, and an
   * `lrScale` goes on to multiply. With a match it is of some tensors that there are, whatever groups
   * say, as in `set('**.bias', { lr: 1e-5 })`. What is said last wins.
   *
   * @throws OptionError where an option is unknown to one of these rules, out of its range, or would change
   * which arrays of state or kernels there are or what state starts from (amsgrad, cautious, grams, momentum
   * from or to 0, Nesterov's form, initialAccumulator), or the match is none; TensorError where it picks no
   * tensor; BusyError in the middle of a step. Nothing has changed then.
   */
  set(options: OptionsOf<R>): void
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
    // Other numbers alone leave nothing to be asked.
    if (model.version === version && model.isPlain) this.#steps.straight = straight
  }

  /**
   * Freezes tensors: they are not updated and have no part in norms, and their state is dropped. (To
   * pause one and keep its state, leave out its gradient.)
   *
   * @throws OptionError where it is no match; TensorError where it picks none; BusyError in the middle
   * of a step
   */
  freeze(match: Match): void {
    this.#checkFree('freeze')
    this.#model.freeze(this.#guarded(() => selectTensors('freeze', match, this.#model)))
  }

  /**
   * Updates tensors again, with the state of new ones. Those that were never updated are moved, as
   * there is room for their state then: take their views from `params` again.
   *
   * @throws OptionError where it is no match; TensorError where it picks none; MemoryError; BusyError in
   * the middle of a step
   */
  unfreeze(match: Match): void {
    this.#checkFree('unfreeze')
    this.#model.unfreeze(this.#guarded(() => selectTensors('unfreeze', match, this.#model)))
  }

  /**
   * Adds tensors: records are merged with those of the parameters, and lists go on. All views stay good.
   * They get the rule as `set` has left it and what groups say, and begin at update 0; schedules go on.
   *
   * @param options their `shapes`, and `groups` behind those that there are, for these and later ones
   * @returns this optimizer, typed with them
   * @throws as the constructor; TensorError where a name is taken; BusyError in the middle of a step.
   * Nothing has changed then.
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
        const expected = 'those of the saved run again, or []: one with a function was not saved'
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
   * Puts rows behind those of a tensor whose shape is known, for instance of an embedding. What was there
   * stays, with its state and count of updates; the state of new rows is a new tensor's. The tensor
   * moves: take its views from `params` again, as old ones have NaN in them.
   *
   * @param name the tensor's dotted name
   * @param rows the new rows one after the other, of the optimizer's dtype
   * @throws TensorError where there is no such tensor or its shape or the rows do not fit; MemoryError;
   * BusyError in the middle of a step
   */
  appendRows(name: string, rows: Float32Array | Float64Array): void {
    this.#checkFree('appendRows')
    this.#guarded(() => appendTensorRows(this.#model, name, rows))()
  }

  /**
   * The points at which the rules want the next gradients, in the shape of the parameters: for
   * Nesterov's shifted form θ + α·v and for Schedule-Free rules y, computed at each call into views that
   * stay the same; for any other rule those of `params`.
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
   * All of a run that it takes to go on to the same bits, on any engine: one plain object of typed arrays and
   * what JSON knows, all copied, which structuredClone, postMessage and IndexedDB take, and v8.serialize for a
   * file. Gradients in `grads` are not part of it, and neither are the engine and the number of threads.
   *
   * @throws OptionError where a rule has a function for a schedule: it names the option; MemoryError where there
   * is none for copies; BusyError in the middle of a step. The optimizer goes on then.
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
   * An optimizer that goes on where {@link save} was called, with the options that it had. Whoever knows what
   * was saved says so by its types: of the parameters, of the rule, and of other rules in groups.
   *
   * @param saved what `save` returned, or a structured clone of it; copied
   * @param options where it runs, which is not saved, and how it is read: with `rename`, tensors have other names
   * @throws CheckpointError where it is not what `save` returns; OptionError where a rule or a schedule in it is not
   * imported, with what would import it; else as the constructor
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
   * Goes back, or on, to a saved run of these tensors: parameters, state, counts, averages, options of rules,
   * and what is frozen. What the optimizer does around its rules (clip, onNonFinite) stays as it is.
   *
   * @param options `partial: true` takes what fits where something does not; others as for `load`
   * @returns the differences that were left out; none unless partial
   * @throws CheckpointError with all differences of names, shapes, dtypes and rules; BusyError in the middle of
   * a step. Nothing has changed then.
   */
  restore(
    saved: SavedRun,
    options: {
      /** Takes what fits where something does not; false by default. */
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
   * Not to be called: `JSON.stringify(optimizer)` would write something that cannot be read again.
   *
   * @throws OptionError, always: it says what to write instead
   */
  toJSON(): never {
    throw new OptionError(
      'JSON.stringify',
      'what save() returns, by structuredClone or v8.serialize',
      'a whole optimizer',
    )
  }

  /** Neither in the middle of a step, nor an `ArrayBuffer` that is another's by now, nor broken. */
  #checkFree(call: string): void {
    this.#steps.straight = null
    if (this.#isBusy) throw new BusyError(call)
    this.#checkUsable()
    this.#steps.progress.keep?.(call)
  }

  #checkUsable(): void {
    for (const { arena } of this.#model.parts) arena.checkUsable()
  }

  /** Runs what may run code of the user's, which must not change what is looked at. */
  #guarded<T>(work: () => T): T {
    this.#isBusy = true
    try {
      return work()
    } finally {
      this.#isBusy = false
      this.#checkUsable()
    }
  }

  /** The same as before unless the model has changed. */
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
  // To name them is what imports them.
  rules: passThrough(),
  schedules: passThrough(),
}
