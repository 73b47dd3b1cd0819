/** The process in which programs run: it may die, which is found out then. */

import { agree } from './agree.js'
import type { Program } from './program.js'

export interface Answer {
  /** What was wrong; null where nothing was. */
  readonly message: string | null
  readonly reached: readonly string[]
}

process.on('message', async (program: Program) => {
  const reached = new Set<string>()
  let message: string | null = null
  try {
    await agree(program, (what) => reached.add(what))
  } catch (error) {
    message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  }
  process.send?.({ message, reached: [...reached] } satisfies Answer)
})
process.send?.('ready')
