/** Other available runtimes and browsers in which programs run. */

import { existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { moduleAliases } from '../../scripts/lib/entries.mjs'
import { type Browser, type Driven, otherBrowsers, PATIENCE } from '../browser-drivers.js'
import { pathOf, runtimes } from '../runtimes.js'
import type { Answer } from './child.js'
import { Host, ProcessHost } from './hosts.js'

const chromiumPath = process.env.CHROME_PATH ?? '/usr/bin/chromium'

const chromiumItself: Browser = {
  name: 'Chromium',
  isThere: existsSync(chromiumPath),
  async launch(): Promise<Driven> {
    const browser = await chromium.launch({
      executablePath: chromiumPath,
      timeout: PATIENCE,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
    })
    const page = await browser.newPage()
    return {
      errors: [],
      open: async (address) => void (await page.goto(address, { timeout: PATIENCE })),
      evaluate: (expression) => page.evaluate(expression) as Promise<never>,
      close: () => browser.close(),
    }
  },
}

/** A browser whose page runs `child.ts` as a script. */
class PageHost extends Host {
  readonly #browser: Browser
  readonly #address: string
  #tab: Promise<Driven> | undefined

  constructor(browser: Browser, address: string) {
    super(browser.name, PATIENCE)
    this.#browser = browser
    this.#address = address
  }

  protected async begin(): Promise<void> {
    this.#tab ??= this.#opened()
    await this.#tab
  }

  protected async answer(source: string): Promise<Answer> {
    const tab = (await this.#tab) as Driven
    return tab.evaluate(`answer(${JSON.stringify(source)})`)
  }

  async #opened(): Promise<Driven> {
    const tab = await this.#browser.launch()
    await tab.open(this.#address)
    return tab
  }

  protected async close(): Promise<void> {
    const tab = this.#tab
    this.#tab = undefined
    await tab?.then(({ close }) => close()).catch(() => {})
  }
}

async function serve(home: string): Promise<Server> {
  const { outputFiles } = await build({
    entryPoints: [join(home, 'test/programs/child.ts')],
    ...{ bundle: true, format: 'esm', target: 'es2022', write: false, logLevel: 'warning' },
    alias: moduleAliases(home),
    // The initial rules are imported only for their side effects.
    ignoreAnnotations: true,
    // Without the import, errors contain no suggestions.
    conditions: ['development'],
  })
  const page = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>'
  const server = createServer(({ url }, response) => {
    const isScript = url === '/app.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? outputFiles[0].text : page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  // The server does not keep the process alive.
  return server.unref()
}

/**
 * @param names the requested environments, or all
 * @param skip receives each missing environment
 */
export async function everywhere(
  home: string,
  names: readonly string[] | null,
  skip: (name: string, why: string) => void,
): Promise<Host[]> {
  const isWanted = ({ name }: { name: string }) => names === null || names.includes(name)
  const hosts: Host[] = []
  for (const name of ['Bun', 'Deno', 'Node 20.0', 'Node 26'] as const) {
    if (!isWanted({ name })) continue
    const program = pathOf(home, runtimes[name])
    if (existsSync(program)) hosts.push(new ProcessHost(name, home, [program, ...runtimes[name].options]))
    else skip(name, 'the tests of the package bring it: npx vitest run test/package/runtimes.test.ts')
  }
  const browsers = [chromiumItself, ...otherBrowsers].filter(isWanted)
  if (browsers.length === 0) return hosts
  const address = `http://127.0.0.1:${((await serve(home)).address() as AddressInfo).port}/`
  for (const browser of browsers) {
    if (browser.isThere) hosts.push(new PageHost(browser, address))
    else skip(browser.name, 'it is not installed')
  }
  return hosts
}
