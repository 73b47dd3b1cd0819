/** Serves an empty page on loopback that has the whole package as the global `antigrad`. */

import { createServer } from 'node:http'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'

/** Bundles and serves the page. The working directory must be the repository. */
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
