/** How far a sweep is, in words. */

import { grouped } from '../../ground/text.js'
import type { Progress } from '../../work/sweep.js'

/** @param seconds since it began */
export function describeProgress({ sets, ofSets, runs, ofRuns }: Progress, seconds: number): string {
  return `${sets} of ${ofSets} option sets, ${describeRate('runs', runs, ofRuns, seconds)}`
}

/** @param what is done, for people */
export function describeRate(what: string, done: number, of: number, seconds: number): string {
  const share = `${grouped(done)} of ${grouped(of)} ${what}`
  if (done === 0 || seconds <= 0) return share
  const left = (seconds * (of - done)) / done
  return `${share}, ${grouped(Math.round(done / seconds))} ${what}/s, ${clock(left)} left`
}

/** Minutes and seconds, or hours, minutes and seconds. */
export function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => `${part}`.padStart(2, '0'))
  const hours = Math.floor(whole / 3600)
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':')
}
