import { adam, adamw } from 'antigrad'
import { ravine } from '../objectives.js'
import { computeRuns, pointOf } from '../runs.js'
import type { Step } from '../step.js'

const format = ([x, y]: readonly number[]) => `(${x.toFixed(2)}, ${y.toFixed(2)})`

export const decay: Step = {
  id: 'decay',
  number: 8,
  title: 'L2 and AdamW',
  claim:
    'Weight decay pulls parameters toward 0. In Adam, a decay that is part of the gradient is divided by the gradient’s size. AdamW applies the decay separately.',
  question: 'The minimum is at (1, 1). Raise the decay. Which one pulls both parameters alike?',
  figure: 'Map of a ravine with the paths of Adam with L2 decay and of AdamW',
  paper: {
    text: 'Loshchilov and Hutter (2019), Decoupled weight decay regularization',
    url: 'https://arxiv.org/abs/1711.05101',
  },
  controls: [{ name: 'decay', label: 'Weight decay', min: 0, max: 2, step: 0.1, value: 0 }],
  card: { decay: 1 },
  scene: ({ decay: weightDecay }) => ({
    objective: ravine(100, 0, [1, 1]),
    view: [-0.2, 1.8, -0.1, 1.5],
    minima: [[1, 1]],
    start: [0, 0],
    contestants: [
      { name: 'Adam with L2', rule: adam({ lr: 0.1, weightDecay }) },
      { name: 'AdamW', rule: adamw({ lr: 0.1, weightDecay }) },
    ],
    maxIterations: 700,
    radius: 0,
  }),
  result({ decay: weightDecay }, runs) {
    const [coupled, decoupled] = runs.map((run) => format(pointOf(run, run.updates)))
    return `Decay ${weightDecay}: Adam with L2 ends at ${coupled}, AdamW at ${decoupled}.`
  },
  isAnswered: ({ decay: weightDecay }) => weightDecay >= 1,
  measure() {
    const [coupled, decoupled] = computeRuns(decay.scene({ decay: 1 })).map((run) =>
      pointOf(run, run.updates),
    )
    return { coupledX: coupled[0], coupledY: coupled[1], decoupledX: decoupled[0], decoupledY: decoupled[1] }
  },
  answer: ({ coupledX, coupledY, decoupledX, decoupledY }) =>
    `AdamW: with a decay of 1 it is at ${format([decoupledX, decoupledY])} after 700 updates. L2 pulls the flat direction and leaves the steep one: ${format([coupledX, coupledY])}.`,
}
