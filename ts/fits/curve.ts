/** A model that is a function at the rows of a fit, and the programs of one that is an expression. */

import { differentiate } from '../expressions/differentiate.js'
import { compile } from '../expressions/program.js'
import { Machine } from '../expressions/run.js'
import { OptionError } from '../ground/errors.js'
import { recordOf } from '../ground/given.js'
import type { Slices } from '../ground/slices.js'
import { type Column, numbersOf } from '../many/data.js'
import { type Bound, type Call, ROWS } from './called.js'
import { type Around, type DifferenceValues, roundingOf, slopesAt } from './differences.js'
import { firstWhere, zeros } from './models/rows.js'
import type { Problem } from './problem.js'

/** Columns that the model has, in the order of programs. */
export function columnsOfModel({ columns, y, weight }: Problem): string[] {
  return columns.filter((name) => name !== y && name !== weight)
}

/** The same thing each time. */
export function keptBy<K extends object, T>(make: (of: K) => T): (of: K) => T {
  const kept = new WeakMap<K, T>()
  return (of) => {
    const made = kept.get(of) ?? make(of)
    kept.set(of, made)
    return made
  }
}

/** The derivatives of the model in a row, by parameter that varies; of a function names of what it will be. */
export function slopesOf({ graph, model, free, evaluated }: Problem): readonly number[] {
  if (evaluated.length > 0) return evaluated.slice(1).map((name) => graph.name(name))
  return differentiate(graph, model, free, () => false).gradient
}

const namesOf = (problem: Problem) => [...problem.free, ...problem.fixed, ...columnsOfModel(problem)]

/** The model and its derivatives, of a point and then a row of its columns. */
export const programOfModel = keptBy((problem: Problem) => {
  return compile(problem.graph, [problem.model, ...slopesOf(problem)], namesOf(problem), [])
})

/** Of all that a function is given by each parameter that varies, as far as it depends on it. */
const chainOf = keptBy(({ graph, free, fixed, values }: Problem) => {
  const links = [...values].flatMap(([name, node]) =>
    differentiate(graph, node, free, () => false).gradient.flatMap((slope, i) =>
      graph.constantAt(slope) === 0 ? [] : [{ name, i, slope }],
    ),
  )
  const program = compile(
    graph,
    links.map(({ slope }) => slope),
    [...free, ...fixed],
    [],
  )
  return { links, program }
})

const programOfPoint = keptBy(({ graph, free, fixed, values }: Problem) =>
  compile(graph, [...values.values()], [...free, ...fixed], []),
)

/** Derivatives are right, if they differ from differences by no more than this part, and this of the curve by the parameter. */
const [SAME, ROUNDING] = [1e-3, 1e-8]
const CENTRAL: DifferenceValues = { order: 2, step: undefined }

/** A function by the parameters that vary. */
export class CalledCurve {
  /** How often it has been evaluated at all rows. */
  evaluations = 0
  /** The part of derivatives that is rounding. */
  readonly rounding: number
  readonly #problem: Problem
  readonly #called: Bound
  readonly #fixed: readonly number[]
  readonly #names: readonly string[]
  readonly #machine: Machine
  /** What it is given: parameters that vary, and those that do not. */
  readonly #input: Float64Array
  readonly #point: Readonly<Record<string, number>>
  readonly #rows: Rows

  /**
   * @param columns rows of those that the model has
   * @param fixed what parameters are that have a number for each fit
   * @param rows how many there are, also of a model without columns
   */
  constructor(
    problem: Problem,
    called: Bound,
    columns: readonly Float64Array[],
    fixed: readonly number[],
    rows: number,
  ) {
    this.#problem = problem
    this.#called = called
    this.#fixed = fixed
    this.#input = Float64Array.from([...problem.free.map(() => 0), ...fixed])
    this.#names = [...problem.values.keys()]
    this.#point = recordOf(this.#names, () => 0)
    this.#machine = new Machine(programOfPoint(problem), 'float64')
    this.rounding = called.jacobian === undefined ? roundingOf(called.differences) : 0
    const names = columnsOfModel(problem)
    this.#rows =
      called.kind === 'row'
        ? rowByRow(called, names, columns, rows)
        : allRows(called, columns[names.indexOf(ROWS)])
  }

  value(x: ArrayLike<number>): Float64Array {
    this.evaluations++
    return this.#rows.curve(this.#pointAt(x))
  }

  // biome-ignore lint/correctness/useYield: it never pauses
  *at(x: ArrayLike<number>): Slices<Float64Array> {
    return this.value(x)
  }

  /** Its derivatives by each parameter. */
  *slopes(around: Around): Slices<Float64Array[]> {
    const at = (x: Float64Array) => this.value(x)
    const { jacobian, differences } = this.#called
    if (jacobian === undefined) return yield* slopesAt(at, around, differences)
    const given = this.#rows.jacobian(jacobian, this.#pointAt(around.x), this.#names)
    const { links, program } = chainOf(this.#problem)
    const machine = new Machine(program, 'float64')
    machine.run([...around.x, ...this.#fixed], [], 0)
    const slopes = Array.from(around.x, () => new Float64Array(around.f.length))
    for (const [k, { name, i }] of links.entries()) {
      const factor = machine.slots[program.outputs[k]]
      for (let row = 0; row < around.f.length; row++) slopes[i][row] += factor * given[name][row]
    }
    if (!this.#called.isChecked) {
      this.#called.isChecked = true
      this.#check(around, slopes, yield* slopesAt(at, around, CENTRAL))
    }
    return slopes
  }

  /** @throws OptionError where derivatives are others than differences */
  #check({ x, f, sizes }: Around, slopes: readonly Float64Array[], found: readonly Float64Array[]): void {
    const size = f.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    for (const [i, slope] of slopes.entries()) {
      const largest = slope.reduce((most, s, row) => Math.max(most, Math.abs(s), Math.abs(found[i][row])), 0)
      const rounding = (ROUNDING * size) / (Math.max(Math.abs(x[i]), sizes[i]) || 1)
      const row = slope.findIndex((s, row) => Math.abs(s - found[i][row]) > SAME * largest + rounding)
      if (row < 0) continue
      const name = this.#problem.free[i]
      const expected = `${found[i][row]} by ${name} in row ${row}, as differences have it`
      throw new OptionError('model: jacobian', expected, slope[row])
    }
  }

  #pointAt(x: ArrayLike<number>): object {
    const { program, slots } = this.#machine
    const input = this.#input
    for (let i = 0; i < x.length; i++) input[i] = x[i]
    this.#machine.run(input, [], 0)
    // Of one form, so that functions find in it what they did before; no name leads elsewhere, as all are its own.
    const point = { ...this.#point }
    for (let k = 0; k < this.#names.length; k++) point[this.#names[k]] = slots[program.outputs[k]]
    return Object.freeze(point)
  }
}

/** How functions are called. */
interface Rows {
  curve(p: object): Float64Array
  jacobian(jacobian: Call, p: object, names: readonly string[]): Readonly<Record<string, Float64Array>>
}

function rowByRow(
  { call }: Bound,
  names: readonly string[],
  columns: readonly Float64Array[],
  count: number,
): Rows {
  const rowOf = (row: number) => Object.freeze(recordOf(names, (_, k) => columns[k][row]))
  const xs: ArrayLike<unknown> =
    columns.length > 1 ? Array.from({ length: count }, (_, row) => rowOf(row)) : (columns[0] ?? [])
  return {
    curve(p) {
      const out = zeros(count)
      for (let row = 0; row < count; row++) {
        const f = call(p, xs[row])
        if (typeof f !== 'number') throw refusal('model', `a number from the function, in row ${row}`, f)
        out[row] = f
      }
      return out
    },
    jacobian: () => ({}),
  }
}

/** @param rows numbers of those that are wanted, all of one fit */
function allRows({ call, kind, data }: Bound, rows: Float64Array): Rows {
  const numbers = data.get(ROWS) as Column
  const { offsets } = numbers
  const fit = offsets === null ? 0 : firstWhere(offsets, (begin) => begin > rows[0]) - 1
  const [first, count] = [numbersOf(numbers, fit)[0], numbersOf(numbers, fit).length]
  const own = [...data.keys()].filter((name) => !name.startsWith('@'))
  const columns = Object.freeze(recordOf(own, (name) => numbersOf(data.get(name) as Column, fit).slice()))
  const wanted = (name: string, out: Float64Array) => {
    // It may have been sent away.
    if (out.length === count) return Float64Array.from(rows, (row) => out[row - first])
    throw new OptionError(
      `model: ${name}`,
      'a function that leaves its array where it is',
      'one without memory',
    )
  }
  const make = () => new Float64Array(count).fill(NaN)
  const say = (name: string, said: unknown) => {
    if (said !== undefined)
      throw refusal(`model: ${name}`, 'a function that fills out, and returns nothing', said)
  }
  return {
    curve(p) {
      const out = make()
      say(kind, call(p, out, columns))
      return wanted(kind, out)
    },
    jacobian(jacobian, p, names) {
      const out = Object.freeze(recordOf(names, make))
      say('jacobian', jacobian(p, out, columns))
      return recordOf(names, (name) => wanted('jacobian', out[name]))
    },
  }
}

/** What a promise would come to nobody waits for. */
function refusal(argument: string, expected: string, said: unknown): OptionError {
  if (!(said instanceof Promise)) return new OptionError(argument, expected, said)
  said.catch(() => {})
  return new OptionError(argument, `${expected}; it may not be async`, said)
}
