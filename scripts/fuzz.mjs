// npm run fuzz -- --seconds 600 [--seed 1]: runs random programs (test/programs) on all engines until one fails. With
// the same arguments, npm run soak also runs them in Bun, Deno, other Node versions and browsers, if available.
import { script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Imported here, because it needs packages that the set-up installs.
  const { fuzz } = await import('./lib/fuzz.mjs')
  return fuzz(process.argv.slice(2))
})
