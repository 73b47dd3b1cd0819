// npm run table:nist: fits NIST's certified problems, and writes their table into docs/fits.md. The numbers are
// identical on all machines.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { problemsHeading, tableOfProblems } from './lib/nist.mjs'
import { root, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Imported here, because the set-up builds it.
  const antigrad = { ...(await import('../dist/index.js')), ...(await import('../dist/fits/index.js')) }
  const page = join(root, 'docs/fits.md')
  const text = readFileSync(page, 'utf8')
  const from = text.indexOf('\n|', text.indexOf(problemsHeading)) + 1
  const to = text.indexOf('\n\n', from)
  const end = to < 0 ? text.length - 1 : to
  writeFileSync(page, text.slice(0, from) + tableOfProblems(antigrad) + text.slice(end))
})
