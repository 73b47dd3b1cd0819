import { adam, gradientDescent, momentum, rastrigin, rmsprop } from 'antigrad'
import { computeRuns, describeRun, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

const objective = rastrigin()
/** Number of starting points along each axis, at which the methods are measured. */
const GRID = 6

export const ripples: Step = {
  id: 'ripples',
  title: 'Ripples',
  claim:
    'A gradient shows only the slope at one point. On a function with ripples, every method of this story ends in a hollow near its start.',
  question: 'Drag the start. From where does a method reach the star?',
  figure: 'Map of Rastrigin’s function with the paths of four methods',
  paper: {
    text: 'Rastrigin (1974), Systems of extremal control, in the form of Mühlenbein et al. (1991)',
    url: 'https://doi.org/10.1016/S0167-8191(05)80052-3',
  },
  controls: [],
  start: [3.4, -2.6],
  scene: ({ x, y }) => ({
    objective,
    view: [-4.6, 4.6, -3.4, 3.4],
    minima: [[0, 0]],
    start: [x, y],
    contestants: [
      { name: 'Gradient descent', rule: gradientDescent({ lr: 0.002 }) },
      { name: 'Momentum', rule: momentum({ lr: 0.002 }) },
      { name: 'RMSProp', rule: rmsprop({ lr: 0.01 }) },
      { name: 'Adam', rule: adam({ lr: 0.1 }) },
    ],
    maxIterations: 300,
    radius: 0.05,
  }),
  result(_, runs) {
    const arrivals = runs.filter(({ arrival }) => arrival !== null)
    if (arrivals.length === 0) return 'No method reaches the star from here.'
    return `The star is reached by: ${arrivals.map((run) => `${run.name} (${describeRun(run)})`).join(', ')}.`
  },
  isAnswered: (_, runs) => runs.some(({ arrival }) => arrival !== null),
  measure() {
    let arrivals = 0
    for (let i = 0; i < GRID; i++) {
      for (let j = 0; j < GRID; j++) {
        const [x, y] = [-4.5 + (9 * i) / (GRID - 1), -3.3 + (6.6 * j) / (GRID - 1)]
        const runs = computeRuns({ ...ripples.scene({ x, y }), maxIterations: 150 })
        arrivals += runs.filter((run) => updatesOf(run) < Infinity).length
      }
    }
    // The distance along x up to which gradient descent reaches the star.
    let hollow = 0
    while (updatesOf(computeRuns(ripples.scene({ x: hollow + 0.01, y: 0 }))[0]) < Infinity) hollow += 0.01
    return { arrivals, runs: 4 * GRID * GRID, hollow: Number(hollow.toFixed(2)) }
  },
  answer: ({ arrivals, runs, hollow }) =>
    `Only from the star’s own hollow, up to a distance of ${hollow} along x. From a grid of starts, ${arrivals} of ${runs} runs reach the star. Many starts help more than any method, for example with findMinima.`,
}
