/**
 * Continues a saved run in another place: in a page as `hop`, or in a runtime that receives the run on standard input.
 */

import { type EngineName, Optimizer } from 'antigrad'
import { brought } from './model/long-run.js'
import { decode, encode, goOn } from './model/resume.js'

export interface Leg {
  /** The output of `encode`. */
  readonly saved: string
  readonly engine: EngineName
  readonly from: number
  readonly to: number
}

export interface Landed {
  readonly saved: string
  readonly engine: EngineName
  readonly runtime: string
}

function hop({ saved, engine, from, to }: Leg): Landed {
  const onWarning = (message: string): never => {
    throw new Error(message)
  }
  const optimizer = Optimizer.load(decode(saved), { engine, onWarning })
  goOn(optimizer as never, from, to)
  const runtime = globalThis.process?.versions.bun ?? globalThis.navigator.userAgent
  return { saved: encode(optimizer.save()), engine: optimizer.engine, runtime }
}

if ('document' in globalThis) Object.assign(globalThis, { hop, brought })
else {
  let leg = ''
  for await (const chunk of process.stdin) leg += chunk
  console.log(JSON.stringify(hop(JSON.parse(leg))))
}
