/**
 * Prints which engines a runtime has and what they compute; for package/, which runs it wherever JavaScript
 * runs. Another engine than V8 is among them: Bun's JavaScriptCore.
 */

import { engines } from 'antigrad'
import { cases } from './cases.js'
import { functionDigests } from './function-digests.js'
import { manyDigests } from './many-digests.js'
import { digests, sample, variants } from './support.js'

// What bundlers make and workers run is one rule of each module where it works: the page's address says which.
const isAll = globalThis.location === undefined || globalThis.location.search.includes('all')
const chosen = isAll ? cases : sample

console.log(
  JSON.stringify({
    versions: globalThis.process?.versions,
    engines: engines(),
    digests: Object.fromEntries(variants.map((variant) => [variant.name, digests(variant, chosen)])),
    many: Object.fromEntries(variants.map((variant) => [variant.name, manyDigests(variant)])),
    functions: functionDigests(),
  }),
)
