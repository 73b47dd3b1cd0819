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
  /** ≥ 1: how many updates it takes; after them it stays. Torch's `total_steps`, Optax's `transition_steps` */
  steps: integerAtLeast(1),
  /** in [0, 1]: the share of them in which it rises */
  pctStart: unitInterval(0.3),
  /** by half cosines, or by straight lines */
  annealStrategy: choice('cos', 'linear'),
  /** > 0: it starts from value/divFactor */
  divFactor: positive(25),
  /** > 0: it ends at that, divided by finalDivFactor */
  finalDivFactor: positive(1e4),
  /** with Torch: falls to where it started in as many updates as it rises, and then to the end */
  threePhase: flag(false),
  /** `'torch'`, the default, or `'optax'`, where the phases begin an update later and straight lines are three */
  form: choice('torch', 'optax'),
  /** with Optax's straight lines, in [0, 1]: the share of updates after which it has fallen to where it started */
  pctFinal: unitInterval(0.85),
} as const

type OneCycleValues = ValuesOf<typeof fields>

/** The ends of phases, and the values there. */
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
    const expected = 'phases of more than 0 updates, one after the other, from steps, pctStart and pctFinal'
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
 * From value/divFactor up to `value` and down to value/divFactor/finalDivFactor within `steps` updates (Smith and
 * Topin, 2018), as Torch's `OneCycleLR`, or with `form: 'optax'` as `cosine_onecycle_schedule` and
 * `linear_onecycle_schedule`. Momentum is not cycled beside it: schedule it as well.
 *
 * @throws OptionError where an option is missing, unknown or out of its range, or a phase has no length
 */
export const oneCycle: (value: number, options: GivenOf<typeof fields, 'value'>) => OneCycle = schedule(kind)
