// Builds the pages as static files.
import { join } from 'node:path'
import { root } from './run.mjs'

/**
 * Each page by itself: what two share would have to have all that either needs.
 *
 * @param docs the address of the docs from there, such as `../docs/`, if they are there
 */
export async function buildPage(outDir, docs) {
  // Only now: the set-up is what installs it.
  const { build } = await import('vite')
  const { NODE_ENV } = process.env
  // Also where tests build it: what is for development is left out.
  process.env.NODE_ENV = 'production'
  if (docs !== undefined) process.env.VITE_DOCS = docs
  try {
    for (const mode of ['race', 'fit']) {
      const configFile = join(root, 'page/vite.config.ts')
      await build({ configFile, mode, logLevel: 'warn', build: { outDir, emptyOutDir: mode === 'race' } })
    }
  } finally {
    delete process.env.VITE_DOCS
    if (NODE_ENV === undefined) delete process.env.NODE_ENV
    else process.env.NODE_ENV = NODE_ENV
  }
}
