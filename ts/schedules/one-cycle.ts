import { OptionError } from '../core/errors.js'
import {
  choice,
  flag,
  type GivenOf,
  integerAtLeast,
  positive,
  unitInterval,
  type ValuesOf,
} from '../options/kinds.js'
import { declare, level, type ScheduleOf, schedule } from './kind.js'
import { firstRise, pieces } from './shapes.js'

const fields = {
  value: level(),
  /**
   * ≥ 1: length of the cycle in updates, after which the value is constant; `total_steps` in PyTorch,
   * `transition_steps` in Optax
   */
  steps: integerAtLeast(1),
  /** in [0, 1]: fraction of the updates during which the value rises */
  pctStart: unitInterval(0.3),
  /** shape of the curve: half cosines or straight lines */
  annealStrategy: choice('cos', 'linear'),
  /** > 0: the initial value is value/divFactor */
  divFactor: positive(25),
  /** > 0: the final value is the initial value divided by finalDivFactor */
  finalDivFactor: positive(1e4),
  /**
   * only with `form: 'torch'`: the fall to the initial value takes as many updates as the rise; a fall to the final
   * value follows
   */
  threePhase: flag(false),
  /**
   * `'torch'`, the default, or `'optax'`, whose phases begin one update later, and whose linear form has three phases
   */
  form: choice('torch', 'optax'),
  /**
   * only for Optax's linear form, in [0, 1]: fraction of the updates after which the value is back at the initial value
   */
  pctFinal: unitInterval(0.85),
} as const

type OneCycleValues = ValuesOf<typeof fields>

/** Borders of the phases of the cycle, and the values at these borders. */
function phases({ value, steps, ...options }: OneCycleValues): [number[], number[]] {
  const { pctStart, annealStrategy, divFactor, finalDivFactor, threePhase, form, pctFinal } = options
  const first = value / divFactor
  const last = first / finalDivFactor
  if (form === 'optax') {
    const rise = Math.floor(pctStart * steps)
    if (annealStrategy === 'cos')
      return [
        [0, rise, steps],
        [first, value, last],
      ]
    return [
      [0, rise, Math.floor(pctFinal * steps), steps],
      [first, value, first, last],
    ]
  }
  const rise = pctStart * steps - 1
  if (!threePhase)
    return [
      [0, rise, steps - 1],
      [first, value, last],
    ]
  return [
    [0, rise, 2 * rise, steps - 1],
    [first, value, first, last],
  ]
}

const kind = declare('oneCycle', fields, {
  at(schedule) {
    const [borders, values] = phases(schedule)
    return pieces(borders, values, schedule.annealStrategy === 'cos')
  },
  constantFrom: ({ steps, form }) => (form === 'optax' ? steps : steps - 1),
  warmupSteps: (schedule) => Math.ceil(firstRise(...phases(schedule))),
  check(schedule, what) {
    const [borders] = phases(schedule)
    if (borders.every((border, k) => k === 0 || border > borders[k - 1])) return
    const expected = 'ascending ends of phases from steps, pctStart and pctFinal'
    throw new OptionError(what, expected, borders.join(', '))
  },
})

/** See {@link oneCycle}. */
export interface OneCycle extends ScheduleOf<typeof kind> {}

declare module './schedule.js' {
  interface Schedules {
    readonly oneCycle: OneCycle
  }
}

/**
 * Rises from value/divFactor to `value` and falls to value/divFactor/finalDivFactor within `steps` updates (Smith and
 * Topin, 2018), like PyTorch's `OneCycleLR`. With `form: 'optax'`, the schedule equals Optax's
 * `cosine_onecycle_schedule` or `linear_onecycle_schedule`. The schedule does not cycle the momentum. Pass a separate
 * schedule for the momentum.
 *
 * @throws OptionError if an option is missing, unknown or out of its range, or if a phase has no updates
 */
export const oneCycle: (value: number, options: GivenOf<typeof fields, 'value'>) => OneCycle = schedule(kind)
