import { fraction, nonNegative } from '../options/kinds.js'
import { define } from './define.js'
import { type RuleOf, rule } from './rule.js'
import { addWeight, Point, Sgd, warmedUpRate, weightCounters, writeRate } from './schedule-free.js'

/**
 * In the equations, β is the option `momentum`. γ = η, or η·(t/warmupSteps) during the warm-up. c = w/Σw, w = tʳ·γₘₐₓᵖ.
 */
export const definition = define('scheduleFreeSgd', {
  options: {
    /** keep the learning rate constant, because Schedule-Free rules need no schedule */
    lr: 1,
    /** weight β in [0, 1) of x in the gradient point y = (1−β)·z + β·x */
    momentum: fraction(0.9),
    /** λ·y is added to the gradient */
    weightDecay: 0,
    /** ≥ 0: number of updates during which η grows linearly, starting with η/warmupSteps */
    warmupSteps: nonNegative(0),
    /** exponent r ≥ 0 of t in the weights tʳ·γₘₐₓᵖ of the average */
    r: nonNegative(0),
    /** exponent p ≥ 0 of the largest γ so far in the weights tʳ·γₘₐₓᵖ of the average */
    weightLrPower: nonNegative(2),
    maximize: false,
  },
  kernels: [Sgd, Point],
  stages: () => [Sgd],
  point: () => Point,
  wantsPoint: true,
  clock: weightCounters,
  advance(clock, rule, next) {
    addWeight(clock, rule, warmedUpRate(next.t, rule), next)
  },
  coefficients({ momentum, weightDecay }, row, positions) {
    row[positions.oneMinusBeta] = 1 - momentum
    row[positions.lambda] = weightDecay
  },
  corrections(rule, clock, row, positions) {
    writeRate(clock, rule, warmedUpRate(clock.t, rule), row, positions)
  },
  starts: () => ({ z: 'parameters' }),
})

/** Schedule-Free SGD's description; see {@link scheduleFreeSgd}. */
export interface ScheduleFreeSgd extends RuleOf<typeof definition> {}

/**
 * Schedule-Free SGD (Defazio et al., 2024): z ← z − γ·(g + λ·y) and x ← (1−c)·x + c·z, with the gradient g at y =
 * (1−β)·z + β·x. The parameters are the average x, which is the result of the run. **Evaluate the gradient at
 * `optimizer.gradientPoint()`**, which is y. A step without a call of this method throws an error. The rule needs
 * neither a schedule nor the length of the run, because c = w/Σw with w = tʳ·γₘₐₓᵖ. After the warm-up, γ is η.
 *
 * State: z, which starts from the parameters, and the last `point`.
 * @throws OptionError if an option is unknown or out of its range
 */
export const scheduleFreeSgd = rule<ScheduleFreeSgd>(definition)
