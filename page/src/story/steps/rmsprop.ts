import { bowl, rmsprop as rmspropRule } from 'antigrad'
import { computeRuns, pointOf } from '../runs.js'
import type { Run, Step } from '../step.js'

const objective = bowl({ condition: 10 })

/** Distance of the two ends of the swing after the last update. */
const widthOf = (run: Run) => Math.abs(pointOf(run, run.updates)[0] - pointOf(run, run.updates - 1)[0])

export const rmsprop: Step = {
  id: 'rmsprop',
  number: 4,
  title: 'RMSProp',
  claim:
    'RMSProp forgets old gradients and divides by the size of the recent ones. Near the minimum, nothing remains of the gradient except its sign.',
  question: 'How wide does it swing in the end? Drag the learning rate.',
  figure: 'A parabola with the steps of RMSProp',
  paper: {
    text: 'Tieleman and Hinton (2012), Lecture 6.5: rmsprop',
    url: 'https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf',
  },
  controls: [{ name: 'rate', label: 'Learning rate', min: 0.05, max: 1, step: 0.05, value: 0.2 }],
  card: { rate: 0.5 },
  scene: ({ rate }) => ({
    objective,
    view: [-2, 2, -2, 20],
    minima: [[0]],
    start: [-1.5],
    contestants: [{ name: 'RMSProp', rule: rmspropRule({ form: 'essay', lr: rate, alpha: 0.9 }) }],
    maxIterations: 300,
    radius: 0,
  }),
  result: ({ rate }, [run]) =>
    `At ${rate}, it swings ${widthOf(run).toFixed(3)} wide after ${run.updates} updates.`,
  isAnswered: ({ rate }) => rate !== 0.2,
  measure() {
    const width = (rate: number) => widthOf(computeRuns(rmsprop.scene({ rate }))[0])
    return { small: width(0.1), medium: width(0.2), large: width(1) }
  },
  answer: ({ small, medium, large }) =>
    `It swings as wide as the rate: ${small.toFixed(2)} at 0.1, ${medium.toFixed(2)} at 0.2 and ${large.toFixed(2)} at 1. Each step is the rate times the sign of the gradient.`,
}
