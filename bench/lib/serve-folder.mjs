/** Serves a folder of static files on loopback, gzipped. */

import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

export async function serveFolder(folder) {
  const server = createServer(({ url = '' }, response) => {
    const name = url.replace(/[?#].*/, '').replace(/\/$/, '/index.html')
    try {
      const content = gzipSync(readFileSync(join(folder, name)))
      response.setHeader('Content-Type', types[extname(name)] ?? 'text/plain')
      response.setHeader('Content-Encoding', 'gzip')
      response.end(content)
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return { address: `http://127.0.0.1:${server.address().port}/`, close: () => server.close() }
}
