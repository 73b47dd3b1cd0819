/** Modules that are loaded on demand. */

import { isMethod, isSchedule, type RuleEntry } from './rules.js'

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

let methods: Promise<typeof import('./methods.js')> | undefined

/** Loads L-BFGS and Newton. */
export function loadMethods(): Promise<typeof import('./methods.js')> {
  methods ??= import('./methods.js').then(
    (part) => {
      part.readMethods()
      return part
    },
    (thrown) => {
      methods = undefined
      throw thrown
    },
  )
  return methods
}

export const haveMethods = (entries: readonly RuleEntry[]): boolean =>
  entries.some(({ rule }) => isMethod(rule))
