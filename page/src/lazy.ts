/** What is loaded only where it is wanted. */

import { isSchedule } from './rules.js'

/** Loads what reads schedules, if a text has some. */
export async function loadSchedules(text: unknown): Promise<void> {
  if (isSchedule(text)) (await import('./schedules.js')).readSchedules()
}

/** Loads what reads rules of one's own. */
export async function loadCustomRules(): Promise<typeof import('./custom-rule.js')> {
  const part = await import('./custom-rule.js')
  part.readEquations()
  return part
}
