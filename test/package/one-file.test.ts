/** The package in Chromium as one file, by `<script type="module">` alone, and on no server but one of plain files. */

import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as antigrad from 'antigrad'
import { type BrowserServer, chromium } from 'playwright-core'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home } from '../children.js'
import { inBits } from '../helpers.js'

const file = (name: string) => readFileSync(join(home, 'dist/browser', name))

/** What a page does, and this Node: `library` is the module. */
const program = `async (library) => {
  const { adamw, cosine, Optimizer, engines } = library
  const optimizer = new Optimizer({ w: Float32Array.of(1, 2, 3), b: Float32Array.of(0.5) }, adamw({ lr: cosine(0.1, { steps: 9 }) }))
  for (let i = 0; i < 5; i++) optimizer.step({ w: optimizer.params.w.map((x) => x - i), b: Float32Array.of(i / 3) })
  const bits = [...new Uint32Array(Float32Array.from([...optimizer.params.w, ...optimizer.params.b]).buffer)]
  if (!library.fit) return { bits, wasm: engines().wasm.available }
  const other = new Optimizer(Float32Array.of(1, 2, 3), library.lion({ lr: 0.1 }))
  other.step(Float32Array.of(1, -1, 2))
  const { values } = library.fit(library.expression('a*exp(-b*t) + c'), { t: [0, 1, 2, 3, 4, 5], y: [5, 3.1, 2, 1.6, 1.2, 1.1] }, { start: { a: 1, b: 1, c: 0 } })
  return { bits, wasm: engines().wasm.available, other: [...other.params], values }
}`

let server: Server
let origin: string
let launched: BrowserServer

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    const isScript = url.endsWith('.mjs')
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    if (isScript) return response.end(file(url.slice(1)))
    response.end(`<!doctype html><link rel="icon" href="data:,"><script type="module">
      import * as library from '/${url.slice(1)}.mjs'
      console.log(JSON.stringify(await (${program})(library)))
    </script>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  launched = await chromium.launchServer({
    executablePath: process.env.CHROME_PATH ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
}, 300_000)

afterAll(async () => {
  await launched?.close()
  server?.close()
})

test.each(['antigrad', 'optimizer'])('%s.mjs has the bits of Node, in one request', async (name) => {
  const browser = await chromium.connect(launched.wsEndpoint())
  const page = await browser.newPage()
  const requests: string[] = []
  page.on('request', (request) => requests.push(request.url()))
  const printed = new Promise<string>((resolve) => {
    page.on('console', (message) => resolve(message.text()))
    page.on('pageerror', (error) => resolve(`{ "error": ${JSON.stringify(error.message)} }`))
  })
  await page.goto(`${origin}/${name}`)
  const there = JSON.parse(await printed)
  await browser.close()
  expect(requests.map((url) => url.slice(origin.length + 1))).toEqual([name, `${name}.mjs`])
  const library = name === 'antigrad' ? antigrad : { ...antigrad, fit: undefined }
  const here = await new Function(`return ${program}`)()(library)
  expect(inBits(there)).toEqual(inBits(JSON.parse(JSON.stringify(here))))
  expect(there.wasm).toBe(true)
})

test('they have the sizes that docs/everywhere.md says, and import nothing', () => {
  const text = readFileSync(join(home, 'docs/everywhere.md'), 'utf8').replaceAll('\n', ' ')
  for (const name of ['antigrad', 'optimizer']) {
    const said = Number(new RegExp(`\`dist/browser/${name}.mjs\`[^|]*?\\((\\d+) kB`).exec(text)?.[1])
    expect(Math.abs(gzipSync(file(`${name}.mjs`), { level: 9 }).length / 1000 - said), name).toBeLessThan(2)
    expect(`${file(`${name}.mjs`)}`).not.toMatch(/\bimport\s*["'{*]/)
  }
})
