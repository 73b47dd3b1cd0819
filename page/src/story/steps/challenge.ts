import { momentum as momentumRule } from 'antigrad'
import { HEAVY_BALL_FIGURE, momentumControl, ravineScene } from '../ravine-scene.js'
import { computeRuns, describeRun, updatesOf } from '../runs.js'
import type { Step } from '../step.js'

/** Number of updates with a momentum of 0.82 at the rate 0.018, as in the step on momentum. */
const TARGET = 51

export const challenge: Step = {
  id: 'challenge',
  title: 'A challenge',
  claim: `In the ravine above, a momentum of 0.82 with a rate of 0.018 arrives after ${TARGET} updates.`,
  question: `With these two sliders, arrive in fewer than ${TARGET} updates.`,
  figure: HEAVY_BALL_FIGURE,
  paper: {
    text: 'Goh (2017), Why momentum really works',
    url: 'https://distill.pub/2017/momentum/',
  },
  controls: [
    { name: 'rate', label: 'Learning rate', min: 0.002, max: 0.04, step: 0.001, value: 0.01 },
    { ...momentumControl, value: 0.5 },
  ],
  isChallenge: true,
  scene: ({ rate, momentum }) =>
    ravineScene([{ name: 'Heavy ball', rule: momentumRule({ lr: rate, momentum }) }], 600),
  result(_, [run]) {
    if (run.arrival === null) return `The ball is ${describeRun(run)}.`.replace('is diverged', 'diverged')
    const verdict = run.arrival < TARGET ? 'Well done!' : `The target is fewer than ${TARGET}.`
    return `The ball arrives after ${describeRun(run)}. ${verdict}`
  },
  isAnswered: (_, [run]) => updatesOf(run) < TARGET,
  measure() {
    let [best, bestRate, bestMomentum] = [Infinity, NaN, NaN]
    // The best settings of the sliders' whole range are in this part.
    for (let rate = 24; rate <= 38; rate++) {
      for (let momentum = 60; momentum <= 90; momentum++) {
        const settings = { rate: rate / 1000, momentum: momentum / 100 }
        const [count] = computeRuns({ ...challenge.scene(settings), maxIterations: 30 }).map(updatesOf)
        if (count < best) [best, bestRate, bestMomentum] = [count, settings.rate, settings.momentum]
      }
    }
    return { best, bestRate, bestMomentum, target: TARGET }
  },
  answer: ({ best, bestRate, bestMomentum }) =>
    `No setting of these sliders arrives in fewer than ${best} updates. A rate of ${bestRate} with a momentum of ${bestMomentum} does: with a larger rate, less momentum is enough.`,
}
