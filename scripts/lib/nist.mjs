// The nonlinear regressions of NIST's Statistical Reference Datasets: read, fitted, and compared with what is certified.
import { readdirSync, readFileSync } from 'node:fs'

const folder = new URL('../../test/data/nist/', import.meta.url)
/** Certified numbers have eleven. */
const MAX_DIGITS = 11

/** Names of the problems, in the order of their files. */
export const problemNames = readdirSync(folder)
  .filter((file) => file.endsWith('.dat'))
  .map((file) => file.slice(0, -'.dat'.length))

/** A file: its model as an expression, its columns, where to start, and what is certified. */
export function readProblem(name) {
  const text = readFileSync(new URL(`${name}.dat`, folder), 'utf8').replaceAll('\r', '')
  const [, left, right] = /\n\s*(y|log\[y\])\s+=([\s\S]*?)\+\s*e\s*\n/.exec(
    text.slice(text.indexOf('Model:')),
  )
  const model = right.replaceAll('[', '(').replaceAll(']', ')').replaceAll('arctan', 'atan')
  const rows = [...text.matchAll(/\n\s*(b\d+)\s*=\s*(\S+)\s+(\S+)\s+(\S+)\s+(\S+)/g)]
  const parameters = rows.map(([, parameter]) => parameter)
  const column = (k) => Object.fromEntries(rows.map((row) => [row[1], Number(row[k])]))
  // The heading "Data:" comes twice; the columns follow the last one.
  const [head, ...lines] = text
    .slice(text.lastIndexOf('Data:') + 'Data:'.length)
    .trim()
    .split('\n')
  const numbers = lines.map((line) => line.trim().split(/\s+/).map(Number))
  const data = Object.fromEntries(
    head
      .trim()
      .split(/\s+/)
      .map((name, k) => [name, numbers.map((row) => row[k])]),
  )
  if (left !== 'y') data.y = data.y.map(Math.log)
  return {
    ...{ name, model: model.replace(/\s+/g, ' ').trim(), data, parameters },
    starts: [column(2), column(3)],
    values: column(4),
    errors: column(5),
    chiSquared: Number(/Residual Sum of Squares:\s+(\S+)/.exec(text)[1]),
  }
}

/** How many digits of a number are right: −log10 of its relative error. */
const digitsOf = (found, certified) => -Math.log10(Math.abs(found - certified) / Math.abs(certified))

/** Number of correct digits of the worst parameter, at least 0. */
const digits = (found, certified) =>
  Object.keys(certified).reduce(
    (least, name) => Math.min(least, Math.max(0, digitsOf(found[name], certified[name]))),
    MAX_DIGITS,
  )

/** Fits a problem from one of its two starts: the fit, and digits of values, errors and χ². */
export function fitProblem(antigrad, problem, start, options) {
  const { model, data, starts, values, errors, chiSquared } = problem
  const found = antigrad.fit(antigrad.expression(model), data, { y: 'y', start: starts[start], ...options })
  return {
    found,
    values: digits(found.values, values),
    errors: digits(found.errors, errors),
    chiSquared: digits({ all: found.chiSquared }, { all: chiSquared }),
  }
}

export const tolerances = [undefined, 1e-14]

/** The heading of the section of docs/fits-method.md that contains the table. */
export const problemsHeading = '## Certified problems'

/** The table there. */
export function tableOfProblems(antigrad) {
  const cells = ({ found, values, errors, chiSquared }) => {
    const said =
      found.reason === 'converged' ? `${found.evaluations}` : `${found.evaluations}, ${found.reason}`
    const isThere = found.reason === 'converged'
    return [said, ...[values, errors, chiSquared].map((x) => (isThere ? x.toFixed(1) : '–'))]
  }
  const rows = problemNames.flatMap((name) => {
    const problem = readProblem(name)
    return problem.starts.map((_, start) => {
      const both = tolerances.map((tolerance) => fitProblem(antigrad, problem, start, { tolerance }))
      return `| ${[name, start + 1, ...both.flatMap(cells)].join(' | ')} |`
    })
  })
  const kinds = ['evaluations', 'values', 'errors', 'χ²']
  const head = ['problem', 'start', ...kinds, ...kinds.map((what) => `${what}, 1e-14`)]
  return [`| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`, ...rows].join('\n')
}
