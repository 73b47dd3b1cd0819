// npm run page: runs the set-up and serves the race page and the curve-fitting page on this machine only, with live
// reload. With --build, it writes the pages to page/dist instead, as static files that work in any folder of any host.
// With --site <URL>, previews of links have absolute URLs.
import { join } from 'node:path'
import { buildPage } from './lib/build-page.mjs'
import { root, say, script } from './lib/run.mjs'
import { siteOf } from './lib/site-url.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  if (process.argv.includes('--build')) {
    await buildPage(join(root, 'page/dist'), undefined, siteOf(process.argv))
    say('The pages are in page/dist: copy this folder to any static file server.')
    return
  }
  // Imported here, because the set-up installs it.
  const { createServer } = await import('vite')
  const configFile = join(root, 'page/vite.config.ts')
  const server = await createServer({ configFile, logLevel: 'warn' })
  await server.listen()
  const [address] = server.resolvedUrls.local
  say(
    `The race page is at ${address}, the curve-fitting page at ${address}fit.html, the story at ${address}story/ (Ctrl-C ends the server).`,
  )
})
