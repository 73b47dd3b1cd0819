// Dying gradients: once they are 0, moments decay into subnormal numbers, which some processors compute
// slowly, and there they stay: ½ to 1 of the last place times β rounds back to itself. 0.9·m stands still
// at 4 of the smallest numbers, 0.999·v below 500 of them, so the state at the end of a run costs what it
// costs for good. Each engine with such a state, against itself with a normal one.
import { adam, momentum, rmsprop, sgd } from '../../dist/index.js'
import { measure, ratio, summary } from './measure.mjs'
import { ours, planesOf } from './subjects.mjs'

const smallest = { float32: 2 ** -149, float64: 2 ** -1074 }
/** Decays so slowly that it stays normal for all of a measurement. */
const lasting = 1 - 2 ** -20

/** Rules by what has died, and where each array of state stands then, in smallest numbers; 0 is alive. */
const cases = {
  'adam, m': [adam({ beta2: lasting }), 4, 0],
  'adam, m and v': [adam(), 4, 400],
  'rmsprop, v': [rmsprop(), 40],
  'momentum, v': [momentum(), 4],
  'sgd-momentum, b': [sgd({ momentum: 0.9 }), 4],
}

export function measureDenormals({ threads, timing, progress }) {
  const rows = []
  const n = 10_000
  for (const [name, [rule, ...stands]] of Object.entries(cases)) {
    for (const dtype of ['float32', 'float64']) {
      for (const engine of ['native', 'wasm', 'typescript']) {
        const make = (of, isDead) => {
          const subject = ours(of, dtype, [n], { engine, threads })
          const [, ...others] = planesOf(subject)
          const gradient = others.pop()
          if (isDead) gradient.fill(0)
          others.forEach((state, k) => {
            state.fill(isDead && stands[k] > 0 ? stands[k] * smallest[dtype] : 0.01)
          })
          return { ...subject, states: others }
        }
        const [normal, dead] = [make(rule, false), make(rule, true)]
        const samples = measure([normal, dead], timing)
        stands.forEach((count, k) => {
          if (count > 0 && dead.states[k].some((x) => x !== count * smallest[dtype])) {
            throw new Error(`${name}, ${dtype}, ${engine}: the state has not stood still`)
          }
        })
        const figure = ratio(samples(dead), samples(normal))
        const each = (subject) => (summary(samples(subject)).median / n).toFixed(3)
        const least = (subject) => (Math.min(...samples(subject)) / n).toFixed(3)
        const detail = `${each(dead)} and ${each(normal)} ns a parameter; at best ${least(dead)} and ${least(normal)}`
        const what = `${name} subnormal, ${dtype}, ${engine}`
        rows.push({ what, n, figure, unit: '×', target: null, met: null, detail })
        progress(`${what}: ${figure.median.toFixed(2)}; ${detail}`)
      }
    }
  }
  return { rows, skipped: [] }
}
