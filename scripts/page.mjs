// npm run page: sets everything up, then serves the race page on this machine alone, and follows
// changes of its source. With --build it writes the page to page/dist instead, as static files that
// work from any folder of any host.
import { join } from 'node:path'
import { root, say, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  // Only now: the set-up is what installs it.
  const { build, createServer } = await import('vite')
  const configFile = join(root, 'page/vite.config.ts')
  if (process.argv.includes('--build')) {
    await build({ configFile, logLevel: 'warn' })
    say('The page is in page/dist: copy that folder to wherever files are served.')
    return
  }
  const server = await createServer({ configFile, logLevel: 'warn' })
  await server.listen()
  say(`The race page is at ${server.resolvedUrls.local[0]} (Ctrl-C ends it).`)
})
