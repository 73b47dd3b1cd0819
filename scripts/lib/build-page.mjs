// Builds the pages as static files.
import { join } from 'node:path'
import { root } from './run.mjs'

/**
 * Builds each page separately. Shared chunks would have to contain everything that either page needs.
 *
 * @param docs relative URL of the docs, such as `../docs/`, if they are published with the pages
 * @param site absolute URL of the folder from which the pages will be served, with a slash at the end; links need it
 * for their previews
 */
export async function buildPage(outDir, docs, site) {
  // Imported here, because the set-up installs it.
  const { build } = await import('vite')
  const { NODE_ENV } = process.env
  // Tests also build for production, without development code.
  process.env.NODE_ENV = 'production'
  if (docs !== undefined) process.env.VITE_DOCS = docs
  if (site !== undefined) process.env.PAGE_SITE = site
  try {
    for (const mode of ['race', 'fit', 'story']) {
      const configFile = join(root, 'page/vite.config.ts')
      await build({ configFile, mode, logLevel: 'warn', build: { outDir, emptyOutDir: mode === 'race' } })
    }
  } finally {
    delete process.env.VITE_DOCS
    delete process.env.PAGE_SITE
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
  }
}
