/**
 * The process that runs one program per line, or the page in which `answer` runs a program. The caller detects the
 * death of the process.
 */

import { type Arrival, agree, Course } from './engine-agreement.js'
import type { Program } from './program.js'

export interface Answer {
  /** The error, or null if the program passed. */
  readonly message: string | null
  readonly reached: readonly string[]
  readonly trail: Course['trail']
  readonly comparisons: number
  readonly saved: string | null
}

/**
 * @param source a JavaScript expression, because programs contain numbers and keys that JSON lacks
 */
async function answer(source: string): Promise<Answer> {
  let [course, message] = [new Course(), null as string | null]
  try {
    course = await agree(new Function(`return ${source}`)() as Program | Arrival)
  } catch (error) {
    message = error instanceof Error ? `${error.message}\n${error.stack}` : String(error)
  }
  const { reached, trail, comparisons, saved } = course
  return { message, reached: [...reached], trail, comparisons, saved }
}

if ('document' in globalThis) Object.assign(globalThis, { answer })
else {
  const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`)
  say('ready')
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    const lines = (text + chunk).split('\n')
    text = lines.pop() as string
    for (const line of lines) say(await answer(JSON.parse(line)))
  }
}
