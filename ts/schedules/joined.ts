import { OptionError } from '../core/errors.js'
import { declare, schedule, schedules, updates } from './kind.js'
import { compile, findConstantStart, type Scheduled, warmupSteps } from './schedule.js'
import { reached } from './shapes.js'

/** See {@link joined}. */
export interface Joined {
  readonly schedule: 'joined'
  readonly schedules: readonly Scheduled[]
  /** strictly ascending integers ≥ 1: the updates at which the second schedule and all later schedules begin */
  readonly boundaries: readonly number[]
}

declare module './schedule.js' {
  interface Schedules {
    readonly joined: Joined
  }
}

const kind = declare(
  'joined',
  { schedules: schedules(false), boundaries: updates(1, true) },
  {
    at({ schedules, boundaries }) {
      const parts = schedules.map(compile)
      return (t) => {
        const k = reached(boundaries, t)
        return parts[k](k === 0 ? t : t - boundaries[k - 1])
      }
    },
    constantFrom({ schedules, boundaries }) {
      const last = boundaries.at(-1) ?? 0
      return last + findConstantStart(schedules[schedules.length - 1])
    },
    /** The warm-up of one schedule continues in the next schedule if it lasts until the next schedule begins. */
    warmupSteps({ schedules, boundaries }) {
      let steps = 0
      for (let k = 0; k < schedules.length; k++) {
        const begin = k === 0 ? 0 : boundaries[k - 1]
        if (steps < begin) break
        steps = begin + Math.min(warmupSteps(schedules[k]), (boundaries[k] ?? Infinity) - begin)
      }
      return steps
    },
    check({ schedules, boundaries }, what) {
      if (boundaries.length === schedules.length - 1) return
      const expected = `one boundary for each of the ${schedules.length} schedules except the first`
      throw new OptionError(`${what}: boundaries`, expected, boundaries)
    },
  },
)

/**
 * Several schedules that follow one another. Each schedule after the first one begins at its element of `boundaries`,
 * and each schedule counts t from 0. Optax calls this schedule `join_schedules`, and PyTorch `SequentialLR` with
 * `milestones`.
 *
 * @param schedules 1 to 100 numbers, schedules or functions
 * @throws OptionError if an element is not a number, a schedule or a function. OptionError also if `boundaries` are not
 * strictly ascending integers ≥ 1, one fewer than the schedules
 */
export const joined: (schedules: readonly Scheduled[], options: Pick<Joined, 'boundaries'>) => Joined =
  schedule(kind)
