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
    /** A warm-up that lasts until the next schedule begins continues in the next schedule. */
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
 * Several consecutive schedules. Each schedule after the first schedule begins at an element of `boundaries`, and
 * counts t from 0. The schedule is called `join_schedules` in Optax, and `SequentialLR` (with `milestones`) in PyTorch.
 *
 * @param schedules 1 to 100 numbers, schedules or functions
 * @throws OptionError if an element is not a number, a schedule or a function. OptionError also if `boundaries` are not
 * strictly ascending integers ≥ 1, or if their count is not one less than the count of schedules
 */
export const joined: (schedules: readonly Scheduled[], options: Pick<Joined, 'boundaries'>) => Joined =
  schedule(kind)
