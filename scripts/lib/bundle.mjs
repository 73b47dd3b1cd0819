// What a page of a few lines weighs, as the README and docs/rules.md say it.
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from './run.mjs'

/** @returns bytes of a module, as if in that folder, that esbuild has bundled and minified for browsers, gzipped */
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

/** @returns by rule, bytes that a page has with Optimizer and it, and how many more with it than with adamw alone */
export async function sizesOf(rules) {
  const withRules = (...names) => bundledSize(`export { Optimizer, ${names.join(', ')} } from 'antigrad'`)
  const usual = await withRules('adamw')
  const sizes = { adamw: [usual, 0] }
  for (const rule of rules) {
    sizes[rule] ??= [await withRules(rule), (await withRules('adamw', rule)) - usual]
  }
  return sizes
}
