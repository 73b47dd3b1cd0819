/** Which engines a browser has, and what they compute by `step` and by `stepAsync`; in a page or in a worker. */

import { engines } from 'antigrad'
import { functionDigests } from './function-digests.js'
import { asyncDigests, digests, rastriginAlongView, variants } from './support.js'

async function report() {
  const steps: Record<string, unknown> = {}
  const asyncSteps: Record<string, unknown> = {}
  for (const variant of variants) {
    steps[variant.name] = digests(variant)
    asyncSteps[variant.name] = await asyncDigests(variant)
  }
  return { engines: engines(), steps, asyncSteps, functions: functionDigests() }
}

const scope = globalThis as unknown as { document?: object; postMessage(x: unknown): void }
if (scope.document) Object.assign(scope, { report, rastriginAlongView })
else scope.postMessage(await report())
