import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from './run.mjs'

/**
 * Runs the fuzzer of test/programs. It imports the built package, so it can only be loaded after the set-up.
 *
 * @param node command that runs the programs
 */
export async function fuzz(args, node = [process.execPath]) {
  const outfile = join(root, 'target/programs/fuzz.mjs')
  await build({
    entryPoints: [join(root, 'test/programs/fuzz.ts')],
    ...{ outfile, bundle: true, format: 'esm', platform: 'node', target: 'es2022', packages: 'external' },
    external: [join(root, 'dist/*')],
  })
  const { fuzz } = await import(pathToFileURL(outfile).href)
  return fuzz(args, root, node)
}
