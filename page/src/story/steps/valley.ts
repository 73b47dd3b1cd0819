import { gradientDescent, rosenbrock } from 'antigrad'
import { computeRuns, formatCount, pointOf, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

const objective = rosenbrock()

export const valley: Step = {
  id: 'valley',
  number: 1,
  title: 'The valley',
  claim:
    'Gradient descent follows the steepest slope. It falls into the valley of Rosenbrock’s function at once, and then hardly moves.',
  question: 'It is in the valley after 12 updates. How many more to the star? Drag the count.',
  figure: 'Map of Rosenbrock’s function with the path of gradient descent',
  paper: {
    text: 'Rosenbrock (1960), An automatic method for finding the greatest or least value of a function',
    url: 'https://doi.org/10.1093/comjnl/3.3.175',
  },
  controls: [
    { name: 'updates', label: 'Updates', min: 1, max: 20_000, step: 0.02, isLogarithmic: true, value: 12 },
  ],
  timeControl: 'updates',
  scene: () => ({
    objective,
    view: objective.view,
    minima: [[1, 1]],
    start: [-1.5, 2],
    contestants: [{ name: 'Gradient descent', rule: gradientDescent({ lr: 0.001 }) }],
    maxIterations: 20_000,
    radius: 0.01,
  }),
  result({ updates }, [run]) {
    if (updates >= updatesOf(run)) return `It arrives after ${formatCount(updatesOf(run))} updates.`
    const [x, y] = pointOf(run, updates)
    return `After ${formatCount(updates)} updates, it is ${Math.hypot(x - 1, y - 1).toFixed(2)} from the star.`
  },
  isAnswered: ({ updates }, [run]) => updates >= updatesOf(run),
  measure() {
    const [run] = computeRuns(valley.scene({}))
    const offset = (update: number) => {
      const [x, y] = pointOf(run, update)
      return Math.abs(y - x * x)
    }
    // The first update from which on the point stays within 0.03 of the floor.
    let entry = run.updates
    while (entry > 0 && offset(entry - 1) < 0.03) entry--
    return { entry, more: updatesOf(run) - entry, total: updatesOf(run) }
  },
  answer: ({ entry, more }) =>
    `${formatCount(more)} more after the first ${entry}: the walls of the valley are steep, but its floor is nearly flat.`,
}
