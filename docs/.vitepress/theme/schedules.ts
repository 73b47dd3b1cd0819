// What ScheduleCurve loads: the library reads the text and computes the values.
import { compile } from '../../../dist/schedules/schedule.js'
import { parseSchedule, updatesOf } from '../../../dist/schedules/text.js'

const [WIDTH, HEIGHT, EDGE] = [640, 200, 4]

export function pointsOf(text: string): { points: string; words: string } {
  const schedule = parseSchedule(text, 'the schedule')
  const last = updatesOf([schedule]) - 1
  const at = compile(schedule)
  const samples = Math.min(WIDTH, last)
  const values = Array.from({ length: samples + 1 }, (_, i) => at(Math.round((i * last) / samples)))
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const y = (value: number) => EDGE + (HEIGHT - 2 * EDGE) * (high > low ? (high - value) / (high - low) : 0.5)
  const points = values.map((value, i) => `${(i * WIDTH) / samples},${y(value)}`).join(' ')
  const words = `from ${low.toPrecision(4)} to ${high.toPrecision(4)}, updates 0 to ${last.toLocaleString('en')}`
  return { points, words }
}
