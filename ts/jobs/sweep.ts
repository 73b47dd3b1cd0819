/** Sweeps: runs of every option set from every starting point. */

import { OptionError } from '../core/errors.js'
import type { EngineName } from '../engines/engine.js'
import type { Expression } from '../expressions/expression.js'
import { minimizeMany, minimizeManySync } from '../many/minimize-many.js'
import type { MinimizeManyOptions } from '../many/options.js'
import { lbfgs } from '../methods/lbfgs.js'
import { newton } from '../methods/newton.js'
import type { Method } from '../minimize/method.js'
import type { StartColumns } from '../random/starts.js'
import { type BuiltInRule, definitions, type Rule } from '../rules/definitions.js'
import { resolve } from '../rules/resolve.js'
import type { ExecutionOptions } from './fits.js'
import { type RunSummary, RunTally } from './run-summary.js'
import { readInput, type SweepInputOptions } from './sweep-input.js'

export type RuleName = BuiltInRule['name']

export type MethodName = 'lbfgs' | 'newton'
/** Methods that a sweep can use instead of a rule. */
const methods: Readonly<Record<MethodName, (options: object) => Method>> = { lbfgs, newton }
export const methodNames = Object.keys(methods) as readonly MethodName[]

/**
 * A request for a sweep, with its options named as on the command line. The request does not specify where the sweep
 * runs.
 */
export interface SweepRequest extends SweepInputOptions {
  readonly rule: RuleName
  /** Method that runs instead of the rule, with `options` of the method. */
  readonly method?: MethodName | undefined
  /** Values for each option; every combination of values is an option set. */
  readonly options: Readonly<Record<string, readonly unknown[]>>
  readonly tolerance: number
  readonly maxIterations: number
  readonly clip?: number | undefined
}

/**
 * Prepares a sweep, but does not start it; see {@link prepare}.
 *
 * @throws OptionError or ExpressionError if the request is invalid; EngineError if the engine cannot run
 */
export function startSweep(asked: SweepRequest, { engine, threads }: ExecutionOptions) {
  const { rule, method, options, tolerance, maxIterations, clip } = asked
  const { objective, title, starts, target } = readInput(asked)
  const limits = { tolerance, maxIterations, clip, engine, threads }
  const count = Object.values(starts)[0].length
  return { title, count, ...prepare({ objective, rule, method, options, starts, target, ...limits }) }
}

interface SweepSettings {
  readonly objective: Expression
  readonly rule: RuleName
  readonly method: MethodName | undefined
  /** Values for each option; every combination of values is an option set. */
  readonly options: Readonly<Record<string, readonly unknown[]>>
  readonly starts: StartColumns
  /** The target value of F. */
  readonly target: number | undefined
  readonly tolerance: number
  readonly maxIterations: number
  readonly clip: number | undefined
  readonly engine: EngineName | undefined
  readonly threads: number | undefined
}

/** The results of one option set. */
export interface SetResult extends RunSummary {
  /** Index of the option set, counted from 0. The last option varies fastest. */
  readonly set: number
  /** The name of the rule or method. */
  readonly rule: RuleName | MethodName
  /** All options of the rule or method in this set. */
  readonly options: Readonly<Record<string, unknown>>
}

export interface SweepProgress {
  readonly sets: number
  readonly totalSets: number
  readonly runs: number
  readonly totalRuns: number
}

/** The maximum number of option sets. */
const MAX_SETS = 1_000_000

/** The number of option sets. */
export const countSets = ({ options }: Pick<SweepRequest, 'options'>): number =>
  Object.values(options).reduce((product, values) => product * values.length, 1)

/**
 * Number of runs per call, which occupies all cores. If the sweep is canceled, the runs of the current call are lost.
 */
const RUNS_PER_CALL = 1 << 14

/** Rules that batches of runs support, at least with default options. */
export const sweepable = Object.values(definitions)
  .filter(({ stages, point, defaults }) => {
    const [first, ...others] = stages(defaults as never)
    return others.length === 0 && first.tensor.length === 0 && point(defaults as never) === undefined
  })
  .map(({ name }) => name as RuleName)

/**
 * Validates all option sets, and returns a generator that runs the sets one after the other. The memory contains the
 * starting points, 12 bytes per run of one set, and one call of 16,384 runs. Results go directly to the caller.
 *
 * @throws OptionError if an option set is invalid or not supported in batches of runs; EngineError if the engine cannot
 * run
 */
function prepare(settings: SweepSettings): {
  readonly sets: number
  readonly run: PreparedSweep['run']
} {
  const sweep = new PreparedSweep(settings)
  sweep.check()
  return { sets: sweep.sets, run: sweep.run.bind(sweep) }
}

class PreparedSweep {
  readonly sets: number
  readonly #settings: SweepSettings
  readonly #options: readonly (readonly [name: string, values: readonly unknown[]])[]
  readonly #limits: MinimizeManyOptions

  constructor(settings: SweepSettings) {
    const { clip, engine, threads, tolerance, maxIterations } = settings
    this.#settings = settings
    this.#options = Object.entries(settings.options)
    this.sets = countSets(settings)
    if (this.sets > MAX_SETS) throw new OptionError('options', `at most ${MAX_SETS} sets`, this.sets)
    this.#limits = {
      tolerance,
      maxIterations,
      ...(clip !== undefined && { clip: { value: clip } }),
      ...(engine !== undefined && { engine }),
      ...(threads !== undefined && { threads }),
    }
  }

  /**
   * Validates each option set. The support of batches never depends on a combination of options, so each option value
   * is tested only once.
   */
  check(): void {
    const { objective } = this.#settings
    for (let set = 0; set < this.sets; set++) this.#optionsOf(set)
    const first = this.#part(0, 1)
    const limits = { ...this.#limits, maxIterations: 0 }
    let stride = this.sets
    for (const [, values] of this.#options) {
      stride /= values.length
      for (let i = 0; i < values.length; i++)
        minimizeManySync(objective, first, this.#setOf(i * stride), limits)
    }
    if (this.#options.length === 0) minimizeManySync(objective, first, this.#setOf(0), limits)
  }

  /** Runs the option sets from `from` to `to` − 1. By default all option sets run. */
  async *run(
    signal: AbortSignal | undefined,
    onProgress: (progress: SweepProgress) => void = () => {},
    from = 0,
    to = this.sets,
  ): AsyncGenerator<SetResult> {
    const { objective, rule, method, starts, target } = this.#settings
    const count = Object.values(starts)[0].length
    const tally = new RunTally(starts, count, target)
    for (let set = from; set < to && !signal?.aborted; set++) {
      const limits = { ...this.#limits, ...(signal && { signal }) }
      tally.clear()
      while (tally.runs < count && !signal?.aborted) {
        const [runs, totalRuns] = [set * count + tally.runs, this.sets * count]
        onProgress({ sets: set, totalSets: this.sets, runs, totalRuns })
        const now = this.#part(tally.runs, tally.runs + RUNS_PER_CALL)
        try {
          tally.add(await minimizeMany(objective, now, this.#setOf(set), limits))
        } catch (thrown) {
          if (!signal?.aborted) throw thrown
        }
      }
      if (tally.runs === 0) continue
      yield { set, rule: method ?? rule, options: this.#optionsOf(set), ...tally.summary() }
    }
  }

  /** All options of the rule or method in one set. */
  #optionsOf(number: number): Readonly<Record<string, unknown>> {
    const chosen = this.#setOf(number)
    if ('method' in chosen) {
      const { method, ...all } = chosen
      return all
    }
    const { name, ...all } = resolve(chosen).rule
    return all
  }

  /** The method, or the rule with the options of one set. */
  #setOf(number: number): Rule | Method {
    const { method, rule } = this.#settings
    let rest = number
    const values: (readonly [string, unknown])[] = []
    for (const [name, all] of [...this.#options].reverse()) {
      values.unshift([name, all[rest % all.length]])
      rest = Math.floor(rest / all.length)
    }
    const options = Object.fromEntries(values)
    return method === undefined ? ({ name: rule, ...options } as unknown as Rule) : methods[method](options)
  }

  /** The starting points of consecutive runs. */
  #part(from: number, to: number): StartColumns {
    const columns = Object.entries(this.#settings.starts)
    return Object.fromEntries(columns.map(([name, column]) => [name, column.subarray(from, to)]))
  }
}
