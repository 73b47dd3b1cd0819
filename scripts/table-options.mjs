// npm run table:options: writes docs/rules.md and docs/rules-*.md from the rules, and measures their bundle sizes.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { sizesOf } from './lib/bundle.mjs'
import { rulesPages } from './lib/rules-page.mjs'
import { root, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Imported here, because the set-up builds them.
  const antigrad = await import('../dist/index.js')
  const { definitions } = await import('../dist/rules/definitions.js')
  const { documentation } = await import('../dist/rules/documentation.js')

  const sizes = await sizesOf(Object.keys(definitions))
  for (const [file, text] of Object.entries(rulesPages(antigrad, definitions, documentation, sizes)))
    writeFileSync(join(root, 'docs', file), text)
})
