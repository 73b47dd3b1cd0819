// npm run table:comparison: writes the figures in the README and on the docs' home page, and the tables in docs/rivals.md from the results of the
// bench.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { comparison, figures, results, withBlock } from './lib/comparison.mjs'
import { root, script } from './lib/run.mjs'

script(async () => {
  const all = results()
  const blocks = [
    ['README.md', 'figures', figures(all)],
    ['docs/index.md', 'figures', figures(all, '')],
    ['docs/rivals.md', 'comparison', comparison(all)],
  ]
  for (const [page, name, block] of blocks) {
    const file = join(root, page)
    writeFileSync(file, withBlock(readFileSync(file, 'utf8'), name, block))
  }
})
