/**
 * Batches and fits on workers in browsers. The results have the same bits with workers and without workers, and also in
 * calls that cannot use workers.
 */

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type Browser, chromium as playwright } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moduleAliases } from '../../scripts/lib/entries.mjs'
import { type Driven, otherBrowsers } from '../browser-drivers.js'
import { home } from '../children.js'
import { chromiumOptions } from '../static-server.js'
import { workerDigests } from '../worker-digests.js'

let server: Server
let origin: string
let alone: Awaited<ReturnType<typeof workerDigests>>

/** Scripts at the address of a worker. */
const scripts: Record<string, string> = {
  '/worker.js': readFileSync(join(home, 'dist/browser/worker.js'), 'utf8'),
  '/other.js': 'postMessage({})',
  '/broken.js': 'this is no script',
}

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(home, 'test/worker-runs.ts')],
    alias: moduleAliases(home),
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'warning',
  })
  scripts['/app.js'] = outputFiles[0].text
  server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const policy = searchParams.get('policy')
    if (policy) response.setHeader('Content-Security-Policy', policy)
    const script = scripts[pathname]
    if (pathname === '/missing.js') response.statusCode = 404
    response.setHeader('Content-Type', script === undefined ? 'text/html' : 'text/javascript')
    const page = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>'
    response.end(script ?? page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  alone = await workerDigests({ engine: 'wasm' })
}, 120_000)

afterAll(() => server?.close())

let chromium: Browser | undefined

const ofChromium = {
  name: 'Chromium',
  isThere: true,
  async launch(): Promise<Driven> {
    chromium = await playwright.launch(chromiumOptions)
    const page = await chromium.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    return {
      errors,
      open: async (address) => void (await page.goto(address)),
      evaluate: (expression) => page.evaluate(expression) as Promise<never>,
      close: () => (chromium as Browser).close(),
    }
  },
}

const strict = (...others: string[]) =>
  `/?policy=${encodeURIComponent(["default-src 'none'", ...others, 'img-src data:'].join('; '))}`

// WebKit ends when memory is short, which is not an error of antigrad. The browser is restarted once.
describe.each([ofChromium, ...otherBrowsers])(
  'web workers in $name',
  { retry: 1 },
  ({ name, isThere, launch }) => {
    let tab: Driven
    const open = async (address: string) => {
      await tab.open(address).catch(async () => {
        tab = await launch()
        await tab.open(address)
      })
    }

    beforeAll(async () => {
      if (isThere) tab = await launch()
    })

    afterAll(() => tab?.close())

    // The number of workers affects no part that depends on the browser.
    test.skipIf(!isThere).each(name === 'Chromium' ? [1, 2, 3] : [2])(
      'compute the same bits with %i workers',
      { timeout: 120_000 },
      async (threads) => {
        await open(`${origin}/`)
        const { hashes, said } = await tab.evaluate<typeof alone>(`digests(${threads})`)
        expect(hashes).toEqual(alone.hashes)
        expect(said).toContain(`workers: ${threads}`)
        expect(tab.errors).toEqual([])
      },
    )

    test.skipIf(!isThere)(
      'report the same progress and errors as a computation in the main thread',
      async () => {
        await open(`${origin}/`)
        const told = await tab.evaluate<[done: number, total: number][]>('progress()')
        expect(told.map(([, total]) => total)).toEqual(told.map(() => 150_000))
        const done = told.map(([done]) => done)
        expect(done).toEqual([...done].sort((a, b) => a - b))
        // The end of each batch is reported. Within a batch, a timer reports progress.
        expect(done).toEqual(expect.arrayContaining([65_536, 131_072, 150_000]))
        expect(await tab.evaluate('short({ tolerance: -1 })')).toMatchObject({
          name: 'OptionError',
          isOurs: true,
        })
        expect(await tab.evaluate('short({ workers: {} })')).toMatchObject({
          message: expect.stringMatching(/^workers: expected workers\(\), got /),
        })
      },
    )

    test.skipIf(!isThere)('stop the work of an aborted call, and then run the next call', async () => {
      await open(`${origin}/`)
      const { result, told, waited } = await tab.evaluate<{ result: object; told: number[]; waited: number }>(
        'aborted()',
      )
      expect(result).toMatchObject({ message: 'enough', isOurs: false })
      // A timer reports progress, and no run ends without a call.
      expect(told.filter((done) => done > 0)).toEqual([])
      expect(waited).toBeLessThan(5_000)
      expect(await tab.evaluate('short()')).toMatchObject({ value: { isSame: true, said: ['workers: 2'] } })
    })

    test.skipIf(!isThere)('are shared by many concurrent calls', async () => {
      await open(`${origin}/`)
      expect(await tab.evaluate('crowd(60)')).toBe(60)
    })

    test.skipIf(!isThere)(
      'start from a URL under a strict content security policy that forbids inline workers',
      async () => {
        await open(origin + strict("script-src 'self' 'wasm-unsafe-eval'", "worker-src 'self'"))
        expect(await tab.evaluate('short()')).toMatchObject({
          value: {
            isSame: true,
            said: [expect.stringMatching(/^workers: none starts, and all runs on this thread: ./)],
          },
        })
        expect(await tab.evaluate("short({}, '/worker.js')")).toMatchObject({
          value: { isSame: true, said: ['workers: 2'] },
        })
      },
    )

    test.skipIf(!isThere).each(['/other.js', '/broken.js', '/missing.js', '/index.html', 'no://where'])(
      "are not used if %s is not the library's worker, and the report states the reason",
      async (url) => {
        await open(`${origin}/`)
        expect(await tab.evaluate(`short({}, '${url}')`)).toMatchObject({
          value: {
            isSame: true,
            said: [expect.stringMatching(/^workers: none starts, and all runs on this thread: ./)],
          },
        })
      },
    )
  },
)

describe('idle web workers end', () => {
  beforeAll(async () => void (await ofChromium.launch()))
  afterAll(() => chromium?.close())

  test('two seconds after the last call, and start again on the next call', async () => {
    const page = await (chromium as Browser).newPage()
    await page.goto(`${origin}/`)
    for (let k = 0; k < 2; k++) {
      await page.evaluate('short()')
      expect(page.workers().length).toBe(2)
      await expect.poll(() => page.workers().length).toBe(0)
    }
    await page.evaluate('aborted()')
    await expect.poll(() => page.workers().length).toBe(0)
  })

  test('together with a page that is closed during a call', async () => {
    const page = await (chromium as Browser).newPage()
    await page.goto(`${origin}/`)
    await page.evaluate('endless()')
    await expect.poll(() => page.workers().length).toBe(2)
    const ended = Promise.all(
      page.workers().map((worker) => new Promise((resolve) => worker.once('close', resolve))),
    )
    await page.close()
    await ended
  })
})
