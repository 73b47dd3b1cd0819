// Convergence plots of a rule on test functions: F minus its minimum against updates, at the best learning rate tried.
import { minimize, objectives } from '../../dist/index.js'

const RATES = Array.from({ length: 25 }, (_, k) => Number((10 ** (k / 4 - 5)).toPrecision(2)))
const UPDATES = 1000
const [HIGHEST, LOWEST] = [3, -12] // powers of ten
const FUNCTIONS = { rosenbrock: "Rosenbrock's valley", himmelblau: "Himmelblau's function", bowl: 'a bowl' }
const [WIDTH, HEIGHT, LEFT, TOP] = [640, 260, 44, 8]

/** The decimal logarithm of F minus its minimum, after each update. */
function descent(make, objective, lr) {
  const least = objective.value(objective.minima(2)[0])
  const height = (x) => Math.max(LOWEST, Math.log10(Math.max(objective.value(x) - least, 10 ** LOWEST)))
  const heights = [height(objective.start)]
  const callback = (x) => void heights.push(height(x))
  minimize(objective, [...objective.start], make({ lr }), { maxIterations: UPDATES, tolerance: 0, callback })
  return heights
}

/** The learning rate that reaches 1e-9 first and stays below, or else has the lowest final value. */
function best(make, objective) {
  const runs = RATES.map((lr) => ({ lr, heights: descent(make, objective, lr) }))
  const rank = ({ heights }) => {
    const arrived = heights.findLastIndex((height) => height > -9) + 1
    return arrived < heights.length ? arrived : UPDATES * (20 + Math.min(HIGHEST, heights.at(-1)))
  }
  const finite = runs.filter(({ heights }) => heights.length > 1 && heights.every(Number.isFinite))
  return finite.reduce((one, other) => (rank(other) < rank(one) ? other : one), finite[0])
}

const x = (t) => LEFT + ((WIDTH - LEFT) * t) / UPDATES
const y = (height) => TOP + ((HEIGHT - TOP) * (HIGHEST - Math.min(HIGHEST, height))) / (HIGHEST - LOWEST)

/** @returns an HTML figure with the rule's convergence on each function */
export function curves(make) {
  const runs = Object.entries(FUNCTIONS).map(([key, words]) => ({ words, ...best(make, objectives[key]()) }))
  const marks = [0, -3, -6, -9, -12].map(
    (power) =>
      `<line x1="${LEFT}" x2="${WIDTH}" y1="${y(power)}" y2="${y(power)}"/>` +
      `<text x="${LEFT - 6}" y="${y(power) + 4}" text-anchor="end">1e${power}</text>`,
  )
  const lines = runs.map(({ heights }, i) => {
    const points = heights.map((height, t) => `${x(t).toFixed(1)},${y(height).toFixed(1)}`)
    return `<polyline class="line${i}" points="${points.join(' ')}"/>`
  })
  const legend = runs.map(({ words, lr }, i) => `<span class="line${i}">${words}, lr ${lr}</span>`)
  const end = runs.map(({ words, heights }) => `${words} to 1e${Math.round(heights.at(-1))}`).join(', ')
  return `<figure class="curves" v-pre><svg viewBox="0 0 ${WIDTH} ${HEIGHT + 22}" role="img" aria-label="F less its least value over ${UPDATES} updates: ${end}">${marks.join('')}${lines.join('')}<text x="${LEFT}" y="${HEIGHT + 18}">0</text><text x="${WIDTH}" y="${HEIGHT + 18}" text-anchor="end">${UPDATES} updates</text></svg><figcaption>${legend.join(' ')}</figcaption></figure>`
}
