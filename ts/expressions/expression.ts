import { ArgumentError, OptionError } from '../core/errors.js'
import type { FloatArray } from '../core/numbers.js'
import { isObject, isRecord, toFloat64Array } from '../core/untrusted-input.js'
import { extensions } from '../extensions.js'
import { valueAndGradient } from '../objectives/objective.js'
import { passThrough } from '../options/kinds.js'
import { readOptions } from '../options/read.js'
import { differentiate, secondDerivatives } from './differentiate.js'
import type { Graph } from './graph.js'
import type { NamesBeside, NamesOf, OnlyNames } from './literal-names.js'
import { checkName } from './names.js'
import { type ExpressionGraph, namesIn, parse } from './parse.js'
import { compile, makeSections, type Program } from './program.js'
import { isRowParallel, ProgramRunner } from './run.js'

/** Columns of numbers by name, all of the same length. */
export type Data = Readonly<Record<string, ArrayLike<number>>>

/** Count of operations from which an engine evaluates a program, if the extension is loaded. */
const MIN_LONG = 1 << 12

/** The compiled programs of an expression, for one choice of data columns. */
export interface ExpressionPrograms {
  readonly parameters: readonly string[]
  /** A program that computes the value. Each program is compiled at the first request. */
  readonly value: Program
  /** A program that computes the gradient, with one output per parameter, and with the same constants as `value`. */
  readonly gradient: Program
  /** Compiles the lower triangle of the second derivatives, row by row. */
  readonly hessian: () => Program
  /**
   * Compiles one program of the value and the gradient. With second derivatives, the lower
   * triangle of `hessian` follows. The program shares the operations that its parts have in common.
   */
  readonly together: (withSecond?: boolean) => Program
}

/** The nodes of an expression in a graph, to which a solver adds nodes of its own. */
export interface ExpressionNodes {
  readonly graph: Graph
  readonly parameters: readonly string[]
  readonly value: number
  readonly gradient: readonly number[]
  /** Creates the nodes of the lower triangle of the second derivatives, row by row. */
  readonly second: () => number[]
}

/** Options of {@link expression}. */
export interface ExpressionOptions<Constants = Readonly<Record<string, number>>> {
  /** Finite numbers by name. The names are then neither parameters nor columns. */
  readonly constants?: Constants | undefined
}

/** A function of named numbers with its exact gradient: see {@link expression}. */
export class Expression<Names extends string = string> {
  /** Source text of the expression. */
  readonly text: string
  /** All names in the expression, in the order of their first appearance. */
  readonly names: readonly Names[]
  /** Names of the parameters of the expression. Without data, all names are parameters. */
  readonly parameters: readonly Names[]
  #parsed: ExpressionGraph | undefined
  /** Builds the graph again, if the graph does not come from the text. */
  readonly #rebuild: (() => ExpressionGraph) | undefined
  readonly #programs = new Map<string, ExpressionPrograms>()
  #unbound: BoundExpression | undefined

  /** @internal */
  constructor(text: string, parsed?: ExpressionGraph, rebuild?: () => ExpressionGraph) {
    this.#parsed = parsed
    this.#rebuild = rebuild
    this.text = text
    this.names = Object.freeze([...(parsed?.names ?? namesIn(text))] as Names[])
    this.parameters = this.names
  }

  /** The expression without data. Fits do not need its programs, so the programs are compiled on demand. */
  get #bound(): BoundExpression {
    this.#unbound ??= new BoundExpression(this, {})
    return this.#unbound
  }

  /**
   * Evaluates the expression at a point. The point x has one number per name, in the order of `names`. All names are
   * parameters. If x is a Float32Array, the expression is evaluated in float32.
   */
  value(x: ArrayLike<number>): number {
    return this.#bound.value(x)
  }

  /** Writes the gradient at a point x to `out`, in the order of `names`. */
  gradient(x: ArrayLike<number>, out: FloatArray): void {
    this.#bound.gradient(x, out)
  }

  /** @internal */
  [valueAndGradient](x: ArrayLike<number>, out: FloatArray, second?: FloatArray): number {
    return this.#bound[valueAndGradient](x, out, second)
  }

  /** Writes the matrix of second derivatives at a point x to `out`, row by row. */
  hessian(x: ArrayLike<number>, out: FloatArray): void {
    this.#bound.hessian(x, out)
  }

  /**
   * Creates an objective for `minimize`, which is the sum of the expression over all rows of data. Names that occur in
   * the data are columns, and all other names are parameters.
   *
   * @param data columns of equal length; copied
   * @throws OptionError if a column is not an array of numbers, differs in length from the first column, or does not
   * occur in the expression
   */
  with<N extends string, D extends Data>(
    // The method has a `this` parameter. If the method depended on `Names`, expressions with known names would be
    // incompatible with expressions of any names.
    this: Expression<N>,
    data: D & OnlyNames<N, D>,
  ): BoundExpression<NamesBeside<N, D>> {
    return new BoundExpression(this, data)
  }

  /** @internal */
  programs(columns: readonly string[]): ExpressionPrograms {
    const key = columns.join(' ')
    let programs = this.#programs.get(key)
    if (programs === undefined) {
      const parsed = this.#parsed ?? parse(this.text)
      // Programs share one graph, except for recurrences, which need columns. If the programs without columns always
      // come first, the other programs, and therefore their results, do not depend on earlier calls.
      if (parsed.graph.linkedRows === undefined) {
        this.#parsed = parsed
        if (key !== '') this.programs([])
      }
      programs = this.#compile(parsed, columns)
      this.#programs.set(key, programs)
    }
    return programs
  }

  /** @internal The nodes of the objective in a new graph. */
  nodes(columns: readonly string[]): ExpressionNodes {
    const parsed = this.#rebuild?.() ?? parse(this.text)
    // The programs without columns come first, as in `programs`, so that both give the same bits.
    if (columns.length > 0 && parsed.graph.linkedRows === undefined) this.#nodes(parsed, [])
    return this.#nodes(parsed, columns)
  }

  #nodes({ graph, root }: ExpressionGraph, columns: readonly string[]): ExpressionNodes {
    const parameters = this.names.filter((name) => !columns.includes(name))
    const sections = graph.linkedRows?.sections(columns) ?? makeSections(graph, columns)
    const isByRow = (number: number) => sections[number] === 1
    const { value, gradient } = differentiate(graph, root, parameters, isByRow)
    const second = () => secondDerivatives(graph, root, parameters, isByRow(root))
    return { graph, parameters, value, gradient, second }
  }

  #compile(parsed: ExpressionGraph, columns: readonly string[]): ExpressionPrograms {
    const { graph, parameters, value, gradient, second } = this.#nodes(parsed, columns)
    // Batches run the value and the gradient with the same constants, whenever the programs are compiled.
    const { length } = graph.nodes
    const programOf = (outputs: readonly number[], count?: number) =>
      compile(graph, outputs, parameters, columns, count)
    const both = [value, ...gradient]
    const later: Record<string, Program> = Object.create(null)
    const once = (key: string, make: () => Program) => (later[key] ??= make())
    return {
      parameters,
      get value() {
        return once('value', () => programOf([value], length))
      },
      get gradient() {
        return once('gradient', () => programOf(gradient, length))
      },
      hessian: () => once('hessian', () => programOf(second())),
      together: (withSecond = false) =>
        once(`${withSecond}`, () => programOf(withSecond ? [...both, ...second()] : both)),
    }
  }
}

/** Whether a text consists of one name that is not reserved. */
export function isName(text: unknown): boolean {
  if (typeof text !== 'string') return false
  try {
    return namesIn(text)[0] === text
  } catch {
    return false
  }
}

/** An expression with data, used as an objective function of its parameters. */
export class BoundExpression<Names extends string = string> {
  /** Names of the parameters, in the order of x. */
  readonly parameters: readonly Names[]
  /** @internal */
  readonly programs: ExpressionPrograms
  /** @internal Data of the programs' columns. */
  data: readonly Float64Array[]
  #rows: number
  /** Programs by kind, in float64 and in float32. */
  readonly #machines = new Map<string, ProgramRunner>()
  readonly #singles = new Map<string, ProgramRunner>()
  /** Whether an engine has a copy of the data. */
  #isCopied = false

  constructor(expression: Expression, data: Data) {
    const columns = readColumns(expression, data, readNumbers)
    const [first] = columns.values()
    for (const [name, { length }] of columns) {
      if (length === first.length) continue
      throw new OptionError(`data: ${name}`, `${first.length} rows per column`, `${length} rows`)
    }
    this.data = [...columns.values()]
    this.#rows = this.data[0]?.length ?? 0
    this.programs = expression.programs([...columns.keys()])
    this.parameters = this.programs.parameters as readonly Names[]
  }

  /** @internal Replaces the data by columns of equal length. */
  replaceData(data: readonly Float64Array[]): void {
    this.data = data
    this.#rows = data[0]?.length ?? 0
    if (this.#isCopied) this.#machines.clear()
    this.#isCopied = false
  }

  /**
   * The value of the objective at a point x, with one number per parameter. If x is a Float32Array, the expression is
   * evaluated in float32.
   *
   * @throws ArgumentError if x has the wrong length or contains a value that is not a number
   */
  value(x: ArrayLike<number>): number {
    const machine = this.#run('value', x)
    return machine.slots[machine.program.outputs[0]]
  }

  /** Writes the gradient at a point x to `out`, in the order of `parameters`. */
  gradient(x: ArrayLike<number>, out: FloatArray): void {
    const { slots, program } = this.#run('gradient', x, out)
    for (let i = 0; i < program.outputs.length; i++) out[i] = slots[program.outputs[i]]
  }

  /** @internal One program computes all results, with the same bits as separate calls. */
  [valueAndGradient](x: ArrayLike<number>, out: FloatArray, second?: FloatArray): number {
    const machine = this.#run(second ? 'all' : 'together', x, out)
    const { slots, program } = machine
    for (let i = 0; i < this.parameters.length; i++) out[i] = slots[program.outputs[i + 1]]
    if (second) this.#writeHessian(machine, second)
    return slots[program.outputs[0]]
  }

  /** Writes the matrix of second derivatives at a point x to `out`, row by row. */
  hessian(x: ArrayLike<number>, out: FloatArray): void {
    this.#writeHessian(this.#run('hessian', x, out), out)
  }

  /** Writes the matrix whose lower triangle is the last outputs of a program. */
  #writeHessian({ slots, program: { outputs } }: ProgramRunner, out: FloatArray): void {
    const { length } = this.parameters
    let at = outputs.length - (length * (length + 1)) / 2
    for (let i = 0; i < length; i++) {
      for (let j = 0; j <= i; j++, at++) {
        out[i * length + j] = slots[outputs[at]]
        out[j * length + i] = slots[outputs[at]]
      }
    }
  }

  /** @param out array for the result, if the result is not a number */
  #run(
    what: 'value' | 'gradient' | 'together' | 'hessian' | 'all',
    x: ArrayLike<number>,
    out: unknown = [],
  ): ProgramRunner {
    const { length } = this.parameters
    const count = x?.length
    if (count !== length) {
      const expected = `${length} numbers: ${this.parameters.join(', ')}`
      throw new ArgumentError('x', expected, count >= 0 ? `${count} numbers` : x)
    }
    for (let i = 0; i < length; i++) {
      if (typeof x[i] !== 'number') throw new ArgumentError(`x: ${this.parameters[i]}`, 'a number', x[i])
    }
    const isSingle = x instanceof Float32Array
    const machines = isSingle ? this.#singles : this.#machines
    let machine = machines.get(what)
    if (machine === undefined) {
      const given = what === 'all' ? this.programs.together(true) : this.programs[what]
      const program = typeof given === 'function' ? given() : given
      machine = new ProgramRunner(program, isSingle ? 'float32' : 'float64')
      machines.set(what, machine)
    }
    const { program } = machine
    const isLong = !isSingle && this.#rows * program.body.length >= MIN_LONG
    if (isLong) this.#isCopied = true
    if (!(isLong && extensions.evaluateLong?.({ machine, x, data: this.data })))
      machine.run(x, this.data, this.#rows, isRowParallel(program, this.#rows))
    if (!isObject(out)) throw new ArgumentError('out', 'an array', out)
    return machine
  }
}

/** Copies a data column. */
function readNumbers(argument: string, column: unknown): Float64Array {
  const numbers = toFloat64Array(column)
  if (numbers !== undefined) return numbers
  throw new OptionError(argument, 'an array, Float32Array or Float64Array of numbers', column)
}

/**
 * Reads the data columns, or the values of another argument with names of the expression, in the order of the
 * expression's names.
 */
export function readColumns<Column>(
  { names }: Expression,
  data: unknown,
  read: (argument: string, column: unknown) => Column,
  argument = 'data',
): Map<string, Column> {
  if (!isRecord(data)) throw new OptionError(argument, 'an object', data)
  const given = new Map(Object.entries(data))
  const columns = new Map<string, Column>()
  for (const name of names) {
    const column = given.get(name)
    if (!given.delete(name)) continue
    columns.set(name, read(`${argument}: ${name}`, column))
  }
  const [stranger] = given.keys()
  if (stranger !== undefined) checkName(argument, stranger)
  if (stranger !== undefined) {
    throw new OptionError(
      argument,
      `${argument === 'data' ? 'columns' : 'names'} among ${names.join(', ')}`,
      stranger,
    )
  }
  return columns
}

/**
 * Creates a function of named numbers from text. Derivatives of the function are exact. The text may contain `+ − * /
 * ^`, parentheses, comparisons, `&& || !`, `condition ? a : b`, `pi` or `π`, and the functions `sqrt exp log sin cos
 * tan tanh atan abs min max pow`. The names in the following list are functions only before a parenthesis: `expm1 log1p
 * log2 log10 sinh cosh cbrt asin acos atan2 floor sign erf erfc erfcx normpdf normcdf norminv gamma lgamma digamma
 * trigamma voigt`.
 *
 * The text −x^2 means −(x²), and 2^3^2 means 2⁹. Integer powers up to 64 are computed as products. Every other name is
 * a parameter or a column of data. The name `e` is also a parameter; write e^x as exp(x).
 *
 * @param options `constants` contains numbers by name. The numbers replace their names in the property `text`, so that
 * fits, plans and the command line need only the text.
 * @throws ExpressionError if the text is invalid. The error contains the position and, for characters such as × or ², a
 * valid spelling. OptionError if a constant is not a finite number or does not occur in the text.
 * @example
 * minimize(expression('(1 - x)^2 + 100*(y - x^2)^2'), [-1.5, 2], adam({ lr: 1e-2 }))
 * @example
 * minimize(expression('(a*exp(-b*t) + c - y)^2').with({ t, y }), [1, 1, 0], adam())
 * @example
 * expression('a*exp(-b/(R*T))', { constants: { R: 8.314462618 } }).names // ['a', 'b', 'T']
 */
export function expression<Text extends string, const Constants = Record<never, never>>(
  text: Text,
  options: ExpressionOptions<Constants> = {},
): Expression<NamesBeside<NamesOf<Text>, Constants>> {
  if (typeof text !== 'string') throw new OptionError('expression', 'a string', text)
  const { constants } = readOptions('options', options, optionTable)
  return new Expression(constants === undefined ? text : insertConstants(text, constants))
}

const optionTable = { constants: passThrough<unknown>() }

/** Replaces the names of constants by their numbers, which the parser reads back with the same bits. */
function insertConstants(text: string, constants: unknown): string {
  const numbers = readColumns(new Expression(text), constants, readFinite, 'constants')
  const uses: [at: number, name: string][] = []
  parse(text, undefined, (name, at) => {
    if (numbers.has(name)) uses.push([at, name])
    return undefined
  })
  let inserted = ''
  let end = 0
  for (const [at, name] of uses.sort(([a], [b]) => a - b)) {
    const x = numbers.get(name) as number
    inserted += text.slice(end, at) + (Object.is(x, Math.abs(x)) ? x : `(-${-x})`)
    end = at + name.length
  }
  return inserted + text.slice(end)
}

function readFinite(argument: string, x: unknown): number {
  if (Number.isFinite(x)) return x as number
  throw new OptionError(argument, 'a finite number', x)
}
