import { adam, bowl, delayedStart, noise as makeNoise, radam, warmup } from 'antigrad'
import { computeRun } from '../runs.js'
import type { Run, Scene, Step } from '../step.js'

const RATE = 0.1
const STARTS = 200
const UPDATES = 10

/** Root mean square distance of the end points from the starting point, which is the minimum. */
export function spreadOf({ points, dimensions, updates }: Run): number {
  let sum = 0
  for (let i = 0; i < dimensions; i++) sum += points[updates * dimensions + i] ** 2
  return Math.sqrt(sum / STARTS)
}

/**
 * All rules compute each parameter separately, and the noise of each parameter is independent. One run with 400
 * parameters therefore equals 200 runs with two parameters.
 */
function makeScene(noise: number): Scene {
  const contestants = [
    { name: 'Adam', rule: adam({ lr: RATE }) },
    { name: 'Delayed start', rule: delayedStart(UPDATES / 2, adam({ lr: RATE })) },
    { name: 'Warm-up', rule: adam({ lr: warmup(RATE, { steps: UPDATES }) }) },
    { name: 'RAdam', rule: radam({ lr: RATE }) },
  ]
  const scene: Scene = {
    objective: bowl({ condition: 1 }),
    view: [-1, 1, -1, 1],
    minima: [[0, 0]],
    start: new Array(2 * STARTS).fill(0),
    contestants,
    maxIterations: UPDATES,
    radius: 0,
  }
  const clip = { noise: makeNoise({ eta: noise * noise, gamma: 0 }) }
  const runs = () => contestants.map((one, style) => computeRun(scene, { ...one, style }, { clip }))
  return { ...scene, runs }
}

const spreadsAt = (value: number) => makeScene(value).runs?.().map(spreadOf) ?? []

export const noise: Step = {
  id: 'noise',
  number: 9,
  title: 'A noisy start',
  claim:
    'After few noisy gradients, Adam divides by a poor estimate of their size. RAdam waits until the estimate is reliable, and a warm-up or a delayed start has the same purpose.',
  question: 'Which one spreads least after ten updates? Find the noise at which it is RAdam.',
  figure: 'Four clouds of 200 points that start at the minimum, one cloud per method',
  paper: {
    text: 'Liu et al. (2020), On the variance of the adaptive learning rate and beyond',
    url: 'https://arxiv.org/abs/1908.03265',
  },
  controls: [
    { name: 'noise', label: 'Noise', min: 0.01, max: 10, step: 0.05, isLogarithmic: true, value: 3 },
  ],
  card: { noise: 0.1 },
  scene: ({ noise: value }) => makeScene(value),
  result({ noise: value }, runs) {
    const spreads = runs.map((run) => `${run.name} ${spreadOf(run).toPrecision(2)}`)
    return `Noise ${value}, distance from the minimum: ${spreads.join(', ')}.`
  },
  isAnswered: (_, runs) => Math.min(...runs.map(spreadOf)) === spreadOf(runs[3]),
  measure() {
    const [adamSmall, delayedSmall, warmSmall, rectifiedSmall] = spreadsAt(0.1)
    const [adamLarge, delayedLarge, warmLarge, rectifiedLarge] = spreadsAt(3)
    // Bisection for the noise from which on RAdam no longer spreads least.
    let [low, high] = [0.1, 3]
    while (high / low > 1.001) {
      const middle = Math.sqrt(low * high)
      const spreads = spreadsAt(middle)
      if (Math.min(...spreads) === spreads[3]) low = middle
      else high = middle
    }
    return {
      ...{ adamSmall, delayedSmall, warmSmall, rectifiedSmall },
      ...{ adamLarge, delayedLarge, warmLarge, rectifiedLarge, limit: Number(high.toPrecision(2)) },
    }
  },
  answer: ({ adamSmall, warmSmall, rectifiedSmall, adamLarge, rectifiedLarge, limit }) =>
    `RAdam, if the noise is below ${limit}: at 0.1 its distance is ${rectifiedSmall.toPrecision(2)}, with a warm-up ${warmSmall.toPrecision(2)}, and with Adam ${adamSmall.toPrecision(2)}. Above, the claim of the paper fails here: RAdam’s first five steps are not divided by the size of the gradient. At a noise of 3, RAdam’s distance is ${rectifiedLarge.toPrecision(2)} and Adam’s ${adamLarge.toPrecision(2)}.`,
}
