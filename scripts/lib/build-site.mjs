// Builds the documentation site as static files: the pages in docs/, one page per rule, the API reference by TypeDoc,
// and the race and curve-fitting pages.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildPage } from './build-page.mjs'
import { root, run, say } from './run.mjs'

const docs = join(root, 'docs')
const bin = (name) => join(docs, 'node_modules/.bin', name)

/** Installs the packages that only the site needs, which have a separate lockfile. */
async function packages() {
  const lock = readFileSync(join(docs, 'package-lock.json'), 'utf8')
  const stamp = join(docs, 'node_modules/.antigrad')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  say('Installing the packages of the site…')
  await run('npm', ['ci'], { cwd: docs, advice: "Check that npm's registry is reachable." })
  writeFileSync(stamp, lock)
}

/**
 * @param base folder of the host from which the site will be served
 * @param site absolute URL of this folder, with a slash at the end, for previews of links
 */
export async function buildSite(outDir, base = process.env.DOCS_BASE ?? '/', site) {
  await packages()
  say('Building the API reference…')
  await run(bin('typedoc'), [], { cwd: docs })
  say('Building the site…')
  // A larger young generation halves the time of the garbage collector.
  const vitepress = ['--max-semi-space-size=64', 'node_modules/vitepress/bin/vitepress.js']
  const options = { cwd: docs, label: 'vitepress' }
  await run('node', [...vitepress, 'build', '.', '--outDir', outDir, '--base', base], options)
  await buildPage(join(outDir, 'race'), '../docs/', site && `${site}race/`)
}
