// Code that ScheduleCurve loads on demand: the library parses the text and computes the values.
import { parseSchedule } from '../../../dist/schedules/text.js'
import { computeScheduleCurve } from '../../../page/src/schedule-curve.js'

export function pointsOf(text: string): { points: string; words: string } {
  const { points, low, high, last } = computeScheduleCurve(parseSchedule(text, 'the schedule'), [640, 200, 4])
  const words = `from ${low.toPrecision(4)} to ${high.toPrecision(4)}, updates 0 to ${last.toLocaleString('en')}`
  return { points, words }
}
