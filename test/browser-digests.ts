/** The engines of a browser, and their results of `step` and `stepAsync`, in a page or in a worker. */

import { engines } from 'antigrad'
import { cases } from './cases.js'
import { functionDigests } from './function-digests.js'
import { asyncDigests, digests, rastriginAlongView, sample, variants } from './support.js'

/**
 * Digests of one rule per module. A smaller selection suffices for workers and policies, because pages test all rules.
 */
async function report(chosen = sample) {
  const steps: Record<string, unknown> = {}
  const asyncSteps: Record<string, unknown> = {}
  for (const variant of variants) {
    steps[variant.name] = digests(variant, chosen)
    asyncSteps[variant.name] = await asyncDigests(variant, chosen)
  }
  return { engines: engines(), steps, asyncSteps, functions: functionDigests() }
}

const scope = globalThis as unknown as { document?: object; postMessage(x: unknown): void }
if (scope.document) Object.assign(scope, { report, reportAll: () => report(cases), rastriginAlongView })
else scope.postMessage(await report())
