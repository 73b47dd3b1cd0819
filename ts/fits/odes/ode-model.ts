/** Models of differential equations as models of fits. */

import { OptionError } from '../../core/errors.js'
import { runToEnd, type Slices } from '../../core/slices.js'
import { extensions } from '../../extensions.js'
import { zeros } from '../models/linear-least-squares.js'
import { type ExactModel, exactModel, type ModelLane } from '../problem/function-model.js'
import { checkConstant, extendColumns, OBSERVABLE, prepareData } from './data.js'
import type { OdeLanes } from './ode-lanes.js'
import { type OdeOptions, readDefinition } from './options.js'
import { OdeSystem, type PlacedDose, type Regimen } from './system.js'

type OdeColumns = Readonly<Record<string, Float64Array>>
type ParameterPoint = Readonly<Record<string, number>>

/** The data of one fit, prepared for integrations. */
interface PreparedFit {
  readonly regimen: Regimen
  /** Index of the observed quantity of each row. */
  readonly observed: ArrayLike<number>
  /** Values of the names that are columns, and the names that are parameters. */
  readonly constants: ReadonlyMap<string, number>
  readonly parameters: readonly string[]
  /** Names of the derivatives that the last call of `jacobian` requested. */
  directions: readonly string[]
  last:
    | {
        readonly point: readonly number[]
        readonly directions: readonly string[]
        readonly rows: ObservedRows
      }
    | undefined
}

interface ObservedRows {
  readonly values: Float64Array
  readonly slopes: ReadonlyMap<string, Float64Array>
}

/** A model of differential equations: see {@link ode}. */
export class OdeModel {
  /** @internal */
  readonly system: OdeSystem
  readonly #prepared = new WeakMap<OdeColumns, PreparedFit>()

  /** @internal */
  constructor(system: OdeSystem) {
    this.system = system
    Object.freeze(this)
  }

  /** Names of the states. */
  get states(): readonly string[] {
    return this.system.definition.states
  }

  /** Names that are neither states, inputs nor the time: parameters, or columns of the data. */
  get parameters(): readonly string[] {
    return this.system.definition.names
  }

  /** Writes the observed quantity at each row of the data to `out`. Rows that the integration does not reach are NaN. */
  curve(p: ParameterPoint, out: Float64Array, columns: OdeColumns): void {
    const prepared = this.#prepare(columns)
    out.set(runToEnd(this.#rowsAt(prepared, p, prepared.directions)).values)
  }

  /** Writes the derivatives with respect to the parameters to the arrays in `out`. */
  jacobian(p: ParameterPoint, out: OdeColumns, columns: OdeColumns): void {
    const prepared = this.#prepare(columns)
    prepared.directions = prepared.parameters.filter((name) => Object.hasOwn(out, name))
    const { slopes } = runToEnd(this.#rowsAt(prepared, p, prepared.directions))
    for (const name of Object.keys(out)) {
      const column = slopes.get(name)
      if (column === undefined) out[name].fill(0)
      else out[name].set(column)
    }
  }

  /** @internal */
  get [exactModel](): ExactModel {
    const { definition } = this.system
    return {
      names: [definition.time, ...(definition.observe.size > 1 ? [OBSERVABLE] : []), ...definition.names],
      accuracy: definition.rtol,
      parameters: (columns) => definition.names.filter((name) => !columns.has(name)),
      prepare: (data, options) => prepareData(definition, data, options),
      extend: (columns, at) => extendColumns(definition, columns, at),
      lanes: (...given) => extensions.odeLanes?.create(this.system, ...given),
      advance: (...given) => this.#advance(...given),
      remark: (values, columns) => this.#remark(values, columns),
    }
  }

  /** Integrates with pauses. The next call of `curve` or `jacobian` at the same point returns the kept solution. */
  *#advance(
    p: ParameterPoint,
    columns: OdeColumns,
    names: readonly string[] | undefined,
    lane: ModelLane | undefined,
  ): Slices<void> {
    const prepared = this.#prepare(columns)
    const directions = names && prepared.parameters.filter((name) => names.includes(name))
    yield* this.#rowsAt(prepared, p, directions ?? prepared.directions, lane)
  }

  #prepare(columns: OdeColumns): PreparedFit {
    const known = this.#prepared.get(columns)
    if (known !== undefined) return known
    const { definition } = this.system
    const { time, names, rowNames, observe, initialTime } = definition
    const times = columns[time]
    if (times === undefined)
      throw new OptionError('data', `a column ${time} of times`, Object.keys(columns).join(', '))
    const early = times.find((t) => t < initialTime || Math.abs(t) === Infinity)
    if (early !== undefined)
      throw new OptionError(
        `data: ${time}`,
        `finite times ≥ ${initialTime} (option initialTime of ode)`,
        early,
      )
    const own = names.filter((name) => columns[name] !== undefined)
    const constant = own.filter((name) => !rowNames.has(name))
    const rowOwn = own.filter((name) => rowNames.has(name))
    const doses = definition.doses.flatMap((dose): PlacedDose[] =>
      dose.time === null
        ? Array.from(times, (at, row) => ({
            dose,
            row,
            time: at,
            values: new Map(rowOwn.map((name) => [name, columns[name][row]])),
          })).filter((placed) => !Number.isNaN(placed.time))
        : [{ dose, row: -1, time: 0, values: new Map<string, number>() }],
    )
    // A row without a time has no value, and the integration does not visit the row.
    const outputs = Array.from(times, (at, row) => ({ time: at, rank: row })).filter(
      ({ time: at }) => at * 0 === 0,
    )
    const prepared: PreparedFit = {
      regimen: { doses, outputs },
      observed: observe.size > 1 ? columns[OBSERVABLE] : new Float64Array(times.length),
      constants: new Map(constant.map((name) => [name, checkConstant(name, columns[name])])),
      parameters: names.filter((name) => columns[name] === undefined),
      directions: [],
      last: undefined,
    }
    this.#prepared.set(columns, prepared)
    return prepared
  }

  #valuesOf({ constants, parameters }: PreparedFit, p: ParameterPoint): Map<string, number> {
    const values = new Map(constants)
    for (const name of parameters) {
      const value = p[name]
      if (typeof value !== 'number') throw new OptionError(`start: ${name}`, 'a number', value)
      values.set(name, value)
    }
    // Names of rows have a value for the doses only.
    for (const name of this.system.definition.names) if (!values.has(name)) values.set(name, 0)
    return values
  }

  /** The observed values of all rows and their derivatives, which are kept for the next call at the same point. */
  *#rowsAt(
    prepared: PreparedFit,
    p: ParameterPoint,
    directions: readonly string[],
    lane?: ModelLane,
  ): Slices<ObservedRows> {
    const { last, parameters } = prepared
    if (
      last !== undefined &&
      parameters.every((name, k) => Object.is(last.point[k], p[name])) &&
      (last.directions === directions || directions.every((name) => last.directions.includes(name)))
    )
      return last.rows
    const point = parameters.map((name) => p[name])
    const { system } = this
    const values = this.#valuesOf(prepared, p)
    const { regimen, observed } = prepared
    const make = () => zeros(observed.length).fill(NaN)
    const columns = directions.map(make)
    const rows: ObservedRows = {
      values: make(),
      slopes: new Map(directions.map((name, d) => [name, columns[d]])),
    }
    const slopes = new Float64Array(directions.length)
    const observe = system.observer(values, directions)
    yield* system.solveInSlices(
      values,
      directions,
      regimen,
      lane && (lane.lanes as OdeLanes).explicitFor(lane.run, directions),
      (row, time, z) => {
        rows.values[row] = observe(time, observed[row], z, slopes)
        for (let d = 0; d < columns.length; d++) columns[d][row] = slopes[d]
      },
    )
    prepared.last = { point, directions, rows }
    return rows
  }

  #remark(p: ParameterPoint, columns: OdeColumns): string {
    const prepared = this.#prepare(columns)
    const { stop, at } = this.system.solve(this.#valuesOf(prepared, p), [], prepared.regimen)
    if (stop === null) return ''
    const { time } = this.system.definition
    const output = at.findIndex((z) => z.some(Number.isNaN))
    const row = prepared.regimen.outputs[output]?.rank
    const where = row === undefined ? '' : `, before row ${row}`
    return `the integration ends at ${time} = ${stop.time}${where}: ${stop.why}`
  }
}

/**
 * Creates a model of ordinary differential equations for `fit` and `fitMany`. The Jacobian of the rates and all
 * sensitivities are exact. The sensitivities solve the variational equations together with the states.
 *
 * States, time, inputs and parameters are names in expressions. Every name that is neither a state, an input nor the
 * time is a column if the data have such a column, and else a parameter. A column in the rates, such as a covariate, has
 * one value per fit.
 *
 * @throws OptionError if an option is unknown or invalid, or if a rate names an unknown state
 * @example
 * const epidemic = ode({
 *   states: { S: '763 - first', I: 'first' },
 *   rates: { S: '-beta*S*I/763', I: 'beta*S*I/763 - gamma*I' },
 *   time: 'day',
 *   observe: 'I',
 * })
 * fit(epidemic, { day, y: ill }, { start: { beta: 2, gamma: 1, first: 1 } })
 */
export function ode(options: OdeOptions): OdeModel {
  return new OdeModel(new OdeSystem(readDefinition(options)))
}
