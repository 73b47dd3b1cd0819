/**
 * The bits of every rule in Firefox and in WebKit, on both engines, by `step` and `stepAsync`, and of some rules in a
 * worker.
 */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { moduleAliases } from '../../scripts/lib/entries.mjs'
import { type Driven, otherBrowsers } from '../browser-drivers.js'
import { home } from '../children.js'
import { functionDigests } from '../function-digests.js'
import { digests, rastriginAlongView, reference, sample } from '../support.js'

let server: Server
let origin: string
const expected = digests(reference)
const sampled = digests(reference, sample)

beforeAll(async () => {
  const { outputFiles } = await build({
    entryPoints: [join(home, 'test/browser-digests.ts')],
    alias: moduleAliases(home),
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'warning',
  })
  server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const policy = searchParams.get('policy')
    if (policy) response.setHeader('Content-Security-Policy', policy)
    const isScript = pathname === '/app.js'
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    const page = '<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>'
    response.end(isScript ? outputFiles[0].text : page)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterAll(() => server?.close())

const inWorker = (address: string) => `new Promise((resolve, reject) => {
  const worker = new Worker(${JSON.stringify(address)}, { type: 'module' })
  worker.onmessage = ({ data }) => resolve(data)
  worker.onerror = ({ message }) => reject(new Error(message))
})`

describe.each(otherBrowsers)('the browser $name', ({ isThere, launch }) => {
  let tab: Driven

  beforeAll(async () => {
    if (isThere) tab = await launch()
  })

  afterAll(() => tab?.close())

  test.skipIf(!isThere)(
    'computes the same bits in a page as Node, with step and with stepAsync',
    async () => {
      await tab.open(`${origin}/`)
      const report = await tab.evaluate('reportAll()')
      const bits = { typescript: expected, wasm: expected }
      expect(report).toMatchObject({
        engines: { wasm: { available: true, reasons: [] } },
        steps: bits,
        asyncSteps: bits,
        functions: functionDigests(),
      })
      expect(tab.errors).toEqual([])
    },
  )

  test.skipIf(!isThere)('computes the same bits in a web worker as Node', async () => {
    await tab.open(`${origin}/`)
    const bits = { typescript: sampled, wasm: sampled }
    expect(await tab.evaluate(inWorker('/app.js'))).toMatchObject({ steps: bits, asyncSteps: bits })
  })

  test.skipIf(!isThere)(
    "computes the same values and derivatives of Rastrigin's function as Node",
    async () => {
      await tab.open(`${origin}/`)
      const found = await tab.evaluate<number[]>('rastriginAlongView()')
      const different = rastriginAlongView().filter((value, i) => value !== found[i])
      expect(different).toEqual([])
    },
  )

  test.skipIf(!isThere)(
    'reports that WebAssembly cannot run under a strict content security policy',
    async () => {
      const policy = encodeURIComponent("default-src 'none'; script-src 'self'; img-src data:")
      await tab.open(`${origin}/?policy=${policy}`)
      for (const expression of ['report()', inWorker(`/app.js?policy=${policy}`)]) {
        expect(await tab.evaluate(expression)).toMatchObject({
          engines: {
            wasm: {
              available: false,
              reasons: [expect.stringMatching(/^the module does not (compile|start): /)],
            },
          },
          steps: { typescript: sampled },
          asyncSteps: { typescript: sampled },
        })
      }
    },
  )
})
