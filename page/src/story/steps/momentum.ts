import { momentum as momentumRule } from 'antigrad'
import { HEAVY_BALL_FIGURE, momentumControl, polyak, RATES, ravineScene } from '../ravine-scene.js'
import { computeRuns, describeRun, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

export const momentum: Step = {
  id: 'momentum',
  number: 5,
  title: 'Momentum',
  claim:
    'Momentum keeps a fraction of the last step, like a heavy ball. Across the ravine the steps cancel, and along its floor they add up.',
  question: 'Which momentum arrives first?',
  figure: HEAVY_BALL_FIGURE,
  paper: polyak,
  controls: [{ ...momentumControl, value: 0.5 }],
  card: { momentum: 0.82 },
  scene: ({ momentum }) =>
    ravineScene([
      { name: 'Gradient descent', rule: momentumRule({ lr: RATES.momentum, momentum: 0 }) },
      { name: `Momentum ${momentum}`, rule: momentumRule({ lr: RATES.momentum, momentum }) },
    ]),
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
