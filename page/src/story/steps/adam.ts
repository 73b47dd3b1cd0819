import { adam as adamRule, gradientDescent, rosenbrock } from 'antigrad'
import { computeRuns, describeRun, pointOf, updatesOf } from '../runs.js'
import type { Run, Step } from '../step.js'

const objective = rosenbrock()
const RATE = 0.1
/** Starting points in the map, at which the first step is measured. */
const STARTS = [
  [-1.5, 2],
  [0, 0],
  [1.5, -0.5],
  [-0.4, 2.4],
] as const

const firstStep = (run: Run) => {
  const [before, after] = [pointOf(run, 0), pointOf(run, 1)]
  return after.map((value, i) => Math.abs(value - before[i]))
}

export const adam: Step = {
  id: 'adam',
  number: 7,
  title: 'Adam',
  claim:
    'Adam divides an average of the gradients by the root of an average of their squares. Its steps hardly depend on the size of the gradient.',
  question: 'Drag the start. How long is the first step?',
  figure: 'Map of Rosenbrock’s function with the paths of gradient descent and Adam',
  paper: {
    text: 'Kingma and Ba (2015), Adam: a method for stochastic optimization',
    url: 'https://arxiv.org/abs/1412.6980',
  },
  controls: [],
  start: [-1.5, 2],
  scene: ({ x, y }) => ({
    objective,
    view: objective.view,
    minima: [[1, 1]],
    start: [x, y],
    contestants: [
      { name: 'Gradient descent', rule: gradientDescent({ lr: 0.001 }) },
      { name: 'Adam', rule: adamRule({ lr: RATE }) },
    ],
    maxIterations: 20_000,
    radius: 0.01,
  }),
  result(_, [descent, adaptive]) {
    const [dx, dy] = firstStep(adaptive)
    return `First step of Adam: ${dx.toFixed(3)} along x, ${dy.toFixed(3)} along y. Adam: ${describeRun(adaptive)}, gradient descent: ${describeRun(descent)}.`
  },
  isAnswered: ({ x, y }) => x !== -1.5 || y !== 2,
  measure() {
    const [descent, adaptive] = computeRuns(adam.scene({ x: -1.5, y: 2 })).map(updatesOf)
    const lengths = STARTS.flatMap(([x, y]) => firstStep(computeRuns(adam.scene({ x, y }))[1]))
    // At (0, 0) the gradient along y is 0, and Adam does not move along y.
    const moved = lengths.filter((length) => length > 0)
    return { descent, adaptive, shortest: Math.min(...moved), longest: Math.max(...moved) }
  },
  answer: ({ longest, adaptive, descent }) =>
    `Always ${longest.toFixed(1)} along each axis, the learning rate η, unless the gradient is 0. From the first start, Adam needs ${adaptive} updates where gradient descent needs ${descent.toLocaleString('en')}.`,
}
