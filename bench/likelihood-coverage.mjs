// node bench/likelihood-coverage.mjs [count] [rows]: share of nominal 95% profile intervals that contain the true value,
// for data of four error models. The full form has 10,000 data sets per error model. With few rows, the χ² quantile of
// the likelihood ratio is an approximation from below.
import { expression } from 'antigrad'
import { fitManySync, fitReasons, negativeBinomial, normal, poisson, profile } from 'antigrad/fit'
import { RandomGenerator } from 'antigrad/math'

const count = Number(process.argv[2] ?? 200)
const rows = Number(process.argv[3] ?? 96)
const x = Float64Array.from({ length: rows }, (_, i) => 0.25 + (12 * i) / rows)
const growth = Float64Array.from({ length: rows }, (_, i) => (4 * i) / rows)
const random = new RandomGenerator(7)
const decay = (t) => 10 * Math.exp(-0.2 * t)
const rate = (v) => Math.exp(1 + 0.5 * v)
const limit = 1.5
/** A Poisson count: the number of uniform factors until their product falls below exp(−mean) (Knuth, 1969). */
function poissonCount(mean) {
  const end = Math.exp(-mean)
  let count = 0
  for (let product = random.uniform(); product > end; product *= random.uniform()) count++
  return count
}
/** A gamma variate of shape 4: the sum of four exponential variates. */
const gammaOfFour = () => -Math.log([1, 2, 3, 4].reduce((product) => product * (1 - random.uniform()), 1))
const noisy = (sigma) => () => x.map((t) => decay(t) + sigma(decay(t)) * random.normal())

const problems = [
  {
    name: 'additive-proportional',
    model: 'a*exp(-b*x)',
    distribution: normal({ sigma: 'sqrt(add^2 + (prop*f)^2)' }),
    truth: { a: 10, b: 0.2, add: 0.2, prop: 0.1 },
    subject: 'b',
    column: x,
    draw: noisy((f) => Math.hypot(0.2, 0.1 * f)),
  },
  {
    name: 'Poisson',
    model: 'exp(a + b*x)',
    distribution: poisson(),
    truth: { a: 1, b: 0.5 },
    subject: 'b',
    column: growth,
    draw: () => growth.map((v) => poissonCount(rate(v))),
  },
  {
    name: 'negative binomial',
    model: 'exp(a + b*x)',
    distribution: negativeBinomial(),
    truth: { a: 1, b: 0.5, theta: 4 },
    subject: 'b',
    column: growth,
    draw: () => growth.map((v) => poissonCount(rate(v) * (gammaOfFour() / 4))),
  },
  {
    name: 'censored',
    model: 'a*exp(-b*x)',
    distribution: normal({ sigma: 's', below: 'below' }),
    truth: { a: 10, b: 0.2, s: 0.5 },
    subject: 'b',
    column: x,
    draw: noisy(() => 0.5),
    isCensored: true,
  },
]

for (const { name, model, distribution, truth, subject, column, draw, isCensored } of problems) {
  const drawn = Array.from({ length: count }, draw)
  const y = isCensored ? drawn.map((rows) => rows.map((value) => Math.max(value, limit))) : drawn
  const marks = isCensored && {
    below: drawn.map((rows) => rows.map((value) => Number(value < limit))),
  }
  const start = performance.now()
  const found = fitManySync(
    expression(model),
    { x: column, y, ...marks },
    { y: 'y', start: truth, distribution },
  )
  const between = performance.now()
  const { low, high } = profile(found, [subject])[subject]
  const end = performance.now()
  const contains = low.filter((value, fit) => value <= truth[subject] && truth[subject] <= high[fit]).length
  const converged = found.reason.filter((reason) => fitReasons[reason] === 'converged').length
  const seconds = (from, to) => `${((to - from) / 1000).toFixed(1)} s`
  console.log(
    `${name}: ${((100 * contains) / count).toFixed(2)}% of ${count} intervals of ${subject} contain the truth; ` +
      `${converged} converged; fits ${seconds(start, between)}, profiles ${seconds(between, end)}`,
  )
}
