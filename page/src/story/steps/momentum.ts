import { momentum as momentumRule } from 'antigrad'
import { ravine } from '../objectives.js'
import { computeRuns, describeRun, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

const RATE = 0.018

export const momentum: Step = {
  id: 'momentum',
  number: 5,
  title: 'Momentum',
  claim:
    'Momentum keeps a fraction of the last step, like a heavy ball. Across the ravine the steps cancel, and along its floor they add up.',
  question: 'Which momentum arrives first?',
  figure: 'Map of a ravine with the path of the heavy ball',
  paper: {
    text: 'Polyak (1964), Some methods of speeding up the convergence of iteration methods',
    url: 'https://doi.org/10.1016/0041-5553(64)90137-5',
  },
  controls: [{ name: 'momentum', label: 'Momentum', min: 0, max: 0.98, step: 0.01, value: 0 }],
  card: { momentum: 0.82 },
  scene: ({ momentum }) => ({
    objective: ravine(100),
    view: [-3, 3, -2.2, 2.2],
    minima: [[0, 0]],
    start: [-2.7, 1.4],
    contestants: [
      { name: 'Gradient descent', rule: momentumRule({ lr: RATE, momentum: 0 }) },
      { name: `Momentum ${momentum}`, rule: momentumRule({ lr: RATE, momentum }) },
    ],
    maxIterations: 1000,
    radius: 0.01,
  }),
  result: ({ momentum }, [plain, ball]) =>
    `Momentum ${momentum}: ${describeRun(ball)}. Without momentum: ${describeRun(plain)}.`,
  isAnswered: (_, [, ball]) => updatesOf(ball) <= 51,
  measure() {
    const at = (value: number) => updatesOf(computeRuns(momentum.scene({ momentum: value }))[1])
    const values = Array.from({ length: 99 }, (_, i) => i / 100)
    const counts = values.map(at)
    const best = Math.min(...counts)
    return { best, first: values[counts.indexOf(best)], none: at(0), medium: at(0.82), large: at(0.9) }
  },
  answer: ({ first, best, none, large }) =>
    `${first}: it arrives after ${best} updates. Without momentum, it needs ${none}. With 0.9 it swings past the minimum and needs ${large}.`,
}
