/** The progress of a sweep as text. */

import { formatCount } from '../../core/text.js'
import type { SweepProgress } from '../../jobs/sweep.js'

/** @param seconds time since the sweep started */
export function describeProgress(
  { sets, totalSets, runs, totalRuns }: SweepProgress,
  seconds: number,
): string {
  return `${sets} of ${totalSets} option sets, ${describeRate('runs', runs, totalRuns, seconds)}`
}

/** @param what plural name of the counted items, such as `fits` */
export function describeRate(what: string, done: number, total: number, seconds: number): string {
  const share = `${formatCount(done)} of ${formatCount(total)} ${what}`
  if (done === 0 || seconds <= 0) return share
  const left = (seconds * (total - done)) / done
  return `${share}, ${formatCount(Math.round(done / seconds))} ${what}/s, ${formatDuration(left)} left`
}

/** A duration as mm:ss, or as h:mm:ss from one hour on. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => `${part}`.padStart(2, '0'))
  const hours = Math.floor(whole / 3600)
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':')
}
