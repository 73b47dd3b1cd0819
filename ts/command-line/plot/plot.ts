/** `antigrad plot`: runs rules on a function of two variables and draws where they went. */

import { OptionError } from '../../core/errors.js'
import { MAX_ITERATIONS } from '../../jobs/limits.js'
import { minimize } from '../../minimize/minimize.js'
import type { Point, TestObjective } from '../../objectives/index.js'
import { enter, profile, type RaceRunSettings as RaceSettings } from '../race.js'
import { describeOptions } from '../report.js'
import { PathPlot } from './picture.js'

export interface PlotSettings extends Omit<RaceSettings, 'engines'> {
  readonly objective: TestObjective
  /** The objective's name, for people. */
  readonly title: string
  readonly start: Point
}

/**
 * The picture of each rule's path, as SVG. Which engine runs is the optimizer's choice: the path is
 * the same.
 *
 * @param onProgress is told what runs next
 * @throws OptionError where a rule has no option of that name or not that value, `maxIterations` is
 * too large, or the start is too far off to be drawn: before anything runs
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
