// Tables that compare antigrad with other libraries: the three figures of the README, from the results of the bench.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const read = (name) => JSON.parse(readFileSync(join(root, 'bench/results', `${name}.json`), 'utf8'))

/** All results that the tables use. */
export const results = () => ({ peers: read('peers'), fits: read('fits') })

/** The row of a result table; a row that was renamed is an error, because a table must not lose it in silence. */
function rowOf({ rows }, what) {
  const row = rows.find((one) => one.what === what)
  if (row === undefined) throw new Error(`bench/results has no row ${what}`)
  return row
}

/** @returns the times of both sides from a row's detail, such as `1.22 and 109 µs a fit`, in microseconds */
function microseconds({ detail }) {
  const [, ours, theirs, unit] = /^([\d.e+]+) and ([\d.e+]+) (ns|µs|ms)/.exec(detail)
  const factor = { ns: 1e-3, µs: 1, ms: 1e3 }[unit]
  return [ours * factor, theirs * factor]
}

/** A time with three digits and the unit that fits. */
export function time(inMicroseconds) {
  const units = [
    [1e3, 'ms'],
    [1, 'µs'],
    [1e-3, 'ns'],
  ]
  const [factor, unit] = units.find(([factor]) => inMicroseconds >= factor) ?? units[2]
  return `${Number((inMicroseconds / factor).toPrecision(3))} ${unit}`
}

/** The median time in microseconds of a step of Adam at 1,000 parameters on one thread. */
const stepOf = ({ rows }, id) =>
  rows.find((row) => row.rule === 'adam' && row.size === '1000' && row.threads === 1 && row.id === id)
    .nsPerStep.median / 1e3

/** The machine of a result, as one phrase. */
export const machineOf = ({ machine: { processor, instructionSet, system, node } }) =>
  `${processor} (${instructionSet}), ${system}, Node ${node.replace(/^v/, '')}`

/** The README's figures. */
export function figures({ peers, fits }) {
  const times = (what) => microseconds(rowOf(fits, what))
  const [, scipy] = times('curve_fit in a loop, to one thread')
  const [ours, ml] = times('ml-levenberg-marquardt, 100 iterations, its default')
  const [profile, lmfit] = times('1,000 profiles of 3 parameters by conf_interval in a loop, to one thread')
  return `| on one thread | antigrad | alternatives |
|---|---|---|
| a step of Adam, 1,000 parameters | **${time(stepOf(peers, 'antigrad'))}** | loop by hand ${time(stepOf(peers, 'loop-float64'))}, TensorFlow.js (wasm) ${time(stepOf(peers, 'tfjs-wasm'))} |
| a fit of an exponential decay to 40 points (\`fitMany\`, 20,000 in a call) | **${time(ours)}** | SciPy's \`curve_fit\` ${time(scipy)}, ml-levenberg-marquardt ${time(ml)} |
| profile intervals of its 3 parameters (1,000 data sets in a call) | **${time(profile)}** | lmfit's \`conf_interval\` ${time(lmfit)} |

Measured on ${peers.machine.date} (step) and ${fits.machine.date} (fits): ${fits.machine.processor}
(${fits.machine.instructionSet}), Node ${fits.machine.node.slice(1)}. [Compared](docs/rivals.md) has all results and the method.`
}

/** Replaces the text between two markers, `<!-- name, … -->` and `<!-- /name -->`. */
export function withBlock(page, name, block) {
  const [begin] = new RegExp(`<!-- ${name}[,:][^>]*-->`).exec(page) ?? []
  const end = `<!-- /${name} -->`
  if (begin === undefined || !page.includes(end)) throw new Error(`the page has no markers for ${name}`)
  const before = page.slice(0, page.indexOf(begin) + begin.length)
  return `${before}\n${block}\n${page.slice(page.indexOf(end))}`
}
