/** The compiled parts of a model of differential equations, and its integration at given parameters. */

import { runToEnd, type Slices } from '../../core/slices.js'
import { zeros } from '../models/linear-least-squares.js'
import { type IntegrationStop, isReached, StepControl } from './control.js'
import { integrateExplicit } from './explicit.js'
import { Flow } from './flow.js'
import { integrate, type OdeEvent, type SortedOutputs } from './integrate.js'
import { Jet } from './jet.js'
import { type DoseDefinition, doseTexts, type OdeDefinition } from './options.js'

/** A dose with the numbers of its row of the data, or with row −1 for a dose of the table. */
export interface PlacedDose {
  readonly dose: DoseDefinition
  readonly row: number
  readonly time: number
  /** Values of all names of the definition at the row; NaN for parameters. */
  readonly values: ReadonlyMap<string, number>
}

/** A time at which the solution is required. */
interface OdeOutput {
  readonly time: number
  /** Order of events and outputs at the same time. */
  readonly rank: number
}

/** The times of one integration, and the observed quantity at each time. */
export interface Regimen {
  readonly doses: readonly PlacedDose[]
  /** Times with ranks, which order outputs and doses at the same time. */
  readonly outputs: readonly OdeOutput[]
}

/** Solutions at the outputs of a regimen, one vector per output: states, then one block per direction. */
export interface OdeSolution {
  readonly at: readonly Float64Array[]
  readonly stop: IntegrationStop | null
  readonly accepted: number
  readonly rejected: number
  readonly evaluations: number
}

/** CompiledSystem expressions for one list of directions. */
interface CompiledSystem {
  readonly values: Jet
  readonly rates: Jet
  readonly initial: Jet
  readonly observe: Jet
  readonly doses: ReadonlyMap<DoseDefinition, Jet>
}

/**
 * Computes the observed quantity of index k from a solution z.
 *
 * @param slopes receives the derivatives
 */
export type Observer = (time: number, k: number, z: Float64Array, slopes: Float64Array) => number

const MAX_KEPT = 8

export class OdeSystem {
  readonly definition: OdeDefinition
  readonly #compiled = new Map<string, CompiledSystem>()
  readonly #orders = new WeakMap<Regimen, SortedOutputs & { readonly order: readonly number[] }>()

  constructor(definition: OdeDefinition) {
    this.definition = definition
  }

  #compile(directions: readonly string[]): CompiledSystem {
    const key = directions.join(' ')
    const known = this.#compiled.get(key)
    if (known !== undefined) return known
    const { states, initial, rates, time, observe, inputs, names, doses } = this.definition
    const all = [time, ...states, ...names, ...inputs.keys()]
    const by = [...states, ...directions]
    const compiled: CompiledSystem = {
      values: new Jet(rates, all, []),
      rates: new Jet(rates, all, by),
      initial: new Jet(initial, names, directions),
      observe: new Jet([...observe.values()], all, by),
      doses: new Map(doses.map((dose) => [dose, new Jet(doseTexts(dose), names, directions)])),
    }
    if (this.#compiled.size >= MAX_KEPT) this.#compiled.clear()
    this.#compiled.set(key, compiled)
    return compiled
  }

  /** The rates and their derivatives, as functions of the time, the states and the further names. */
  ratesFor(directions: readonly string[]): Jet {
    return this.#compile(directions).rates
  }

  /** Integrates the system without pauses: see {@link OdeSystem.solveInSlices}. */
  solve(...given: Parameters<OdeSystem['solveInSlices']>): OdeSolution {
    return runToEnd(this.solveInSlices(...given))
  }

  /**
   * Integrates the system.
   *
   * @param values numbers of all names of the definition
   * @param directions names of the sensitivities
   * @param explicit the explicit method, alone or in a lane
   * @param receive receives the rank and the time of each output, and the solution, which is valid during the call; by
   *   default the result contains copies of the solutions
   */
  *solveInSlices(
    values: ReadonlyMap<string, number>,
    directions: readonly string[],
    regimen: Regimen,
    explicit: typeof integrateExplicit = integrateExplicit,
    receive?: (rank: number, time: number, z: Float64Array) => void,
  ): Slices<OdeSolution> {
    const { states, names, inputs, initialTime, method, rtol, atol, maxSteps, controlsSensitivities } =
      this.definition
    const compiled = this.#compile(directions)
    const [n, m] = [states.length, directions.length]
    const numbers = names.map((name) => values.get(name) as number)
    const flow = new Flow([compiled.values, compiled.rates], [n, m], numbers, [...inputs.values()])
    const z = zeros(n * (1 + m))
    const { initial } = compiled
    initial.run(numbers)
    for (let i = 0; i < n; i++) z[i] = initial.value(i)
    for (const [entry, row] of initial.rows.entries())
      z[n * (1 + initial.columns[entry]) + row] = initial.slope(entry)
    const control = new StepControl({ rtol, atol, maxSteps, controlsSensitivities })
    const at = receive ? [] : regimen.outputs.map(() => new Float64Array(z.length).fill(NaN))
    const outputs = this.#sort(regimen)
    const { order, times, ranks } = outputs
    const events = this.#events(compiled, numbers, m, regimen.doses)
    const stop = yield* integrate({
      flow,
      z,
      begin: initialTime,
      events,
      outputs,
      method,
      control,
      emit: receive
        ? (output, from) => receive(ranks[output], times[output], from)
        : (output, from) => at[order[output]].set(from),
      explicit,
    })
    const { accepted, rejected } = control
    return { at, stop, accepted, rejected, evaluations: flow.evaluations }
  }

  /** Outputs in the order of time and rank, and their indices in the regimen. */
  #sort(regimen: Regimen): SortedOutputs & { readonly order: readonly number[] } {
    const { outputs } = regimen
    const known = this.#orders.get(regimen)
    if (known !== undefined) return known
    const order = [...outputs.keys()].sort((a, b) => compareOutputs(outputs[a], outputs[b]))
    const [times, ranks] = [zeros(order.length), zeros(order.length)]
    for (let k = 0; k < order.length; k++) {
      times[k] = outputs[order[k]].time
      ranks[k] = outputs[order[k]].rank
    }
    const sorted = { order, times, ranks }
    this.#orders.set(regimen, sorted)
    return sorted
  }

  #events(
    compiled: CompiledSystem,
    numbers: readonly number[],
    m: number,
    doses: readonly PlacedDose[],
  ): OdeEvent[] {
    const { names, inputs, initialTime } = this.definition
    const events: OdeEvent[] = []
    const none = new Float64Array(m)
    for (const { times } of inputs.values()) {
      for (const time of times) {
        if (time > initialTime)
          events.push({
            time,
            rank: -1,
            state: -1,
            isRate: false,
            change: 0,
            changeSlopes: none,
            timeSlopes: none,
          })
      }
    }
    for (const { dose, row, time: rowTime, values } of doses) {
      const jet = compiled.doses.get(dose) as Jet
      jet.run(row < 0 ? numbers : numbers.map((number, k) => values.get(names[k]) ?? number))
      const slopes = [0, 1, 2, 3].map(() => new Float64Array(m))
      for (const [entry, part] of jet.rows.entries()) slopes[part][jet.columns[entry]] = jet.slope(entry)
      events.push(
        ...expandDose(
          dose,
          [row, rowTime],
          [0, 1, 2, 3].map((part) => jet.value(part)),
          slopes,
        ),
      )
    }
    // An invalid time comes first, and ends the integration at once.
    const order = ({ time }: OdeEvent) => (time < Infinity ? time : -Infinity)
    return events.sort((a, b) => order(a) - order(b) || a.rank - b.rank)
  }

  /** Returns a function that computes observed quantities, and their derivatives with respect to the directions. */
  observer(values: ReadonlyMap<string, number>, directions: readonly string[]): Observer {
    const { states, names, inputs } = this.definition
    const { observe } = this.#compile(directions)
    const { rows, columns } = observe
    const n = states.length
    const tables = [...inputs.values()]
    const x = zeros(1 + n + names.length + tables.length)
    for (const [k, name] of names.entries()) x[1 + n + k] = values.get(name) as number
    return (time, k, z, slopes) => {
      x[0] = time
      for (let i = 0; i < n; i++) x[1 + i] = z[i]
      for (const [input, table] of tables.entries()) x[1 + n + names.length + input] = inputAt(table, time)
      observe.run(x)
      slopes.fill(0)
      for (let entry = 0; entry < rows.length; entry++) {
        if (rows[entry] !== k) continue
        const [column, slope] = [columns[entry], observe.slope(entry)]
        if (column >= n) slopes[column - n] += slope
        else for (let d = 0; d < slopes.length; d++) slopes[d] += slope * z[n * (1 + d) + column]
      }
      return observe.value(k)
    }
  }
}

function inputAt(
  {
    times,
    values,
    isLinear,
  }: { readonly times: readonly number[]; readonly values: readonly number[]; readonly isLinear: boolean },
  time: number,
): number {
  let piece = 0
  while (piece + 1 < times.length && times[piece + 1] <= time) piece++
  if (!isLinear || time < times[0] || piece + 1 >= times.length) return values[piece]
  const slope = (values[piece + 1] - values[piece]) / (times[piece + 1] - times[piece])
  return values[piece] + slope * (time - times[piece])
}

const compareOutputs = (a: OdeOutput, b: OdeOutput) => a.time - b.time || a.rank - b.rank

/** The events of a dose: a bolus, or the begin and the end of an infusion. */
function expandDose(
  { state, time: own }: DoseDefinition,
  [row, rowTime]: readonly [number, number],
  [tableTime, amount, duration, lag]: readonly number[],
  [timeSlopes, amountSlopes, durationSlopes, lagSlopes]: readonly Float64Array[],
): OdeEvent[] {
  const isValid = duration >= 0 && amount * 0 === 0
  const time = isValid ? (own === null ? rowTime : tableTime) + lag : NaN
  // A dose of a row follows the observation of the row. Every other dose precedes the observations at its time.
  const rank = row >= 0 && lag === 0 ? row + 0.5 : -1
  const moved = timeSlopes.map((slope, d) => slope + lagSlopes[d])
  if (amount === 0 && amountSlopes.every((slope) => slope === 0)) return []
  // An infusion that is too short for a step is a bolus.
  if (!(duration > 0) || isReached(time, time + duration)) {
    return [
      { time, rank, state, isRate: false, change: amount, changeSlopes: amountSlopes, timeSlopes: moved },
    ]
  }
  const rate = amount / duration
  const rateSlopes = amountSlopes.map((slope, d) => (slope - rate * durationSlopes[d]) / duration)
  const event = { rank, state, isRate: true }
  return [
    { ...event, time, change: rate, changeSlopes: rateSlopes, timeSlopes: moved },
    {
      ...event,
      rank: -1,
      time: time + duration,
      change: -rate,
      changeSlopes: rateSlopes.map((slope) => -slope),
      timeSlopes: moved.map((slope, d) => slope + durationSlopes[d]),
    },
  ]
}
