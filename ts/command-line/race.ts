/**
 * The race: each rule of the founding essay minimizes Rosenbrock's function on each engine. All engines must visit
 * bit-identical points.
 */

import { OptionError } from '../core/errors.js'
import type { EngineName } from '../engines/engine.js'
import type { Clip } from '../gradients/clip.js'
import { MAX_ITERATIONS } from '../jobs/limits.js'
import { minimize } from '../minimize/minimize.js'
import type { MinimizeReason } from '../minimize/reasons.js'
import { rosenbrock } from '../objectives/index.js'
import { Optimizer } from '../optimizer.js'
import type { Option } from '../options/kinds.js'
import { adagrad } from '../rules/adagrad.js'
import { adam } from '../rules/adam.js'
import { adamw } from '../rules/adamw.js'
import { type BuiltInRule, definitions, type Rule } from '../rules/definitions.js'
import { delayedStart } from '../rules/delayed-start.js'
import { gradientDescent } from '../rules/gradient-descent.js'
import { momentum } from '../rules/momentum.js'
import { nesterov } from '../rules/nesterov.js'
import { radam } from '../rules/radam.js'
import { resolve } from '../rules/resolve.js'
import { rmsprop } from '../rules/rmsprop.js'
import { sgd } from '../rules/sgd.js'
import { signSgd } from '../rules/sign-sgd.js'
import { isWarmup, warmup } from '../schedules/warmup.js'

/** A rule with options that suit Rosenbrock's function. */
interface Entrant {
  readonly name: string
  readonly rule: (options: object) => BuiltInRule
  readonly options: Readonly<Record<string, unknown>>
  readonly delay?: number
  readonly clip?: Clip
}

const entrants: readonly Entrant[] = [
  { name: 'gradient-descent', rule: gradientDescent, options: { lr: 1e-3 } },
  // signSGD has steps of constant length. With longer steps, signSGD oscillates farther from the minimum. With shorter
  // steps, signSGD does not reach the minimum.
  { name: 'sign-sgd', rule: signSgd, options: { lr: 1e-4 } },
  { name: 'momentum', rule: momentum, options: { lr: 1e-3 } },
  { name: 'nesterov', rule: nesterov, options: { lr: 1e-3 } },
  { name: 'nesterov-shifted', rule: nesterov, options: { lr: 1e-3, form: 'shifted' } },
  { name: 'sgd-momentum', rule: sgd, options: { lr: 1e-3, momentum: 0.9 } },
  { name: 'sgd-nesterov', rule: sgd, options: { lr: 1e-3, momentum: 0.9, nesterov: true } },
  { name: 'adagrad-essay', rule: adagrad, options: { lr: 3e-3, form: 'essay' } },
  { name: 'adagrad', rule: adagrad, options: { lr: 0.5 } },
  // RMSProp's steps do not shrink with the gradient, so RMSProp converges with no learning rate.
  { name: 'rmsprop-essay', rule: rmsprop, options: { lr: 1e-3, form: 'essay' } },
  { name: 'rmsprop', rule: rmsprop, options: { lr: 1e-3 } },
  { name: 'rmsprop-momentum', rule: rmsprop, options: { lr: 1e-3, momentum: 0.9 } },
  { name: 'adam-essay', rule: adam, options: { lr: 0.1, eps: 0 } },
  { name: 'adam', rule: adam, options: { lr: 0.1 } },
  { name: 'adam-l2', rule: adam, options: { lr: 0.1, weightDecay: 1e-4 } },
  // With more weight decay or longer steps, weight decay and gradient cause oscillations around the minimum.
  { name: 'adamw', rule: adamw, options: { lr: 3e-4, weightDecay: 1e-4 } },
  { name: 'amsgrad', rule: adam, options: { lr: 0.1, amsgrad: true } },
  // RAdam's first steps are not rectified. Steps without rectification are proportional to the gradient, which is large
  // at the start.
  { name: 'radam', rule: radam, options: { lr: 2e-3 } },
  { name: 'delayed-start', rule: adam, options: { lr: 0.1 }, delay: 10 },
  { name: 'warm-up', rule: adam, options: { lr: warmup(0.1, { steps: 100 }) } },
  { name: 'clip-norm', rule: gradientDescent, options: { lr: 1.9e-3 }, clip: { norm: 1 } },
  { name: 'clip-value', rule: gradientDescent, options: { lr: 1.9e-3 }, clip: { value: 1 } },
]

export const entrantNames: readonly string[] = entrants.map(({ name }) => name)

/** A configured rule, and the clipping of its gradients. */
export interface RaceEntry {
  readonly name: string
  readonly rule: Rule
  readonly clip: Clip
}

/**
 * Configures the named rules, in the order of `entrants`.
 *
 * @param overrides options that replace the options of every rule
 * @throws OptionError if a rule does not have an option or does not accept its value
 */
export function enter(names = entrantNames, overrides: RaceRunSettings['overrides'] = {}): RaceEntry[] {
  return entrants
    .filter(({ name }) => names.includes(name))
    .map((entrant) => ({ name: entrant.name, rule: make(entrant, overrides), clip: entrant.clip ?? {} }))
}

/** Every option of all rules, with the option's definition in each rule. */
export const ruleOptions: ReadonlyMap<string, ReadonlyMap<string, Option>> = (() => {
  const options = new Map<string, Map<string, Option>>()
  for (const [rule, definition] of Object.entries(definitions)) {
    for (const [name, option] of Object.entries(definition.options)) {
      options.set(name, (options.get(name) ?? new Map()).set(rule, option))
    }
  }
  return options
})()

export interface RaceRunSettings {
  /** Names of entrants. */
  readonly rules: readonly string[]
  /**
   * Options that replace the options of every rule. If the old learning rate is a warm-up, the new learning rate is a
   * warm-up to the new value.
   */
  readonly overrides: Readonly<Record<string, unknown>>
  /** The engines of the race. All engines are compared with the first engine. */
  readonly engines: readonly EngineName[]
  readonly start: readonly [number, number]
  readonly dtype: 'float32' | 'float64'
  readonly tolerance: number
  readonly maxIterations: number
}

/** The result of a rule on one engine. */
export interface Lap {
  /** Time of one `gradientPoint()` and `step()`, without the evaluation of the gradient. */
  readonly nanosecondsPerUpdate: number
  readonly iterations: number
  readonly reason: MinimizeReason
  /**
   * First update after which a bit of the parameters differs from the first engine's parameters; null if no bit ever
   * differs.
   */
  readonly differsAt: number | null
}

/** The description of a race entry in tables and JSON. */
export interface EngineProfile {
  readonly name: string
  readonly rule: BuiltInRule['name']
  /** All of the rule's options. */
  readonly options: Readonly<Record<string, unknown>>
  readonly delayedStart: number
  readonly clip: Clip
}

export function profile({ name, rule, clip }: RaceEntry): EngineProfile {
  const { rule: simple, delay } = resolve(rule)
  const { name: ruleName, ...options } = simple
  return { name, rule: ruleName as BuiltInRule['name'], options, delayedStart: delay, clip }
}

/** The result of a rule. If the engines' results differ, the first engine's result is used. */
export interface Finish extends EngineProfile {
  readonly iterations: number
  readonly reason: MinimizeReason
  readonly x: readonly [number, number]
  readonly value: number
  /** Euclidean distance from the minimum, (1, 1). */
  readonly distance: number
  /** Whether the parameters of all engines were bit-identical after every update; all NaN values count as equal. */
  readonly sameBits: boolean
  readonly engines: Readonly<Partial<Record<EngineName, Lap>>>
}

const objective = rosenbrock()

/**
 * Runs the race.
 *
 * @param onProgress called with the name of the next rule
 * @param onFinish called with each path on the first engine: alternating x and y, from the starting point on; the next
 * rule reuses the memory of the path
 * @throws OptionError if a rule does not have an option or does not accept its value, or if `maxIterations` is too
 * large; EngineError if an engine cannot run
 */
export function race(
  settings: RaceRunSettings,
  onProgress: (what: string) => void = () => {},
  onFinish: (finish: Finish, path: Float64Array) => void = () => {},
): Finish[] {
  const { rules, overrides, maxIterations } = settings
  // The whole path stays in memory (16 bytes per update), so that engines can be compared at every update.
  if (!(maxIterations <= MAX_ITERATIONS)) {
    throw new OptionError('maxIterations', `at most ${MAX_ITERATIONS}`, maxIterations)
  }
  // All rules are configured before the first run, so that an invalid option fails at once.
  const entries = enter(rules, overrides)
  const path = new Float64Array(2 * (maxIterations + 1))
  return entries.map((entry, i) => {
    onProgress(`${entry.name} (${i + 1} of ${entries.length})`)
    const finish = run(entry, settings, path)
    onFinish(finish, path.subarray(0, 2 * (finish.iterations + 1)))
    return finish
  })
}

function make({ rule, options, delay }: Entrant, overrides: RaceRunSettings['overrides']): Rule {
  const changed = { ...options, ...overrides }
  // The rule validates plain numbers before they become part of a schedule, so that an error names the number.
  rule(changed)
  for (const [name, own] of Object.entries(options)) {
    const value = overrides[name]
    if (isWarmup(own) && value !== undefined) changed[name] = warmup(value as number, { steps: own.steps })
  }
  return delay === undefined ? rule(changed) : delayedStart(delay, rule(changed))
}

function run(entry: RaceEntry, settings: RaceRunSettings, path: Float64Array): Finish {
  const { rule, clip } = entry
  const { engines, start, dtype, tolerance, maxIterations } = settings
  path.set(start)
  const results = engines.map((engine, number) => {
    let differsAt: number | null = null
    const visit = (x: ArrayLike<number>, iteration: number) => {
      const at = 2 * iteration
      if (number === 0) path.set(x, at)
      else if (!Object.is(path[at], x[0]) || !Object.is(path[at + 1], x[1])) differsAt ??= iteration
    }
    const limits = { tolerance, maxIterations, dtype }
    const result = minimize(objective, start, rule, { ...limits, clip, engine, callback: visit })
    // The callback does not receive a last point that is not finite.
    if (result.iterations > 0) visit(result.x, result.iterations)
    return { ...result, differsAt: differsAt as number | null }
  })
  const [first] = results
  const times = timed(rule, clip, settings)
  const laps = results.map(({ iterations, reason, differsAt }, i): [EngineName, Lap] => {
    const stoppedApart = iterations === first.iterations ? null : Math.min(iterations, first.iterations) + 1
    const lap = { nanosecondsPerUpdate: times[i], iterations, reason, differsAt: differsAt ?? stoppedApart }
    return [engines[i], lap]
  })
  const [x, y] = first.x
  const [[x0, y0]] = objective.minima(2)
  return {
    ...profile(entry),
    iterations: first.iterations,
    reason: first.reason,
    x: [x, y],
    value: first.value,
    distance: Math.sqrt((x - x0) * (x - x0) + (y - y0) * (y - y0)),
    sameBits: laps.every(([, { differsAt }]) => differsAt === null),
    engines: Object.fromEntries(laps),
  }
}

/** Number of untimed rounds in which JavaScript's compiler warms up. */
const WARM_UP = 5
const ROUNDS = 15
const UPDATES = 4000

/** Nanoseconds per update on each engine: the median over rounds. The engines take turns in each round. */
function timed(rule: Rule, clip: Clip, { engines, start: from, dtype }: RaceRunSettings): number[] {
  const optimizers = engines.map((engine) => {
    const start = dtype === 'float32' ? Float32Array.from(from) : Float64Array.from(from)
    const optimizer = new Optimizer(start, rule, { clip, engine })
    objective.gradient(start, optimizer.grads)
    return optimizer
  })
  const rounds = Array.from({ length: WARM_UP + ROUNDS }, () =>
    optimizers.map((optimizer) => {
      const start = performance.now()
      for (let i = 0; i < UPDATES; i++) {
        optimizer.gradientPoint()
        optimizer.step()
      }
      return ((performance.now() - start) * 1e6) / UPDATES
    }),
  )
  const counted = rounds.slice(WARM_UP)
  return engines.map((_, i) => counted.map((round) => round[i]).sort((a, b) => a - b)[ROUNDS >> 1])
}
