/** The package in Chromium as a single file with `<script type="module">`, on a server of static files. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { home } from '../children.js'
import { inBits } from '../helpers.js'
import { type SiteInChromium, serveFolder, toChromium } from '../static-server.js'
import { freshFolder, remove } from './pack.js'

const file = (name: string) => readFileSync(join(home, 'dist/browser', name))

/** The program that both the page and the current Node process run. `library` is the imported module. */
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

let site: SiteInChromium

beforeAll(async () => {
  const folder = freshFolder()
  for (const name of ['antigrad', 'optimizer']) {
    writeFileSync(join(folder, `${name}.mjs`), file(`${name}.mjs`))
    writeFileSync(
      join(folder, `${name}.html`),
      `<!doctype html><link rel="icon" href="data:,"><script type="module">
        import * as library from './${name}.mjs'
        console.log(JSON.stringify(await (${program})(library)))
      </script>`,
    )
  }
  site = await toChromium(() => serveFolder(folder))
}, 300_000)

afterAll(async () => {
  await site?.close()
  if (site) remove(site.folder)
})

test.each(['antigrad', 'optimizer'])(
  'a page loads the single file %s.mjs with one request, and computes the same bits as Node',
  async (name) => {
    const page = await site.browser.newPage()
    const requests: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    const printed = new Promise<string>((resolve) => {
      page.on('console', (message) => resolve(message.text()))
      page.on('pageerror', (error) => resolve(`{ "error": ${JSON.stringify(error.message)} }`))
    })
    await page.goto(`${site.address}${name}.html`)
    const there = JSON.parse(await printed)
    await page.close()
    expect(requests.map((url) => url.slice(site.address.length))).toEqual([`${name}.html`, `${name}.mjs`])
    const library = name === 'antigrad' ? { ...core, ...fits } : core
    const here = await new Function(`return ${program}`)()(library)
    expect(inBits(there)).toEqual(inBits(JSON.parse(JSON.stringify(here))))
    expect(there.wasm).toBe(true)
  },
)

test('the single-file builds have the sizes that docs/everywhere.md states, and contain no imports', () => {
  const text = readFileSync(join(home, 'docs/everywhere.md'), 'utf8').replaceAll('\n', ' ')
  for (const name of ['antigrad', 'optimizer']) {
    const said = Number(new RegExp(`\`dist/browser/${name}.mjs\`[^|]*?\\((\\d+) kB`).exec(text)?.[1])
    expect(Math.abs(gzipSync(file(`${name}.mjs`), { level: 9 }).length / 1000 - said), name).toBeLessThan(2)
    expect(`${file(`${name}.mjs`)}`).not.toMatch(/\bimport\s*["'{*]/)
  }
})
