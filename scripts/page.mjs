// npm run page: sets everything up, then serves the race page and that of fits on this machine alone, and follows
// changes of its source. With --build it writes the page to page/dist instead, as static files that
// work from any folder of any host.
import { join } from 'node:path'
import { buildPage } from './lib/build-page.mjs'
import { root, say, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  if (process.argv.includes('--build')) {
    await buildPage(join(root, 'page/dist'))
    say('The page is in page/dist: copy that folder to wherever files are served.')
    return
  }
  // Only now: the set-up is what installs it.
  const { createServer } = await import('vite')
  const configFile = join(root, 'page/vite.config.ts')
  const server = await createServer({ configFile, logLevel: 'warn' })
  await server.listen()
  const [address] = server.resolvedUrls.local
  say(`The race page is at ${address}, and fits are at ${address}fit.html (Ctrl-C ends it).`)
})
