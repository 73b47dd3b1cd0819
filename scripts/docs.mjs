// npm run docs: runs the set-up and builds the documentation site in docs/dist as static files. With --serve, it then
// serves them on this machine only. With --site <URL>, previews of links have absolute URLs.
import { join } from 'node:path'
import { buildSite } from './lib/build-site.mjs'
import { root, say, script } from './lib/run.mjs'
import { siteOf } from './lib/site-url.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  const outDir = join(root, 'docs/dist')
  await buildSite(outDir, undefined, siteOf(process.argv))
  say('The site is in docs/dist: copy this folder to any static file server.')
  if (!process.argv.includes('--serve')) return
  // Imported here, because the set-up installs it.
  const { preview } = await import('vite')
  const server = await preview({ root, configFile: false, build: { outDir }, preview: { host: '127.0.0.1' } })
  say(`The site is at ${server.resolvedUrls.local[0]} (Ctrl-C ends the server).`)
})
