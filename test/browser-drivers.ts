/** Drivers for Firefox and WebKit from Linux distributions, which Playwright cannot control. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launch as launchFirefox } from 'puppeteer-core'

/** A tab of a browser. */
export interface Driven {
  /** Opens an address and waits until the page has loaded. */
  open(address: string): Promise<void>
  /** Evaluates an expression in the page. The value must be JSON, and promises are awaited. */
  evaluate<T>(expression: string): Promise<T>
  /** The errors of the tab so far, if the browser reports errors. */
  readonly errors: readonly string[]
  close(): Promise<void>
}

export interface Browser {
  readonly name: string
  readonly isThere: boolean
  launch(): Promise<Driven>
}

/**
 * The timeout for browser actions in milliseconds. At the lowest process priority, three minutes were too short for a
 * start.
 */
export const PATIENCE = 600_000

async function firefox(executablePath: string): Promise<Driven> {
  const browser = await launchFirefox({
    browser: 'firefox',
    executablePath,
    timeout: PATIENCE,
    protocolTimeout: PATIENCE,
  })
  // The first tab never receives the focus.
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('console', (message) => message.type() === 'error' && errors.push(message.text()))
  return {
    errors,
    open: async (address) => void (await page.goto(address, { timeout: PATIENCE })),
    evaluate: (expression) => page.evaluate(expression) as Promise<never>,
    close: () => browser.close(),
  }
}

/**
 * Starts MiniBrowser on a separate virtual screen, controlled by WebDriver. In containers, the language of the browser
 * is 'C'.
 */
async function webkit(driver: string): Promise<Driven> {
  const home = mkdtempSync(join(tmpdir(), 'antigrad-webkit-'))
  const children: ChildProcess[] = []
  const close = async () => {
    for (const child of children.reverse()) {
      if (child.exitCode === null && child.kill()) await once(child, 'exit')
    }
    rmSync(home, { recursive: true, force: true })
  }
  try {
    const screen = ['-displayfd', '3', '-screen', '0', '1280x1000x24', '-nolisten', 'tcp']
    const xvfb = spawn('Xvfb', screen, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] })
    children.push(xvfb)
    const told = xvfb.stdio[3] as NodeJS.ReadableStream
    const [display] = await once(told, 'data', { signal: AbortSignal.timeout(PATIENCE) })
    const port = await freePort()
    const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, DISPLAY: `:${String(display).trim()}` }
    const locale = { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }
    const options = ['--host=127.0.0.1', `--port=${port}`]
    children.push(spawn(driver, options, { env: { ...env, ...locale }, stdio: 'ignore' }))

    const call = async (method: string, path: string, body?: object) => {
      const address = `http://127.0.0.1:${port}${path}`
      const response = await fetch(address, { method, ...(body && { body: JSON.stringify(body) }) })
      const { value } = (await response.json()) as { value: { error?: string; message?: string } }
      if (!response.ok) throw new Error(`${method} ${path}: ${value.error}: ${value.message}`)
      return value
    }
    await listening(port)
    const { sessionId } = (await call('POST', '/session', { capabilities: {} })) as { sessionId: string }
    const session = `/session/${sessionId}`
    // The default width is 1024.
    await call('POST', `${session}/window/rect`, { x: 0, y: 0, width: 1280, height: 1000 })
    await call('POST', `${session}/timeouts`, { script: PATIENCE, pageLoad: PATIENCE })
    return {
      errors: [],
      open: async (url) => void (await call('POST', `${session}/url`, { url })),
      async evaluate<T>(expression: string) {
        const script = `const done = arguments[0]
          Promise.resolve().then(() => (${expression}))
            .then((value) => done({ value }), (thrown) => done({ thrown: String(thrown) }))`
        const result = await call('POST', `${session}/execute/async`, { script, args: [] })
        const { value, thrown } = result as { value: T; thrown?: string }
        if (thrown !== undefined) throw new Error(thrown)
        return value
      },
      async close() {
        await call('DELETE', session).finally(close)
      },
    }
  } catch (thrown) {
    await close()
    throw thrown
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  return (address as { port: number }).port
}

async function listening(port: number): Promise<void> {
  for (let tries = 0; ; tries++) {
    try {
      return void (await fetch(`http://127.0.0.1:${port}/status`))
    } catch (thrown) {
      if (tries * 50 > PATIENCE) throw thrown
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

const paths = {
  Firefox: process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr',
  WebKit: process.env.WEBKIT_DRIVER_PATH ?? '/usr/bin/WebKitWebDriver',
}

const hasXvfb = () => spawnSync('Xvfb', ['-help']).error === undefined

/** The setup installs both browsers if possible. A missing browser is skipped and reported. */
export const otherBrowsers: readonly Browser[] = [
  { name: 'Firefox', isThere: existsSync(paths.Firefox), launch: () => firefox(paths.Firefox) },
  { name: 'WebKit', isThere: existsSync(paths.WebKit) && hasXvfb(), launch: () => webkit(paths.WebKit) },
]

for (const { name, isThere } of otherBrowsers) {
  if (!isThere) console.warn(`NOT RUN: the tests in ${name}, which is not installed.`)
}
