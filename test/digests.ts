/** Prints which runtime runs it, which engines it has and what they compute; for bun.test.ts. */

import { engines } from 'antigrad'
import { digests, variants } from './support.js'

const { native, wasm } = engines()

console.log(
  JSON.stringify({
    bun: process.versions.bun ?? null,
    reasons: [...wasm.reasons, ...native.reasons],
    digests: Object.fromEntries(variants.map((variant) => [variant.name, digests(variant)])),
  }),
)
