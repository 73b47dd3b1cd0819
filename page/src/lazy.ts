/** Modules that are loaded on demand. */

import { isSchedule } from './rules.js'

/** Loads the parser of schedules if the value is a schedule. */
export async function loadSchedules(text: unknown): Promise<void> {
  if (isSchedule(text)) (await import('./schedules.js')).readSchedules()
}

/** Loads the parser of custom rules. */
export async function loadCustomRules(): Promise<typeof import('./custom-rule.js')> {
  const part = await import('./custom-rule.js')
  part.readEquations()
  return part
}
