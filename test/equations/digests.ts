/**
 * Prints digests of custom rules on each engine. `npm run test:arm` compares the digests with the digests of another
 * processor.
 */

import { digests, variants } from '../support.js'
import { twins } from './rules.js'

const cases = twins.map(({ name, own, options }) => ({ name, rule: own(options), options: {} }))

console.log(
  JSON.stringify(Object.fromEntries(variants.map((variant) => [variant.name, digests(variant, cases)]))),
)
