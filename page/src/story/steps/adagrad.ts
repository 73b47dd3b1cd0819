import { adagrad as adagradRule, gradientDescent } from 'antigrad'
import { ravine } from '../objectives.js'
import { computeRuns, describeRun, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

export const adagrad: Step = {
  id: 'adagrad',
  number: 3,
  title: 'Adagrad',
  claim:
    'Adagrad gives each parameter its own rate: it divides by the size of the parameter’s previous gradients. In a ravine along an axis, Adagrad goes straight to the minimum.',
  question: 'Rotate the ravine. From which angle on does gradient descent win?',
  figure: 'Map of a ravine with the paths of Adagrad and gradient descent',
  paper: {
    text: 'Duchi, Hazan and Singer (2011), Adaptive subgradient methods',
    url: 'https://jmlr.org/papers/v12/duchi11a.html',
  },
  controls: [{ name: 'angle', label: 'Angle', min: 0, max: 45, step: 0.5, value: 0, unit: '°' }],
  card: { angle: 20 },
  scene: ({ angle }) => ({
    objective: ravine(100, angle),
    view: [-3, 3, -2.2, 2.2],
    minima: [[0, 0]],
    start: [-2.7, 1.4],
    contestants: [
      { name: 'Gradient descent', rule: gradientDescent({ lr: 0.018 }) },
      { name: 'Adagrad', rule: adagradRule({ form: 'essay', lr: 0.1 }) },
    ],
    maxIterations: 2000,
    radius: 0.01,
  }),
  result: ({ angle }, [descent, adaptive]) =>
    `At ${angle}°: Adagrad ${describeRun(adaptive)}, gradient descent ${describeRun(descent)}.`,
  isAnswered: (_, [descent, adaptive]) => updatesOf(descent) < updatesOf(adaptive),
  measure() {
    const at = (angle: number) => computeRuns(adagrad.scene({ angle })).map(updatesOf)
    const [plain, adaptive] = at(0)
    // Adagrad needs more updates at each larger angle, so bisection finds the first angle at which it loses.
    let [low, high] = [0, 45]
    while (high - low > 0.01) {
      const middle = (low + high) / 2
      const [descent, other] = at(middle)
      if (descent < other) high = middle
      else low = middle
    }
    const [plainTurned, adaptiveTurned] = at(45)
    return { plain, adaptive, angle: Number(high.toFixed(1)), plainTurned, adaptiveTurned }
  },
  answer: ({ angle, adaptive, plain, plainTurned, adaptiveTurned }) =>
    `From about ${Math.floor(angle)}° on. Adagrad’s rates are per axis: along the axes it needs ${adaptive} updates instead of ${plain}, and at 45° ${adaptiveTurned} instead of ${plainTurned}.`,
}
