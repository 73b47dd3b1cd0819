// Bundle sizes of small pages, as stated in the README and docs/rules.md.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from './run.mjs'

/** @returns the gzipped size in bytes of a module in that folder, bundled and minified by esbuild for browsers */
export async function bundledSize(source, folder = root) {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: folder },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'warning',
  })
  return gzipSync(outputFiles[0].contents, { level: 9 }).length
}

/** @returns per rule, bytes of a page with Optimizer and the rule, and additional bytes if the page already has adamw */
export async function sizesOf(rules) {
  const withRules = (...names) => bundledSize(`export { Optimizer, ${names.join(', ')} } from 'antigrad'`)
  const usual = await withRules('adamw')
  const sizes = { adamw: [usual, 0] }
  for (const rule of rules) {
    sizes[rule] ??= [await withRules(rule), (await withRules('adamw', rule)) - usual]
  }
  return sizes
}
