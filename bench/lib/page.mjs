/** The package in a browser: an empty page that has all of it as `antigrad`, on loopback. */

import { createServer } from 'node:http'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'

/** Bundles and serves it; the working directory is the repository's. */
export async function serve() {
  const { outputFiles } = await build({
    stdin: {
      contents:
        "import * as core from 'antigrad'\nimport * as fits from 'antigrad/fit'\nglobalThis.antigrad = { ...core, ...fits }",
      resolveDir: '.',
    },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
  })
  const server = createServer(({ url }, response) => {
    const isScript = url === '/app.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.end(
      isScript ? outputFiles[0].contents : '<!doctype html><script type="module" src="app.js"></script>',
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}

export const launchChromium = () =>
  chromium.launch({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
