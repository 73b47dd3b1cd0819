/**
 * Prints which engines a runtime has and what they compute; for bun.test.ts and for package/, which run it
 * wherever JavaScript runs.
 */

import { engines } from 'antigrad'
import { digests, variants } from './support.js'

console.log(
  JSON.stringify({
    bun: globalThis.process?.versions?.bun ?? null,
    engines: engines(),
    digests: Object.fromEntries(variants.map((variant) => [variant.name, digests(variant)])),
  }),
)
