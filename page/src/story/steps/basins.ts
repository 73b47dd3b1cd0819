import { gradientDescent, himmelblau } from 'antigrad'
import { type BasinTask, computeBasinsSync } from '../basin-map.js'
import { formatCount, pointOf, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

const objective = himmelblau()
const minima = objective.minima(2).map((minimum) => [...minimum])

const taskAt = (rate: number): BasinTask => ({
  text: '(x^2 + y - 11)^2 + (x + y^2 - 7)^2',
  rule: gradientDescent({ lr: rate }),
  view: [-6, 6, -4.5, 4.5],
  minima,
  columns: 32,
  rows: 24,
})

/** Number of minima that runs from the cells of a map reach. */
const countReached = (rate: number) => {
  const cells = computeBasinsSync(taskAt(rate))
  return minima.filter((_, index) => cells.includes(index)).length
}

export const basins: Step = {
  id: 'basins',
  title: 'Basins',
  claim:
    'Himmelblau’s function has four minima. Each starting point has the color of the minimum that gradient descent reaches from there, and empty places reach no minimum.',
  question: 'Drag the rate. How many of the four minima remain?',
  figure: 'Map of Himmelblau’s function, colored by the minimum that gradient descent reaches',
  paper: {
    text: 'Himmelblau (1972), Applied nonlinear programming',
    url: 'https://en.wikipedia.org/wiki/Himmelblau%27s_function',
  },
  controls: [{ name: 'rate', label: 'Learning rate', min: 0.002, max: 0.026, step: 0.0005, value: 0.01 }],
  start: [-0.5, -1],
  scene: ({ rate, x, y }) => ({
    objective,
    view: [-6, 6, -4.5, 4.5],
    minima,
    start: [x, y],
    contestants: [{ name: 'Gradient descent', rule: gradientDescent({ lr: rate }) }],
    maxIterations: 400,
    radius: 0.01,
    basins: taskAt(rate),
  }),
  result({ rate }, [run]) {
    if (run.arrival === null) return `At ${rate}, the path from the ring reaches no minimum.`
    const [x, y] = pointOf(run, run.updates)
    return `At ${rate}, the path from the ring reaches (${x.toFixed(1)}, ${y.toFixed(1)}) after ${formatCount(updatesOf(run))} updates.`
  },
  isAnswered: ({ rate }) => rate >= 0.016,
  measure: () => ({
    small: countReached(0.01),
    medium: countReached(0.017),
    large: countReached(0.02),
    largest: countReached(0.026),
  }),
  answer: ({ small, medium, large, largest }) =>
    `At a rate of 0.01 ${small}, at 0.017 ${medium}, at 0.02 ${large}, and at 0.026 ${largest}. A minimum is lost when the rate exceeds 2 divided by the largest curvature at this minimum.`,
}
