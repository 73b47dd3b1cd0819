import { Arena, type Segment, smallestNormal } from './arena.js'
import type { EngineName, Runner } from './engines/engine.js'
import { choose, requestedEngine, requestedThreads } from './engines/index.js'
import { native } from './engines/native.js'
import { BusyError, OptionError } from './errors.js'
import { delayedStart, unwrap } from './rules/delayed-start.js'
import { checked, definitionOf, type Rule, type SimpleRule } from './rules/index.js'
import { kernelNames } from './rules/kernels.js'
import { type At, at, type Clock, type Definition, type FloatArray } from './rules/rule.js'
import { isSchedule } from './schedules.js'
import { stepInSlices, sumSquaresInSlices } from './slices.js'
import {
  checkGradients,
  flatten,
  type Gradients,
  match,
  type Parameters,
  type Shape,
  type Tree,
  unflatten,
  type Views,
} from './tensors.js'
import { bufferOf, byteOffsetOf, lengthOf } from './typed-arrays.js'

/** What is done to gradients before the rule sees them, and before decay; norm first, then value. */
export interface Clip {
  /**
   * The largest global norm, > 0; none by default: where ‖g‖ over all tensors of a step is larger,
   * g ← g·(norm/‖g‖), as in Optax (Pascanu, Mikolov and Bengio, 2013, algorithm 1).
   */
  readonly norm?: number
  /** The largest absolute value of an element, > 0; none by default. */
  readonly value?: number
}

/** What an optimizer does around its rule, and where. */
export interface OptimizerOptions {
  /** Clips gradients; not by default. */
  readonly clip?: Clip
  /** Sets `grads` to zero in the pass that updates; false by default. */
  readonly zeroGrads?: boolean
  /** Forces an engine. By default the size decides; ANTIGRAD_ENGINE in the environment forces too. */
  readonly engine?: EngineName
  /** Forces an instruction set of the native engine (see `engines()`); the best one by default. */
  readonly instructionSet?: string
  /**
   * On how many threads the native engine runs, 1 to 256. By default the size decides, up to the
   * number of cores; ANTIGRAD_THREADS in the environment fixes it too. No bit depends on it.
   */
  readonly threads?: number
}

type Named<N extends string, T> = { readonly [K in N]: T }

/** The arrays of state by rule, under the symbols of its equations. */
type StateArrays<R, T> = R extends { name: 'delayedStart'; rule: infer Inner }
  ? StateArrays<Inner, T>
  : R extends { name: 'adam' | 'adamw' }
    ? Named<'m' | 'v', T> & { readonly largest?: T }
    : R extends { name: 'radam' }
      ? Named<'m' | 'v', T>
      : R extends { name: 'momentum' }
        ? Named<'v', T>
        : R extends { name: 'nesterov' }
          ? Named<'v', T> & { readonly point?: T }
          : R extends { name: 'sgd' }
            ? { readonly b?: T }
            : R extends { name: 'adagrad' }
              ? Named<'s', T>
              : R extends { name: 'rmsprop' }
                ? Named<'v', T> & { readonly b?: T }
                : unknown

/** A tensor's state: live views, and how many updates it has had. */
export type TensorState<R, T> = { readonly updates: number } & StateArrays<R, T>

/** The state of each tensor, in the shape of the parameters. */
export type States<P, R> = P extends FloatArray
  ? TensorState<R, Views<P>>
  : P extends readonly unknown[]
    ? { readonly [K in keyof P]: States<P[K], R> }
    : { readonly [K in keyof P as K & keyof Views<P>]: States<P[K], R> }

/** The options of a rule, or of the one whose start is delayed; those that are undefined stay. */
type Changes<R> = R extends { readonly name: 'delayedStart'; readonly rule: infer Inner }
  ? Changes<Inner>
  : { readonly [K in Exclude<keyof R, 'name'>]?: R[K] | undefined }

/** The gradients of a step by tensor, undefined for those that are skipped. */
type Found = (FloatArray | undefined)[]
type Present = Readonly<Found>
/** A step with the gradients of the arena. */
const ALL: Found = []
/** A step without any gradient. */
const NONE: Found = []

/**
 * After so many updates of a tensor each, subnormal numbers of its state become +0. A pass over the
 * state costs as much as a part of an update; so rarely, it costs next to nothing. A power of 2, for &:
 * % was a tenth of a step of two parameters.
 */
const SETTLING = 256

/** The rule at an update, and what it wants done to gradients before. */
interface Now {
  readonly rule: At<SimpleRule>
  readonly l2: number
  /** −1 to climb. */
  readonly sign: number
  /** Whether subnormal numbers of the state may become 0. */
  readonly settles: boolean
}

/** The segments whose tensors have had the same updates, and so get the same coefficients. */
interface Cohort {
  readonly clock: Clock
  readonly segments: Segment[]
  /** What its segments have been told; they are told again only when it changes. */
  now: Now | null
  scale: number
  holds: boolean
  settles: boolean
}

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
   * Live views of the gradients, for `step()` without an argument, in the same buffer as `params`.
   * After `step(gradients)` their values are unspecified.
   */
  readonly grads: Views<P>
  /** What runs: 'native', 'wasm' or 'typescript'. The same bits in each. */
  readonly engine: EngineName
  /** Why this engine, and why not another. */
  readonly engineReasons: readonly string[]
  /** On how many threads a step runs. */
  readonly threads: number

  readonly #arena: Arena
  readonly #attach: (kernel: string) => Runner
  readonly #runner: Runner
  readonly #shape: Shape
  readonly #names: readonly string[]
  readonly #gradients: readonly FloatArray[]
  readonly #clipNorm: number
  readonly #clipValue: number
  readonly #delay: number
  /** The clock of each tensor; most share one. */
  readonly #clocks: Clock[]
  readonly #wrap: (rule: SimpleRule) => Rule
  #rule: SimpleRule
  readonly #definition: Definition<SimpleRule>
  /** The rule with numbers alone; null where it has schedules, which differ at each update. */
  #constant: Now | null
  #cohorts: readonly Cohort[] = []
  /** Whether the cohorts cover every tensor, as they do in most runs for good. */
  #complete = false
  #updates = 0
  #isBusy = false
  #state: unknown
  #lookahead: { readonly runner: Runner; readonly point: unknown } | undefined

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
    const { simple, delay, isDelayed } = unwrap(rule)
    const { shape, names, values, dtype } = flatten(params)
    const requested = requestedEngine(engine)
    const definition = definitionOf(simple)
    const lengths = values.map(lengthOf)
    const arena = new Arena(dtype, lengths, definition.state(simple).length)
    const choice = choose(arena, kernelNames.indexOf(definition.kernel(simple)), requested, forced)

    this.#arena = arena
    this.#attach = (kernel) => choice.engine.attach(arena, kernelNames.indexOf(kernel), forced)
    this.#runner = choice.runner
    this.engine = choice.engine.name
    this.engineReasons = choice.reasons
    this.threads = choice.runner.threads
    this.#shape = shape
    this.#names = names
    this.#clipNorm = clip.norm
    this.#clipValue = clip.value
    this.#delay = delay
    this.#wrap = (changed) => (isDelayed ? delayedStart(delay, changed) : changed)
    this.#rule = simple
    this.#definition = definition
    this.#constant = this.#constantNow(simple)
    arena.zeroesGradients = zeroGrads

    this.params = this.#views(0)
    this.grads = this.#views(1)
    this.#gradients = values.map((_, i) => arena.view(1, i))
    const initial = definition.initialState?.(simple) ?? 0
    values.forEach((value, i) => {
      arena.view(0, i).set(value)
      if (initial !== 0) arena.view(2, i).fill(initial)
    })
    const clock: Clock = { t: 0, product1: 1, product2: 1 }
    this.#clocks = values.map(() => clock)
  }

  /** The rule, with what `set` has changed. */
  get rule(): R {
    return this.#wrap(this.#rule) as R
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
    const state =
      this.#state ??
      unflatten(this.#shape, (tensor) => {
        const names = this.#definition.state(this.#rule)
        const views = names.map((name, k) => [name, this.#arena.view(2 + k, tensor)])
        const clocks = this.#clocks
        return Object.freeze({
          ...Object.fromEntries(views),
          get updates() {
            return clocks[tensor].t
          },
        })
      })
    this.#state = state
    return state as States<P, R>
  }

  /**
   * One update, in place.
   *
   * @param gradients in the shape of the parameters, which are not changed and not kept. A tensor whose
   * gradient is missing or null is skipped, and its count of updates stands still. Without an
   * argument the gradients are those in `grads`, and nothing is copied.
   * @throws TensorError where a gradient's name, type or length is not its tensor's; OptionError
   * where a schedule gives a value out of its option's range. Nothing has changed then.
   */
  step(gradients?: Gradients<P>): void {
    const tensors = this.#match('step', gradients)
    if (tensors === NONE) return
    const now = this.#now('step', tensors)
    this.#layOutFor(tensors)
    // What is left to be read from where it is.
    let outside: Present = tensors
    if (this.#clipNorm === Infinity) {
      this.#advance(now, 1)
    } else {
      outside = this.#run('sumSquares', outside)
      this.#advance(now, this.#clipScale(tensors))
    }
    this.#run('step', outside)
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
   * so do `step`, `set`, `state`, `zeroGrad` and `lookahead` meanwhile
   */
  async stepAsync(gradients?: Gradients<P>): Promise<void> {
    const tensors = this.#match('stepAsync', gradients)
    if (tensors === NONE) return
    const now = this.#now('stepAsync', tensors)
    this.#layOutFor(tensors)
    this.#copy(tensors)
    const runner = this.#runner
    this.#isBusy = true
    try {
      if (this.#clipNorm === Infinity) {
        this.#advance(now, 1)
      } else {
        await (runner.sumSquaresAsync?.() ?? sumSquaresInSlices(this.#arena, runner))
        this.#advance(now, this.#clipScale(tensors))
      }
      await (runner.stepAsync?.() ?? stepInSlices(this.#arena, runner))
    } finally {
      this.#isBusy = false
    }
  }

  /** Checks that a step is possible, without any effect. */
  #match(call: string, gradients: unknown): Found {
    this.#checkFree(call)
    if (gradients === undefined) return ALL
    const found: Found = new Array(this.#gradients.length).fill(undefined)
    match(this.#shape, gradients, found)
    checkGradients(found, this.#gradients, this.#names)
    if (found.length > 1) this.#copyOwn(found)
    // A getter among them may have started a step.
    this.#checkFree(call)
    return found.some((gradient) => gradient !== undefined) ? found : NONE
  }

  /** Makes copies of gradients that lie in the arena, in the place of others: those are about to be written. */
  #copyOwn(tensors: Found): void {
    const { buffer } = this.#arena.region
    for (let i = 0; i < tensors.length; i++) {
      const gradient = tensors[i]
      if (gradient === undefined) continue
      const offset = byteOffsetOf(gradient)
      const own = this.#gradients[i]
      // The buffer last, as most arrays start theirs: to ask a small one for its buffer makes one.
      if (offset === 0 || offset === own.byteOffset || bufferOf(gradient) !== buffer) continue
      const copy = own.slice()
      copy.set(gradient)
      tensors[i] = copy
    }
  }

  /**
   * Calls the engine, with gradients where they are if it can read them there, and else in the arena:
   * what comes back is where they are then.
   */
  #run(call: 'step' | 'sumSquares', tensors: Present): Present {
    const runner = this.#runner
    if (tensors !== ALL) {
      if (runner.lent?.[call](tensors)) return tensors
      this.#copy(tensors)
    }
    if (call === 'step') runner.step()
    else runner.sumSquares()
    return ALL
  }

  /** Copies gradients into the arena. */
  #copy(tensors: Present): void {
    for (let i = 0; i < tensors.length; i++) {
      const gradient = tensors[i]
      if (gradient !== undefined) this.#gradients[i].set(gradient)
    }
  }

  /** Makes the segments of the tensors that have a gradient. */
  #layOutFor(tensors: Present): void {
    const isAll = tensors === ALL || !tensors.includes(undefined)
    if (!isAll || !this.#complete) this.#layOut((tensor) => isAll || tensors[tensor] !== undefined)
  }

  /** Counts the update and writes its coefficients; `clip` is the gradients' factor. */
  #advance(now: Now, clip: number): void {
    const scale = now.sign * clip
    const cohorts = this.#cohorts
    const { corrections } = this.#definition
    for (let c = 0; c < cohorts.length; c++) {
      const cohort = cohorts[c]
      const { clock, segments } = cohort
      clock.t++
      const holds = clock.t <= this.#delay
      const settles = (clock.t & (SETTLING - 1)) === 0 && now.settles
      if (
        now !== cohort.now ||
        scale !== cohort.scale ||
        holds !== cohort.holds ||
        settles !== cohort.settles
      ) {
        this.#tell(cohort, now, scale, holds, settles)
      }
      if (corrections === undefined) continue
      const { row } = segments[0]
      corrections(now.rule, clock, row)
      for (let i = 1; i < segments.length; i++) segments[i].row.set(row)
    }
    this.#updates++
  }

  /** Writes what does not depend on the update's number. */
  #tell(cohort: Cohort, now: Now, scale: number, holds: boolean, settles: boolean): void {
    for (const segment of cohort.segments) {
      this.#definition.coefficients(now.rule, segment.row)
      segment.prepare(holds, settles, scale, this.#clipValue, now.l2)
    }
    cohort.now = now
    cohort.scale = scale
    cohort.holds = holds
    cohort.settles = settles
  }

  /** Sets all gradients in `grads` to 0. */
  zeroGrad(): void {
    this.#checkFree('zeroGrad')
    this.#arena.plane(1).fill(0)
  }

  /**
   * Changes options of the rule for the steps to come, for instance `set({ lr: 1e-4 })`.
   *
   * @throws OptionError where an option is unknown, out of its range, or would change which arrays
   * of state there are or what they start from (amsgrad, momentum from or to 0, Nesterov's form,
   * initialAccumulator); nothing has changed then
   */
  set(options: Changes<R>): void {
    this.#checkFree('set')
    const changed = checked(this.#rule, options)
    this.#checkFree('set')
    const { kernel, state, initialState } = this.#definition
    const keeps = (of: (rule: SimpleRule) => unknown = () => null) => of(changed) === of(this.#rule)
    if (!keeps(kernel) || !keeps((rule) => state(rule).length) || !keeps(initialState)) {
      const expected = `options under which ${changed.name} keeps the same arrays of state`
      throw new OptionError('set: options', expected, options)
    }
    this.#rule = changed
    this.#constant = this.#constantNow(changed)
  }

  /**
   * The points at which the rule wants the next gradient, in the shape of the parameters: for
   * Nesterov's shifted form θ + α·v, computed at each call into views that stay the same; for any
   * other rule `params` itself.
   */
  lookahead(): Views<P> {
    this.#checkFree('lookahead')
    if (this.#rule.name !== 'nesterov' || this.#rule.form !== 'shifted') return this.params
    this.#lookahead ??= { runner: this.#attach('Lookahead'), point: this.#views(3) }
    const { rule } = this.#now('lookahead', ALL)
    if (!this.#complete) this.#layOut(() => true)
    const arena = this.#arena
    for (const cohort of this.#cohorts) {
      for (const segment of cohort.segments) {
        this.#definition.coefficients(rule, segment.row)
        segment.prepare(false, false, 1, Infinity, 0)
      }
      cohort.now = null
    }
    const zeroes = arena.zeroesGradients
    arena.zeroesGradients = false
    try {
      this.#lookahead.runner.step()
    } finally {
      arena.zeroesGradients = zeroes
    }
    return this.#lookahead.point as Views<P>
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

  #views(plane: number): Views<P> {
    return unflatten(this.#shape, (tensor) => this.#arena.view(plane, tensor)) as Views<P>
  }

  /** The rule with its schedules evaluated, before a step with these gradients. */
  #now(call: string, tensors: Present): Now {
    if (this.#constant !== null) return this.#constant
    const now = this.#at(at(this.#definition, this.#rule, this.#updates))
    // A function may have started a step, or taken a gradient's memory away.
    this.#checkFree(call)
    checkGradients(tensors, this.#gradients, this.#names)
    return now
  }

  #at(rule: At<SimpleRule>): Now {
    // Not where the root of a subnormal v shows beside ε, as it does without ε: 0 for v is another step.
    const eps = 'eps' in rule ? rule.eps : 1
    const settles = eps * eps >= smallestNormal[this.#arena.dtype]
    return { rule, l2: this.#definition.l2?.(rule) ?? 0, sign: rule.maximize ? -1 : 1, settles }
  }

  #constantNow(rule: SimpleRule): Now | null {
    return isScheduledRule(rule) ? null : this.#at(rule as At<SimpleRule>)
  }

  /** min(1, norm/‖g‖), but NaN where a gradient is NaN, once the engine has written the sums. */
  #clipScale(tensors: Present): number {
    let sum = 0
    for (let i = 0; i < this.#gradients.length; i++) {
      if (tensors === ALL || tensors[i] !== undefined) sum += this.#arena.sumOfSquares(i)
    }
    const norm = Math.sqrt(sum)
    return norm <= this.#clipNorm ? 1 : this.#clipNorm / norm
  }

  /**
   * Makes the segments of the tensors that are present: neighbours that share a clock are one.
   * Those that are left out keep their clock, and the others get a copy of it.
   */
  #layOut(isPresent: (tensor: number) => boolean): void {
    const clocks = this.#clocks
    const left = new Set(clocks.filter((_, i) => !isPresent(i)))
    const copies = new Map<Clock, Clock>()
    const cohorts = new Map<Clock, Cohort>()
    let count = 0
    let first = 0
    let previous = -1
    for (let i = 0; i < clocks.length; i++) {
      if (!isPresent(i)) continue
      let clock = clocks[i]
      if (left.has(clock)) {
        if (!copies.has(clock)) copies.set(clock, { ...clock })
        clock = clocks[i] = copies.get(clock) as Clock
      }
      if (count === 0 || previous !== i - 1 || clock !== clocks[previous]) {
        first = i
        const cohort = cohorts.get(clock) ?? {
          clock,
          segments: [],
          now: null,
          scale: 1,
          holds: false,
          settles: false,
        }
        cohorts.set(clock, cohort)
        cohort.segments.push(this.#arena.segment(count))
        count++
      }
      this.#arena.setSegment(count - 1, first, i)
      previous = i
    }
    this.#arena.segmentCount = count
    this.#cohorts = [...cohorts.values()]
    this.#complete = left.size === 0
  }
}

function isScheduledRule(rule: SimpleRule): boolean {
  return Object.values(rule).some((value) => typeof value === 'function' || isSchedule(value))
}

function checkOptions(options: OptimizerOptions) {
  if (typeof options !== 'object' || options === null) throw new OptionError('options', 'an object', options)
  const { clip = {}, zeroGrads = false, engine, instructionSet, threads, ...unknown } = options
  if (typeof clip !== 'object' || clip === null) throw new OptionError('clip', '{ norm, value }', clip)
  const { norm, value, ...unknownClip } = clip
  const positive = (x: unknown) => x === undefined || (typeof x === 'number' && x > 0 && x < Infinity)
  const [stranger] = Object.keys(unknown)
  if (stranger !== undefined) {
    throw new OptionError('options', 'one of clip, zeroGrads, engine, instructionSet, threads', stranger)
  }
  const [strangerClip] = Object.keys(unknownClip)
  if (strangerClip !== undefined) throw new OptionError('clip', 'one of norm, value', strangerClip)
  if (!positive(norm)) throw new OptionError('clip: norm', 'a finite number > 0', norm)
  if (!positive(value)) throw new OptionError('clip: value', 'a finite number > 0', value)
  if (typeof zeroGrads !== 'boolean') throw new OptionError('zeroGrads', 'true or false', zeroGrads)
  if (instructionSet !== undefined) {
    if (engine !== 'native') {
      throw new OptionError('instructionSet', "nothing without engine: 'native'", instructionSet)
    }
    const { available, instructionSets } = native.report()
    // Where there is no addon, that is what is wrong, and said when it is asked for.
    if (available && !instructionSets.includes(instructionSet)) {
      throw new OptionError('instructionSet', `one of ${instructionSets.join(', ')}`, instructionSet)
    }
  }
  return {
    clip: { norm: norm ?? Infinity, value: value ?? Infinity },
    zeroGrads,
    engine,
    forced: { instructionSet, threads: requestedThreads(threads) },
  }
}
