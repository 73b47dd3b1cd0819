/** How far a sweep is, in words. */

import type { Progress } from './sweep.js'

/** @param seconds since it began */
export function describeProgress({ sets, ofSets, runs, ofRuns }: Progress, seconds: number): string {
  const done = `${sets} of ${ofSets} option sets, ${grouped(runs)} of ${grouped(ofRuns)} runs`
  if (runs === 0 || seconds <= 0) return done
  const left = (seconds * (ofRuns - runs)) / runs
  return `${done}, ${grouped(Math.round(runs / seconds))} runs/s, ${clock(left)} left`
}

function grouped(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Minutes and seconds, or hours, minutes and seconds. */
function clock(seconds: number): string {
  const whole = Math.ceil(seconds)
  const parts = [Math.floor(whole / 60) % 60, whole % 60].map((part) => `${part}`.padStart(2, '0'))
  const hours = Math.floor(whole / 3600)
  return hours > 0 ? `${hours}:${parts.join(':')}` : parts.join(':')
}
