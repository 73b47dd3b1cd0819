// Tables that compare antigrad with other libraries, from the results of the bench: the page docs/rivals.md, and the
// three figures of the README.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'
import { wrapped } from './wrap.mjs'

const read = (name) => JSON.parse(readFileSync(join(root, 'bench/results', `${name}.json`), 'utf8'))

/** All results that the tables use. */
export const results = () => ({
  peers: read('peers'),
  fits: read('fits'),
  single: read('single'),
  sizes: read('sizes'),
})

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

/** The median time in microseconds of a step of Adam on one thread; undefined if the library did not run. */
const stepOf = ({ rows }, id, size = '1000') => {
  const isIt = (row) => row.rule === 'adam' && row.size === size && row.threads === 1 && row.id === id
  const row = rows.find(isIt)
  return row && row.nsPerStep.median / 1e3
}

/** The machine of a result, as one phrase. */
export const machineOf = ({ machine: { processor, instructionSet, system, node } }) =>
  `${processor} (${instructionSet}), ${system}, Node ${node.replace(/^v/, '')}`

/**
 * The figures of the README and of the docs' home page.
 *
 * @param folder relative path of the folder docs, with a slash at the end
 */
export function figures({ peers, fits }, folder = 'docs/') {
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
(${fits.machine.instructionSet}), Node ${fits.machine.node.slice(1)}. [Compared](${folder}rivals.md) has all results and the method.`
}

const NOT_MEASURED = 'not measured'
const shown = (inMicroseconds) => (inMicroseconds === undefined ? NOT_MEASURED : time(inMicroseconds))

const table = (titles, rows) =>
  [titles, titles.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')

/** The tables of one fit per call, and of whole calls of `model.fit`. */
function singleTables({ machine, rounds, fits, training, versions }) {
  const row = (rows, id) => {
    const found = rows.find((one) => one.id === id)
    if (found === undefined) throw new Error(`bench/results/single.json has no row ${id}`)
    return found
  }
  const timeOf = (rows, id) => time(row(rows, id).nanoseconds / 1e3)
  const range = ({ ratio: { median, low, high } }) =>
    [median, low, high].map((value) => value.toPrecision(2)).map(Number)
  const ratioOf = (rows, id) => {
    const [median, low, high] = range(row(rows, id))
    return `${median}× (${low} to ${high})`
  }
  const libraries = [
    ['antigrad, `fit`', 'antigrad'],
    ['regression, `exponential`', 'regression'],
    ["SciPy's `curve_fit`", 'scipy'],
    ['lmfit, `Model.fit`', 'lmfit'],
    ['Ceres, with covariance', 'ceres'],
  ]
  const fitRows = libraries.map(([name, id]) => [name, timeOf(fits, id), ratioOf(fits, id)])
  const trainingRows = ['wasm', 'cpu'].map((backend) => [
    backend,
    timeOf(training, `tfjs-${backend}`),
    timeOf(training, `tfjs-${backend}+antigrad`),
    ratioOf(training, `tfjs-${backend}`),
  ])
  const method = `Medians of ${rounds} alternating rounds of processor time (\`npm run bench:single\`), with the 95% interval of the median ratio. ${machine.date}, ${machineOf({ machine })}. Load before: ${machine.load}.`
  return {
    fits: `${table(['library, one fit per call', 'time per fit', 'ratio to antigrad'], fitRows)}

${wrapped(`${method} SciPy ${versions.scipy}, lmfit ${versions.lmfit}, regression ${versions.regression}, Ceres 2.1. regression fits a·exp(b·t) by a line through logarithms, without a constant. Ceres has an analytic Jacobian. SciPy in Pyodide could not be measured: Pyodide's server, the only source of its build of SciPy, is not reachable from the machine of the bench.`)}`,
    training: `${wrapped('The next table shows whole calls of `model.fit`, which also compute the gradients, for a network with 1,002 parameters and batches of 32 rows.')}

${table(['backend', 'its own Adam, per batch', 'Adam of `antigrad/tfjs`, per batch', 'ratio'], trainingRows)}

${wrapped(`${method} TensorFlow.js ${versions.tfjs}.`)}`,
  }
}

/** The tables of docs/rivals.md. */
export function comparison({ peers, fits, single: calls, sizes }) {
  const tables = singleTables(calls)
  const size = (library) => {
    const row = sizes.rows.find((one) => one.library === library)
    return row === undefined ? NOT_MEASURED : `${(row.bytes / 1000).toFixed(1)} kB`
  }
  const fitting = (what) => microseconds(rowOf(fits, what))
  const [ours, ml] = fitting('ml-levenberg-marquardt, 100 iterations, its default')
  const [, shortMl] = fitting('… told that 10 will do')
  const [, fmin] = fitting('fmin, nelderMead')
  const [, gradients] = fitting('… conjugateGradient with exact derivatives')
  const [, scipy] = fitting('curve_fit in a loop, to one thread')
  const [, single] = fitting('`fit` in a loop, to one thread')
  const [wasm] = fitting("WebAssembly's speed, of the addon's on one thread")
  const [profiles, lmfit] = fitting(
    '1,000 profiles of 3 parameters by conf_interval in a loop, to one thread',
  )
  const [shared, ceres] = fitting(
    '1,000 groups of 20 rows, two shared parameters: Ceres, iterative Schur complement, to fitShared',
  )
  const [sharedToo, sparse] = fitting(
    "1,000 groups of 20 rows, two shared parameters: SciPy's trf and lsmr, exact sparse Jacobian, to fitShared",
  )
  const python = 'no bundle'
  const fitRows = [
    ['antigrad, `fitMany` of 20,000', 'yes', 'yes', size('antigrad: fit'), time(ours)],
    ['antigrad, `fitMany` in WebAssembly', 'yes', 'yes', size('antigrad: fit'), time(wasm)],
    ['antigrad, `fit` in a loop', 'yes', 'yes', size('antigrad: fit'), time(single)],
    ['regression (a line through logarithms)', 'no', 'no', size('regression'), 'next table'],
    ['ml-levenberg-marquardt, default', 'no', 'yes', size('ml-levenberg-marquardt'), time(ml)],
    ['ml-levenberg-marquardt, 10 iterations', 'no', 'yes', size('ml-levenberg-marquardt'), time(shortMl)],
    ['fmin, `nelderMead`', 'no', 'no', size('fmin'), time(fmin)],
    ['fmin, `conjugateGradient`', 'no', 'no', size('fmin'), time(gradients)],
    ["SciPy's `curve_fit`, natively", 'yes', 'yes', python, time(scipy)],
    ["SciPy's `curve_fit` in Pyodide", 'yes', 'yes', NOT_MEASURED, NOT_MEASURED],
    ['lmfit', 'yes', 'yes', python, 'next table'],
    ['Ceres', 'yes', 'yes', python, 'next table'],
  ]
  const largerRows = [
    ['profile intervals of 3 parameters', "lmfit's `conf_interval`", time(profiles), time(lmfit)],
    ['1,000 groups with two shared parameters', 'Ceres', time(shared), time(ceres)],
    ['the same', 'SciPy (trf, sparse Jacobian)', time(sharedToo), time(sparse)],
  ]
  const libraries = [
    ['antigrad', 'antigrad', size('antigrad: train')],
    ['TensorFlow.js, wasm', 'tfjs-wasm', NOT_MEASURED],
    ['TensorFlow.js, cpu', 'tfjs-cpu', size('TensorFlow.js')],
    ['jax-js, wasm', 'jax-js', size('jax-js')],
    ['Torch', 'torch', python],
    ['Optax', 'optax', python],
  ]
  const trainRows = libraries.map(([name, id, bytes]) => [
    ...[name, bytes],
    ...['1000', '1000000'].map((count) => shown(stepOf(peers, id, count))),
  ])
  const fitTitles = ['library', 'standard errors', 'bounds', 'size, gzipped', 'time per fit']
  const trainTitles = ['library', 'size, gzipped', 'step, 1,000', 'step, 1 million']
  const { versions } = peers.machine
  const tfjs = versions['tfjs-cpu'].version
  return `### Fits

An exponential decay with three parameters is fitted to 40 points, in float64, on one thread.

${table(fitTitles, fitRows)}

${table(['larger tasks', 'other library', 'antigrad', 'other'], largerRows)}

${wrapped(
  `${fits.machine.date}, ${machineOf(fits)}, SciPy ${fits.versions.scipy}. With bounds, \`curve_fit\` uses another method than the measured one. After 10 iterations, the sum of squares of ml-levenberg-marquardt is up to 1.8 larger than the minimum.`,
)}

${tables.fits}

### Training

One step of Adam with 1,000 and with 1 million float32 parameters, on one thread.

${table(trainTitles, trainRows)}

${wrapped(
  `${peers.machine.date}, ${machineOf(peers)}, TensorFlow.js ${tfjs}, jax-js ${versions['jax-js'].version}, Torch ${versions.torch.version}, Optax ${versions.optax.version}. The step of TensorFlow.js is \`applyGradients\`.`,
)}

${tables.training}

${wrapped(
  `Sizes: ${sizes.date}, independent of the machine, minified by esbuild ${sizes.esbuild} (\`npm run bench:sizes\`). TensorFlow.js is its core, layers and cpu backend. "Not measured" means that no saved run of the bench has the figure.`,
)}`
}

/** Replaces the text between two markers, `<!-- name, … -->` and `<!-- /name -->`. */
export function withBlock(page, name, block) {
  const [begin] = new RegExp(`<!-- ${name}[,:][^>]*-->`).exec(page) ?? []
  const end = `<!-- /${name} -->`
  if (begin === undefined || !page.includes(end)) throw new Error(`the page has no markers for ${name}`)
  const before = page.slice(0, page.indexOf(begin) + begin.length)
  return `${before}\n${block}\n${page.slice(page.indexOf(end))}`
}
