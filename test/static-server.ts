/** Serves folders on the local machine only, and starts a Chromium that visits the folders. */

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
}

/** A folder of some host. Pages must work without the name of the folder. */
export const FOLDER = '/some/folder/'

export interface Site {
  /** The folder of the page on disk. */
  readonly folder: string
  readonly address: string
  close(): Promise<void>
}

export interface SiteInChromium extends Site {
  readonly browser: Browser
}

/** Serves the files of a folder. */
export async function serveFolder(folder: string, headers: Record<string, string> = {}): Promise<Site> {
  const server = createServer(({ url = '' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const name = pathname.replace(FOLDER, '').replace(/(^|\/)$/, '$1index.html')
    response.setHeaders(new Map(Object.entries(headers)))
    response.setHeader('Content-Type', types[extname(name)] ?? 'text/plain')
    try {
      response.end(readFileSync(join(folder, name)))
    } catch {
      response.writeHead(404).end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    folder,
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}${FOLDER}`,
    close: () => closed(server),
  }
}

/** Chromium's launch options. The set-up stores both paths. Playwright's default timeout of 30 seconds is too short on a busy machine. */
export const chromiumOptions = {
  executablePath: process.env.HEADLESS_SHELL_PATH ?? process.env.CHROME_PATH ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  timeout: 180_000,
}

export async function toChromium(serving: () => Promise<Site>): Promise<SiteInChromium> {
  const site = await serving()
  const browser = await chromium.launch(chromiumOptions)
  return {
    ...site,
    browser,
    async close() {
      await browser.close()
      await site.close()
    },
  }
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
