/** A Cloudflare Worker that returns the engines of its host and digests of their results. */

import { engines } from 'antigrad'
import { cases } from './cases.js'
import { functionDigests } from './function-digests.js'
import { manyDigests } from './many-digests.js'
import { digests, variants } from './support.js'

const onEach = <T>(digest: (variant: (typeof variants)[number]) => T) =>
  Object.fromEntries(variants.map((variant) => [variant.name, digest(variant)]))

export default {
  fetch: () =>
    Response.json({
      engines: engines(),
      digests: onEach((variant) => digests(variant, cases)),
      many: onEach(manyDigests),
      functions: functionDigests(),
    }),
}
