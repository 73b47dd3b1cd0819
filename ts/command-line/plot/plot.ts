/** `antigrad plot`: runs rules on a function of two variables and draws their paths. */

import { OptionError } from '../../core/errors.js'
import { MAX_ITERATIONS } from '../../jobs/limits.js'
import { minimize } from '../../minimize/minimize.js'
import type { Point, TestObjective } from '../../objectives/index.js'
import { enter, profile, type RaceRunSettings as RaceSettings } from '../race.js'
import { describeOptions } from '../report.js'
import { PathPlot } from './picture.js'

export interface PlotSettings extends Omit<RaceSettings, 'engines'> {
  readonly objective: TestObjective
  /** The objective's name in the title. */
  readonly title: string
  readonly start: Point
}

/**
 * Draws the path of each rule as SVG. The optimizer chooses the engine, because every engine takes the same path.
 *
 * @param onProgress called with the name of the next rule
 * @throws OptionError, before any rule runs, if a rule lacks an option or does not accept the option's value
 * @throws OptionError if `maxIterations` is too large, or if the starting point is too far away to be drawn
 */
export function plot(settings: PlotSettings, onProgress: (what: string) => void = () => {}): string {
  const { objective, title, start, rules, overrides, dtype, tolerance, maxIterations } = settings
  if (!(maxIterations <= MAX_ITERATIONS)) {
    throw new OptionError('maxIterations', `at most ${MAX_ITERATIONS}`, maxIterations)
  }
  const picture = new PathPlot(title, objective, start)
  const path = new Float64Array(2 * (maxIterations + 1))
  path.set(start)
  for (const entry of enter(rules, overrides)) {
    onProgress(entry.name)
    let end = 2
    const callback = (x: ArrayLike<number>, iteration: number) => {
      path.set(x, 2 * iteration)
      end = 2 * (iteration + 1)
    }
    const { clip } = entry
    const result = minimize(objective, start, entry.rule, { clip, dtype, tolerance, maxIterations, callback })
    picture.add({
      ...result,
      name: entry.name,
      options: describeOptions(profile(entry)),
      path: path.subarray(0, end),
    })
  }
  return picture.toSvg()
}
