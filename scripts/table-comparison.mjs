// npm run table:comparison: writes the README's figures from the results of the bench.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { figures, results, withBlock } from './lib/comparison.mjs'
import { root, script } from './lib/run.mjs'

script(async () => {
  const all = results()
  const readme = join(root, 'README.md')
  writeFileSync(readme, withBlock(readFileSync(readme, 'utf8'), 'figures', figures(all)))
})
