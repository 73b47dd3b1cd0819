/**
 * Prints the engines of a runtime and digests of their results. The tests in package/ run the program in all runtimes,
 * including Bun with JavaScriptCore. The argument `each` adds each instruction set of the native engine.
 */

import { engines } from 'antigrad'
import { cases } from './cases.js'
import { functionDigests } from './function-digests.js'
import { manyDigests } from './many-digests.js'
import { defaultVariants, digests, sample, variants } from './support.js'

// Bundles and workers run one rule of each module. The address of a page can request all rules.
const isAll = globalThis.location === undefined || globalThis.location.search.includes('all')
const chosen = isAll ? cases : sample
const ways = globalThis.process?.argv?.includes('each') ? variants : defaultVariants

console.log(
  JSON.stringify({
    versions: globalThis.process?.versions,
    engines: engines(),
    digests: Object.fromEntries(ways.map((variant) => [variant.name, digests(variant, chosen)])),
    many: Object.fromEntries(ways.map((variant) => [variant.name, manyDigests(variant)])),
    functions: functionDigests(),
  }),
)
