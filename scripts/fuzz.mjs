// npm run fuzz -- --seconds 600 [--seed 1]: random programs on all engines, until one fails; test/programs has them.
// npm run soak -- the same: in Bun, Deno, other Nodes and browsers too, as many of them as are there.
import { script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Only now: it takes packages that the set-up brings.
  const { fuzz } = await import('./lib/fuzz.mjs')
  return fuzz(process.argv.slice(2))
})
