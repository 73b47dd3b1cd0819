// Builds the pages as static files.
import { join } from 'node:path'
import { root } from './run.mjs'

/** Each page by itself: what two share would have to have all that either needs. */
export async function buildPage(outDir) {
  // Only now: the set-up is what installs it.
  const { build } = await import('vite')
  for (const mode of ['race', 'fit']) {
    const configFile = join(root, 'page/vite.config.ts')
    await build({ configFile, mode, logLevel: 'warn', build: { outDir, emptyOutDir: mode === 'race' } })
  }
}
