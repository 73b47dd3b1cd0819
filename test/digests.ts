/**
 * Prints which engines a runtime has and what they compute; for package/, which runs it wherever JavaScript
 * runs. Another engine than V8 is among them: Bun's JavaScriptCore.
 */

import { engines } from 'antigrad'
import { functionDigests } from './function-digests.js'
import { digests, variants } from './support.js'

console.log(
  JSON.stringify({
    versions: globalThis.process?.versions,
    engines: engines(),
    digests: Object.fromEntries(variants.map((variant) => [variant.name, digests(variant)])),
    functions: functionDigests(),
  }),
)
