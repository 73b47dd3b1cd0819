// npm run bench:plates -- --python <a Python with SciPy>: fits of simulated plates next to the least costs that SciPy
// finds from the true values and from random starts.
//
// --seed 1 --plates 20 --starts 20 select the simulated plates, and the number of SciPy's random starts.
// --shared fits all wells of a plate with common plateaus.
// --reference file.json reads SciPy's costs from the file, or writes the file if it does not exist.
// --dist folder fits with another build of antigrad.
// --write file.json writes the wells above the reference, and every 60th well, as in test/data/plates.json.
// --list names the wells whose cost is above the reference.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { LOSSES, makePlates } from './lib/plates.mjs'

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    plates: { type: 'string', default: '20' },
    starts: { type: 'string', default: '20' },
    python: { type: 'string' },
    reference: { type: 'string' },
    dist: { type: 'string' },
    shared: { type: 'boolean', default: false },
    write: { type: 'string' },
    list: { type: 'boolean', default: false },
  },
})
const here = (path) => fileURLToPath(new URL(path, import.meta.url))
const dist = values.dist === undefined ? here('../dist') : resolve(values.dist)
const { fitManySync, fitReasons, fitSharedSync, models } = await import(
  pathToFileURL(`${dist}/fits/index.js`).href
)
/** A cost counts as reached if it is at most this fraction above the reference. */
const TOLERANCE = 1e-6
const [seed, count, starts] = [values.seed, values.plates, values.starts].map(Number)
const plates = makePlates(seed, count)

/** SciPy's costs of a plate: per loss one cost per well, or one cost if the plateaus are shared. */
function byScipy(plate) {
  const task = { plates: [plate], losses: LOSSES, starts, seed, shared: values.shared }
  const options = { maxBuffer: 2 ** 28, env: { ...process.env, OPENBLAS_NUM_THREADS: '1' } }
  return new Promise((done, fail) => {
    const child = execFile(values.python, [here('peers/plates.py')], options, (error, text) =>
      error ? fail(error) : done(JSON.parse(text)[0]),
    )
    child.stdin.end(JSON.stringify(task))
  })
}

async function readReference() {
  const { reference, python } = values
  if (reference !== undefined && existsSync(reference)) return JSON.parse(readFileSync(reference, 'utf8'))
  if (python === undefined) return plates.map(() => Object.fromEntries(LOSSES.map((loss) => [loss, []])))
  const found = []
  for (const [k, plate] of plates.entries()) {
    found.push(await byScipy(plate))
    process.stderr.write(`SciPy: ${k + 1} of ${count} plates\r`)
  }
  if (reference !== undefined) writeFileSync(reference, JSON.stringify(found))
  return found
}

const options = { engine: 'native', threads: 1 }

/** Costs, reasons and messages of the wells with at least four rows. */
function fitWells({ wells, noise }, loss) {
  const full = wells.filter(({ x }) => x.length >= 4)
  const data = { x: full.map(({ x }) => x), y: full.map(({ y }) => y) }
  const fits = fitManySync(models.fourPL(), data, { loss, lossScale: noise, ...options })
  return full.map(({ label, kind, x, y }, k) => ({
    label: `${label} (${kind})`,
    rows: { kind, loss, lossScale: noise, x, y },
    cost: fits.chiSquared[k],
    reason: fitReasons[fits.reason[k]],
    message: () => fits.at(k).message,
  }))
}

/** Cost, reason and message of a plate whose wells share their plateaus. */
function fitPlate({ wells, noise }, loss) {
  const rows = wells
    .filter(({ x }) => x.length >= 2)
    .flatMap(({ label, x, y }) => x.map((at, k) => [label, at, y[k]]))
  const [well, x, y] = [0, 1, 2].map((k) => rows.map((row) => row[k]))
  const shared = { shared: ['bottom', 'top'], group: 'well', loss, lossScale: noise, ...options }
  const { chiSquared, reason, message } = fitSharedSync(models.fourPL(), { well, x, y }, shared)
  return [{ label: 'all wells', cost: chiSquared, reason, message: () => message }]
}

const reference = await readReference()
const written = []
const lines = [
  `| loss, ${count} plates of seed ${seed}${values.shared ? ', shared plateaus' : ''} | fits | at the reference | below it | converged | ms |`,
  '|---|---|---|---|---|---|',
]
for (const loss of LOSSES) {
  const begin = process.cpuUsage()
  const fits = plates.map((plate) => (values.shared ? fitPlate : fitWells)(plate, loss))
  const { user, system } = process.cpuUsage(begin)
  let [all, reached, lower, converged] = [0, 0, 0, 0]
  for (const k of plates.keys()) {
    const given = reference[k][loss]
    const least = Array.isArray(given) ? given.filter((cost) => cost !== null) : [given]
    for (const [i, fit] of fits[k].entries()) {
      const excess = fit.cost / (least[i] ?? Infinity) - 1
      all++
      if (excess <= TOLERANCE) reached++
      else if (values.list)
        console.error(`${loss}, plate ${k}, ${fit.label}: +${excess}, ${fit.reason}, ${fit.message()}`)
      if (excess < -TOLERANCE) lower++
      if (excess > TOLERANCE || i % 60 === 0)
        written.push({ ...fit.rows, chiSquared: Math.min(least[i], fit.cost) })
      if (fit.reason === 'converged') converged++
    }
  }
  const percent = ((100 * reached) / all).toFixed(2)
  lines.push(
    `| ${loss} | ${all} | ${reached} (${percent}%) | ${lower} | ${converged} | ${((user + system) / 1000).toFixed(0)} |`,
  )
}
console.log(lines.join('\n'))
if (values.write !== undefined) {
  const rows = written.map((one) => `    ${JSON.stringify(one)}`)
  writeFileSync(values.write, `{\n  "seed": ${seed},\n  "wells": [\n${rows.join(',\n')}\n  ]\n}\n`)
}
