// Builds the documentation's site as static files: the pages of docs/, one for each rule, the reference that TypeDoc
// reads from the sources, and the pages of races and fits.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildPage } from './build-page.mjs'
import { root, run, say } from './run.mjs'

const docs = join(root, 'docs')
const bin = (name) => join(docs, 'node_modules/.bin', name)

/** What the site is built with has a lockfile of its own: nobody else needs it. */
async function packages() {
  const lock = readFileSync(join(docs, 'package-lock.json'), 'utf8')
  const stamp = join(docs, 'node_modules/.antigrad')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  say('The packages of the site…')
  await run('npm', ['ci'], { cwd: docs, advice: "Is npm's registry reachable?" })
  writeFileSync(stamp, lock)
}

/** `base` is the folder of the host from which it will be served. */
export async function buildSite(outDir, base = process.env.DOCS_BASE ?? '/') {
  await packages()
  say('The reference…')
  await run(bin('typedoc'), [], { cwd: docs })
  say('The site…')
  await run(bin('vitepress'), ['build', '.', '--outDir', outDir, '--base', base], { cwd: docs })
  await buildPage(join(outDir, 'race'), '../docs/')
}
