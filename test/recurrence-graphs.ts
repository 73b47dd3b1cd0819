/** Recurrences over rows as graphs: a state is carried from row to row, and each row adds a contribution. */

import { Builder } from '../dist/expressions/differentiate.js'
import { Graph } from '../dist/expressions/graph.js'
import { parse } from '../dist/expressions/parse.js'
import { followCarried } from '../dist/expressions/tangents.js'

/** The formulas of a recurrence, in the language of expressions. */
interface Formulas {
  /** Initial value of each state, before the first row. */
  readonly state: Readonly<Record<string, string>>
  /** Values that a row computes, in order. */
  readonly lines?: Readonly<Record<string, string>>
  /** The state after a row, in the order of the states. */
  readonly next: readonly string[]
  readonly contribution: string
  /** A term with the final state. */
  readonly final?: string
}

const units = [0, 1] as const
const players = [0, 1, 2, 3] as const

export const recurrences: Readonly<Record<string, Formulas>> = {
  'GJR-GARCH(1,1)': {
    state: { h: 'v0', s: 'v0', n: '0.5*v0' },
    lines: { v: 'omega + alpha*s + gamma*n + beta*h', q: 'r*r' },
    next: ['v', 'q', 'r < 0 ? q : 0'],
    contribution: '0.5*(log(2*pi*v) + q/v)',
  },
  'ARCH(2)': {
    state: { s1: 'v0', s2: 'v0' },
    lines: { v: 'omega + a1*s1 + a2*s2' },
    next: ['r*r', 's1'],
    contribution: '0.5*(log(2*pi*v) + r*r/v)',
  },
  'EGARCH(1,1,1)': {
    state: { l: 'l0', a: '0', z: '0' },
    lines: { logV: 'omega + alpha*a + gamma*z + beta*l', u: 'r*exp(-0.5*logV)' },
    next: ['logV', 'abs(u) - sqrt(2/pi)', 'u'],
    contribution: '0.5*(log(2*pi) + logV + u*u)',
  },
  'ARMA(2,1), conditional squares': {
    state: { a: '0', b: '0', e: '0' },
    lines: { u: 'y - p1*a - p2*b - theta*e' },
    next: ['y', 'a', 'u'],
    contribution: 'u*u',
  },
  'ARMA(1,1), conditional': {
    state: { last: '0', e: '0' },
    lines: { u: 'skip == 1 ? 0 : y - c - phi*last - theta*e' },
    next: ['y', 'u'],
    contribution: 'skip == 1 ? 0 : 0.5*(u^2/sigma^2 + log(2*pi*sigma^2))',
  },
  'self-exciting points (Hawkes)': {
    state: { A: '0' },
    lines: { fall: 'exp(-b*gap)', before: 'A*fall' },
    next: ['before + a'],
    contribution: 'mu*gap + A*(1 - fall)/b - log(mu + before)',
  },
  'conditional durations (ACD)': {
    state: { x0: '1', psi: '1' },
    lines: { m: 'w + a*x0 + b*psi' },
    next: ['x', 'm'],
    contribution: 'log(m) + x/m',
  },
  'local level, Nile': {
    state: { m: '0', P: '0' },
    lines: {
      F: 'P + se*se',
      v: 'y - m',
      k: 'first == 1 ? 1 : P/F',
      Q: 'first == 1 ? se*se : P*(1 - k)',
    },
    next: ['first == 1 ? y : m + k*v', 'Q + sn*sn'],
    contribution: 'first == 1 ? 0 : 0.5*(log(2*pi*F) + v*v/F)',
  },
  'hidden Markov chain of two states': {
    state: { a: 'p10/(p01 + p10)', b: 'p01/(p01 + p10)' },
    lines: {
      f: 'a*(exp(-0.5*((y - m0)/s0)^2)/(s0*sqrt(2*pi)))',
      g: 'b*(exp(-0.5*((y - m1)/s1)^2)/(s1*sqrt(2*pi)))',
      u: 'f/(f + g)',
      w: 'g/(f + g)',
    },
    next: ['u*(1 - p01) + w*p10', 'u*p01 + w*(1 - p10)'],
    contribution: '-log(f + g)',
  },
  'Holt-Winters, seasons of four': {
    state: { l: '50', t: '0.4', s0: '6', s1: '-3', s2: '-7', s3: '4' },
    lines: { e: 'y - (l + t + s0)' },
    next: ['l + t + a*e', 't + b*e', 's1', 's2', 's3', 's0 + g*e'],
    contribution: 'e*e',
  },
  'level with a penalty at the end': {
    state: { l: 'l0' },
    lines: { e: 'y - l' },
    next: ['l + (late > 0.5 ? slow : fast)*e'],
    contribution: 'e*e/1e4',
    final: '0.01*(l - target)^2 + 20*slow^2',
  },
  'logistic map': { state: { x: 'x0' }, next: ['r*x*(1 - x)'], contribution: '(y - x)^2' },
  'Beverton-Holt with counts': {
    state: { n: 'n0' },
    next: ['R*n/(1 + n/M)'],
    contribution: 'n - y*log(n)',
  },
  'leaky integrator, soft spikes': {
    state: { v: '0' },
    lines: { u: 'leak*v + gain*i', z: 'k*(u - theta)', p: '1/(1 + exp(-z))' },
    next: ['u - reset*p'],
    contribution: 'max(z, 0) + log1p(exp(-abs(z))) - s*z',
  },
  'recurrent cell with two units': {
    state: { h0: '0', h1: '0' },
    lines: {
      ...Object.fromEntries(units.map((i) => [`n${i}`, `tanh(b${i} + a${i}*u + w${i}0*h0 + w${i}1*h1)`])),
      e: 'y - v0*n0 - v1*n1',
    },
    next: ['n0', 'n1'],
    contribution: 'e*e',
  },
  'Elo of four players': {
    state: { r0: '0', r1: '0', r2: '0', r3: '0' },
    lines: { z: `home + ${players.map((i) => `w${i}*r${i}`).join(' + ')}`, p: '1/(1 + exp(-z))' },
    next: players.map((i) => `r${i} + K*w${i}*(s - p)`),
    contribution: 's > 0.5 ? -log(p) : -log(1 - p)',
  },
  'soft CUSUM': {
    state: { c: '0' },
    lines: { z: 'k*(c + x - drift)', n: '(max(z, 0) + log1p(exp(-abs(z))))/k' },
    next: ['n'],
    contribution: '(y - a*n)^2',
  },
}

/** The objective of a recurrence: the sum of the contributions, plus the term with the final state. */
export function graphOf(
  { state, lines = {}, next, contribution, final }: Formulas,
  constants: Readonly<Record<string, number>> = {},
): { graph: Graph; root: number } {
  const graph = new Graph(followCarried)
  const b = new Builder(graph)
  const names = new Map(Object.entries(constants).map(([name, value]) => [name, graph.constant(value)]))
  const nodeOf = (text: string) => parse(text, graph, (name) => names.get(name)).root
  const starts = Object.values(state).map(nodeOf)
  const carried = Object.keys(state).map((name, k) => {
    const node = b.carried(starts[k])
    names.set(name, node)
    return node
  })
  for (const [name, text] of Object.entries(lines)) names.set(name, nodeOf(text))
  const sum = b.sum(nodeOf(contribution))
  const updates = next.map(nodeOf)
  for (const [k, name] of Object.keys(state).entries()) names.set(name, b.end(carried[k], updates[k]))
  return { graph, root: final === undefined ? sum : b.add(sum, nodeOf(final)) }
}

/** Which nodes of a graph depend on the row. */
export function rowNodes(graph: Graph, columns: readonly string[]): boolean[] {
  const byRow: boolean[] = []
  for (const [number, node] of graph.nodes.entries()) {
    const isOfRow = node.kind === 'carried' || (node.kind === 'name' && columns.includes(node.name))
    const operands = node.kind === 'sum' || node.kind === 'end' ? [] : graph.operandsOf(number)
    byRow.push(isOfRow || operands.some((operand) => byRow[operand]))
  }
  return byRow
}
