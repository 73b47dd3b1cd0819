import { bowl, gradientDescent } from 'antigrad'
import { computeRun, formatCount, pointOf } from '../runs.js'
import type { Run, Step } from '../step.js'

/** The curvature λ of the parabola. */
const CURVATURE = 10
const objective = bowl({ condition: CURVATURE })

/** Whether each of the first steps ends at a higher value than the previous step. */
function climbs(run: Run): boolean {
  for (let t = 1; t <= Math.min(run.updates, 10); t++) {
    if (Math.abs(pointOf(run, t)[0]) <= Math.abs(pointOf(run, t - 1)[0])) return false
  }
  return true
}

export const rate: Step = {
  id: 'rate',
  number: 2,
  title: 'Too large a rate',
  claim:
    'The learning rate scales each step. A small rate is slow, a larger rate crosses to the other side, and a still larger rate climbs out.',
  question: 'At which learning rate does each step land higher than the last?',
  figure: 'A parabola with the steps of gradient descent',
  paper: {
    text: 'Nesterov (2018), Lectures on convex optimization, section 1.2.3',
    url: 'https://doi.org/10.1007/978-3-319-91578-4',
  },
  controls: [{ name: 'rate', label: 'Learning rate', min: 0.01, max: 0.25, step: 0.005, value: 0.05 }],
  card: { rate: 0.185 },
  scene: ({ rate }) => ({
    objective,
    view: [-3, 3, -4, 45],
    minima: [[0]],
    start: [-1.5],
    contestants: [{ name: 'Gradient descent', rule: gradientDescent({ lr: rate }) }],
    maxIterations: 60,
    radius: 0.001,
  }),
  result({ rate }, [run]) {
    if (climbs(run)) return `At ${rate}, each step lands higher than the last.`
    const [after] = pointOf(run, 1)
    const side = after > 0 ? 'crosses to the other side' : 'stays on its side'
    if (run.arrival === null)
      return `At ${rate}, the point ${side} and does not arrive in ${run.updates} updates.`
    return `At ${rate}, the point ${side} and arrives after ${formatCount(run.arrival)} updates.`
  },
  isAnswered: (_, [run]) => climbs(run),
  measure() {
    // Bisection between a rate that descends and a rate that climbs.
    let [low, high] = [0.1, 0.3]
    while (high - low > 1e-9) {
      const middle = (low + high) / 2
      const scene = rate.scene({ rate: middle })
      if (climbs(computeRun(scene, scene.contestants[0]))) high = middle
      else low = middle
    }
    return { limit: Number(high.toFixed(6)), curvature: CURVATURE }
  },
  answer: ({ limit, curvature }) =>
    `Above ${limit}. The limit is 2 divided by the curvature λ, and this parabola has λ = ${curvature}.`,
}
