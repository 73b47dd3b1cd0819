// The table for choosing an engine: every engine per rule, dtype and size, relative to the bandwidth pass.
import { engines } from '../../dist/index.js'
import { measure, ratio, summary } from './measure.mjs'
import { lengthsOf, ours, parametersOf, pass, rules } from './subjects.mjs'

export const sizes = ['2', '10', '100', '1000', '10000', '100000', '1000000', '10000000', '1000x1000']

/**
 * Measures the combinations for which `wanted(rule, dtype, size, engine)` returns true.
 * @returns one row per engine: nanoseconds per update and per parameter, and the ratio to the pass
 */
export function measureEngines({ limits, wanted, threads, timing, progress }) {
  const reports = engines()
  const cells = []
  for (const rule of Object.keys(rules)) {
    for (const dtype of ['float32', 'float64']) {
      for (const size of sizes) {
        const here = Object.keys(reports).filter((name) => reports[name].available)
        const chosen = here.filter((engine) => wanted(rule, dtype, size, engine))
        if (chosen.length > 0) cells.push({ rule, dtype, size, chosen })
      }
    }
  }
  return cells.flatMap(({ rule, dtype, size, chosen }, i) => {
    progress(`[${i + 1}/${cells.length}] ${rule}, ${dtype}, ${size}`)
    const subjects = chosen.map((engine) => ours(rules[rule], dtype, lengthsOf(size), { engine, threads }))
    // Each pass runs over the memory of its engine, because engines can use pages of different sizes.
    const passes = limits ? subjects.map((subject) => pass(limits, subject)) : []
    const samples = measure([...subjects, ...passes], timing)
    const parameters = parametersOf(size)
    const row = (subject, engine, vectors, bandwidth) => ({
      rule,
      dtype,
      size,
      engine,
      vectors,
      perUpdate: summary(samples(subject)),
      perParameter: summary(samples(subject).map((x) => x / parameters)),
      toPass: bandwidth ? ratio(samples(subject), samples(bandwidth)) : null,
    })
    return [
      ...subjects.map((subject, k) =>
        row(subject, chosen[k], reports[chosen[k]].instructionSets.at(-1) ?? '–', passes[k]),
      ),
      ...passes.slice(0, 1).map((first) => row(first, 'pass', `${limits.width()} bits`)),
    ]
  })
}
