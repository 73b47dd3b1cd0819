// npm run table:nist: fits NIST's certified problems, and writes their table into docs/fits-method.md. The numbers are
// the same on every machine.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { problemsHeading, tableOfProblems } from './lib/nist.mjs'
import { root, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Only now: the set-up is what builds it.
  const antigrad = { ...(await import('../dist/index.js')), ...(await import('../dist/fits/index.js')) }
  const page = join(root, 'docs/fits-method.md')
  const text = readFileSync(page, 'utf8')
  const from = text.indexOf('\n|', text.indexOf(problemsHeading)) + 1
  const to = text.indexOf('\n\n', from)
  const end = to < 0 ? text.length - 1 : to
  writeFileSync(page, text.slice(0, from) + tableOfProblems(antigrad) + text.slice(end))
})
