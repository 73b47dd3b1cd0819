/** Parses the lines of a step into a graph. Each name stands for its latest value. */

import { hintFor } from '#hints'
import { EquationError } from '../core/errors.js'
import { Graph } from '../expressions/graph.js'
import { type Calls, callable, parse, single } from '../expressions/parse.js'
import type { ResolvedRuleDefinition } from '../rules/equation-rule.js'
import { isFunctionOrConstant } from './declaration.js'
import { makeEquationError } from './error.js'
import { MAX_ABS, SQUARES, VALUES } from './layout.js'
import { type MakeError, parseStatements, type Statement, withoutComments } from './statements.js'

/**
 * Sorts of nodes: one number for all tensors with the same number of updates, one number per tensor, or one number per
 * element.
 */
export const COMMON_VALUE = 0
export const PER_TENSOR = 1
export const PER_ELEMENT = 2

/** A sum over the elements of a tensor, or of all tensors of the rule. */
export interface StepSum {
  /** The node of the sum, and the node of its operand. */
  readonly node: number
  readonly operand: number
  readonly kind: typeof VALUES | typeof SQUARES | typeof MAX_ABS
  readonly isOfAll: boolean
  /** Position in the string. */
  readonly at: number
}

/** A stored variable: its name, the node of its old value, and the node of its new value. */
export interface PersistentVariable {
  readonly name: string
  readonly leaf: number
  readonly final: number
}

/** A parsed step. */
export interface RuleStep {
  readonly graph: Graph
  readonly theta: PersistentVariable
  readonly states: readonly PersistentVariable[]
  readonly scalars: readonly PersistentVariable[]
  readonly sums: readonly StepSum[]
  /** The sort of each node, and the number of summing stages that precede it. */
  readonly sorts: readonly number[]
  readonly levels: readonly number[]
  /** The nodes of inputs, by name. */
  readonly leaves: ReadonlyMap<string, number>
}

/** Functions that sum over elements; `max` with a single operand counts as a sum. */
const SUM_FUNCTIONS = ['sum', 'mean', 'norm', 'max'] as const
type SumName = (typeof SUM_FUNCTIONS)[number]
/**
 * This letter replaces the dot of `all.` before the name of a sum, because names contain no dots. A step must not
 * contain this letter.
 */
const TOTAL_MARK = '\u01c3'
const TOTAL_PREFIX = `all${TOTAL_MARK}`

const MAX_STATEMENTS = 200
const MAX_NODES = 2000
/** Maximum number of summing stages before the last stage. */
const MAX_SUM_STAGES = 2

/** Names of the number of elements of a tensor, and of all tensors. */
export const LENGTH = ' length'
export const ALL_LENGTH = ' all length'

/** @throws EquationError if a line is invalid or uses an unknown name */
export function readStep(name: string, { options, state, scalars, step }: ResolvedRuleDefinition): RuleStep {
  const graph = new Graph()
  const fail = (at: number, expected: string, received: string) =>
    makeEquationError(name, step, at, expected, received)
  const text = prepareText(step, fail)
  const leaves = new Map<string, number>()
  const leaf = (name: string) => {
    const node = leaves.get(name) ?? graph.name(name)
    leaves.set(name, node)
    return node
  }
  const names = [...Object.keys(options), ...Object.keys(state), ...Object.keys(scalars)]
  const scope = new Map(['theta', 'g', 't', ...names].map((name) => [name, leaf(name)]))
  for (const [name, { start }] of Object.entries(state)) {
    if (start === 'gradient') scope.set(name, applyFirstUpdate(graph, leaf('t'), leaf('g'), leaf(name)))
  }

  const sums: StepSum[] = []
  let begins = 0
  const calls = makeCalls(graph, leaf, sums, (at) => begins + at, fail)
  const asWritten = (text: string) => text.replaceAll(TOTAL_PREFIX, 'all.')
  const error = (from: number) => (_: string, at: number, expected: string, received: string) =>
    fail(from + at, asWritten(expected), asWritten(received))
  const statements = readStatements(text, fail)
  const assigned = new Set<string>()
  const used = new Set<string>()
  for (const { target, at, from, to } of statements) {
    checkTarget(target, at, options, fail)
    const resolve = (name: string, within: number) => {
      used.add(name)
      return scope.get(name) ?? failUnknown(name, from + within, [...scope.keys()], fail)
    }
    const language = { calls, error: error(from) }
    begins = from
    const { root } = parse(text.slice(from, to), graph, resolve, language)
    if (graph.nodes.length > MAX_NODES) throw fail(at, `at most ${MAX_NODES} operations`, 'more')
    scope.set(target, root)
    assigned.add(target)
  }
  if (!assigned.has('theta'))
    throw fail(step.length, 'a line theta = …', assigned.has('θ') ? 'θ = …' : 'none')

  const kept = (name: string): PersistentVariable => ({
    name,
    leaf: leaf(name),
    final: scope.get(name) as number,
  })
  const read = {
    graph,
    theta: kept('theta'),
    states: Object.keys(state).map(kept),
    scalars: Object.keys(scalars).map(kept),
    sums,
    leaves,
  }
  const { sorts, levels } = classifyNodes(read)
  checkSorts({ ...read, sorts, levels }, statements, fail)
  checkAllUsed(name, { options, state, scalars }, new Set([...used, ...assigned]))
  return { ...read, sorts, levels }
}

/** @throws EquationError if a declared name is not used */
function checkAllUsed(
  rule: string,
  tables: Readonly<Record<string, object>>,
  used: ReadonlySet<string>,
): void {
  for (const [kind, table] of Object.entries(tables)) {
    const unused = Object.keys(table).find((name) => !used.has(name))
    if (unused !== undefined)
      throw new EquationError(`equations ${rule}: ${kind}: ${unused}`, 'a line that uses this name', 'none')
  }
}

/** Removes comments, and marks sums over all tensors. */
function prepareText(step: string, fail: MakeError): string {
  const own = step.indexOf(TOTAL_MARK)
  if (own >= 0) throw fail(own, 'a different letter', TOTAL_MARK)
  return withoutComments(step).replace(/\ball\.(?=(?:sum|mean|norm|max)\s*\()/g, TOTAL_PREFIX)
}

/** @throws EquationError if there are too many lines */
function readStatements(text: string, fail: MakeError): Statement[] {
  const statements = parseStatements(text, fail)
  if (statements.length > MAX_STATEMENTS)
    throw fail(statements[MAX_STATEMENTS].at, `at most ${MAX_STATEMENTS} lines`, `${statements.length}`)
  return statements
}

/** The value of a state that starts as the first gradient: g at the first update, and the state at later updates. */
function applyFirstUpdate(graph: Graph, t: number, first: number, later: number): number {
  return graph.operation('select', graph.operation('equal', t, graph.constant(1)), first, later)
}

function failUnknown(name: string, at: number, names: readonly string[], fail: MakeError): never {
  throw fail(at, `one of ${names.join(', ')}`, name + (hintFor(name, () => names) ?? ''))
}

function checkTarget(target: string, at: number, options: object, fail: MakeError): void {
  if (target === 't' || Object.hasOwn(options, target))
    throw fail(at, 'a name that can be assigned', `${target}, which is an input`)
  if (isFunctionOrConstant(target) || Object.hasOwn(callable, target))
    throw fail(at, 'a name that is not reserved', target)
}

/** Functions of equations: all functions of expressions, `over`, and sums. */
function makeCalls(
  graph: Graph,
  leaf: (name: string) => number,
  sums: StepSum[],
  place: (at: number) => number,
  fail: MakeError,
): Calls {
  const numbers = new Map<string, number>()
  const sum = (operand: number, kind: StepSum['kind'], isOfAll: boolean, at: number): number => {
    const key = ` ${isOfAll ? 'all ' : ''}${kind} ${operand}`
    const node = numbers.get(key) ?? graph.name(key)
    if (!numbers.has(key)) sums.push({ node, operand, kind, isOfAll, at })
    numbers.set(key, node)
    return node
  }
  const makeSum = (name: SumName, isOfAll: boolean, operand: number, at: number): number => {
    if (name === 'max') {
      const node = graph.nodes[operand]
      const isSize = node.kind === 'operation' && node.operation === 'abs'
      if (!isSize) throw fail(place(at), 'max(a, b), or max(abs(a)) over all elements', 'max(a)')
      return sum(node.operands[0], MAX_ABS, isOfAll, place(at))
    }
    const node =
      name === 'norm' ? sum(operand, SQUARES, isOfAll, place(at)) : sumOf(operand, isOfAll, place(at))
    if (name === 'norm') return graph.operation('sqrt', node)
    return name === 'sum' ? node : graph.operation('divide', node, leaf(isOfAll ? ALL_LENGTH : LENGTH))
  }
  /** The product of a node with itself is summed as a square, in float64 like norms. */
  const sumOf = (operand: number, isOfAll: boolean, at: number): number => {
    const node = graph.nodes[operand]
    const [a, b] = node.kind === 'operation' && node.operation === 'multiply' ? node.operands : []
    return a !== undefined && a === b ? sum(a, SQUARES, isOfAll, at) : sum(operand, VALUES, isOfAll, at)
  }
  const calls: Record<string, Calls[string]> = { ...callable, over: single('over') }
  for (const name of SUM_FUNCTIONS) {
    calls[TOTAL_PREFIX + name] = { count: 1, make: (_, [node], at) => makeSum(name, true, node, at) }
    if (name !== 'max') calls[name] = { count: 1, make: (_, [node], at) => makeSum(name, false, node, at) }
  }
  const make: Calls[string]['make'] = (graph, operands, at) =>
    operands.length === 1 ? makeSum('max', false, operands[0], at) : callable.max.make(graph, operands, at)
  return { ...calls, max: { count: 1, most: 2, make } }
}

/**
 * Finds the sort and the stage of each node. The loop is necessary, because a scalar with a new value per tensor
 * changes the sort of further nodes.
 */
function classifyNodes({ graph, scalars, states, sums, leaves }: Omit<RuleStep, 'sorts' | 'levels'>) {
  const elements = new Set(['theta', 'g', ...states.map(({ name }) => name)].map((name) => leaves.get(name)))
  const byTensor = new Set<number>()
  const lengths = [LENGTH, ALL_LENGTH].map((name) => leaves.get(name))
  const sumOf = new Map(sums.map((sum) => [sum.node, sum]))
  for (;;) {
    const sorts: number[] = []
    const levels: number[] = []
    graph.nodes.forEach((_, node) => {
      const sum = sumOf.get(node)
      const operands = graph.operandsOf(node)
      let sort = Math.max(COMMON_VALUE, ...operands.map((k) => sorts[k]))
      let level = Math.max(0, ...operands.map((k) => levels[k]))
      if (elements.has(node)) sort = PER_ELEMENT
      if (byTensor.has(node) || lengths.includes(node)) [sort, level] = [PER_TENSOR, 1]
      if (sum !== undefined) [sort, level] = [PER_TENSOR, levels[sum.operand] + 1]
      sorts.push(sort)
      levels.push(level)
    })
    const found = scalars.filter(({ leaf, final }) => sorts[final] === PER_TENSOR && !byTensor.has(leaf))
    if (found.length === 0) return { sorts, levels }
    for (const { leaf } of found) byTensor.add(leaf)
  }
}

/** @throws EquationError if a scalar would need one number per element, or if the operand of a sum is invalid */
function checkSorts(
  { scalars, sums, sorts, levels }: RuleStep,
  statements: readonly Statement[],
  fail: MakeError,
): void {
  const end = (name: string) => statements.filter(({ target }) => target === name).at(-1)?.at ?? 0
  for (const { name, final } of scalars) {
    if (sorts[final] === PER_ELEMENT)
      throw fail(end(name), `${name}: one number per tensor`, 'one number per element')
  }
  for (const { operand, isOfAll, at } of sums) {
    if (sorts[operand] !== PER_ELEMENT)
      throw fail(at, 'a sum over a value with one number per element', 'a sum over one number')
    if (levels[operand] >= MAX_SUM_STAGES)
      throw fail(at, `at most ${MAX_SUM_STAGES} stages of sums, each of which uses the previous one`, 'more')
    if (isOfAll && levels[operand] > 0)
      throw fail(at, 'a sum over all tensors that uses no other sum', 'a sum of sums')
  }
}
