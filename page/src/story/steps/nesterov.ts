import { momentum, nesterov as nesterovRule } from 'antigrad'
import { momentumControl, RATES, ravineScene } from '../ravine-scene.js'
import { computeRuns, describeRun, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

export const nesterov: Step = {
  id: 'nesterov',
  number: 6,
  title: 'Nesterov',
  claim:
    'Nesterov evaluates the gradient where momentum will carry the point. Nesterov therefore brakes before the point has gone too far.',
  question: 'Raise the momentum to 0.98. Which one swings?',
  figure: 'Map of a ravine with the paths of the heavy ball and Nesterov’s method',
  paper: {
    text: 'Sutskever, Martens, Dahl and Hinton (2013), On the importance of initialization and momentum',
    url: 'https://proceedings.mlr.press/v28/sutskever13.html',
  },
  controls: [{ ...momentumControl, min: 0.5, max: 0.99, value: 0.85 }],
  card: { momentum: 0.98 },
  scene: ({ momentum: value }) =>
    ravineScene([
      { name: 'Heavy ball', rule: momentum({ lr: RATES.nesterov, momentum: value }) },
      { name: 'Nesterov', rule: nesterovRule({ lr: RATES.nesterov, momentum: value }) },
    ]),
  result: ({ momentum: value }, [ball, ahead]) =>
    `Momentum ${value}: heavy ball ${describeRun(ball)}, Nesterov ${describeRun(ahead)}.`,
  isAnswered: ({ momentum: value }) => value >= 0.98,
  measure() {
    const at = (value: number) => computeRuns(nesterov.scene({ momentum: value })).map(updatesOf)
    const [ballHigh, aheadHigh] = at(0.98)
    const [ballLow, aheadLow] = at(0.85)
    return { ballHigh, aheadHigh, ballLow, aheadLow }
  },
  answer: ({ ballHigh, aheadHigh, ballLow, aheadLow }) =>
    `The heavy ball: it needs ${ballHigh} updates, and Nesterov ${aheadHigh}. At 0.85 the heavy ball leads with ${ballLow} to ${aheadLow}.`,
}
