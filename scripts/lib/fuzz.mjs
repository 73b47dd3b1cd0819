import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from './run.mjs'

/**
 * The program of test/programs, which is on top of what the set-up builds: it can be imported only afterwards.
 *
 * @param node the command in which programs run
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
