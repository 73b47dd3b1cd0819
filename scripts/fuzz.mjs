// npm run fuzz -- --seconds 600 [--seed 1]: random programs on all engines, until one fails; test/programs has them.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Only now: it is on top of what the set-up builds.
  const { build } = await import('esbuild')
  const outfile = join(root, 'target/programs/fuzz.mjs')
  await build({
    entryPoints: [join(root, 'test/programs/fuzz.ts')],
    ...{ outfile, bundle: true, format: 'esm', platform: 'node', target: 'es2022', packages: 'external' },
    external: [join(root, 'dist/*')],
  })
  const { fuzz } = await import(pathToFileURL(outfile).href)
  return fuzz(process.argv.slice(2), root)
})
