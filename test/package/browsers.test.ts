/** The package in Chromium, with four bundlers and without a bundler. */

import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { nodeResolve } from '@rollup/plugin-node-resolve'
import * as esbuild from 'esbuild'
import { type Browser, type BrowserServer, chromium, type Page } from 'playwright-core'
import { rollup } from 'rollup'
import { build as vite } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import webpack from 'webpack'
import { home } from '../children.js'
import { functionDigests } from '../function-digests.js'
import { chromiumOptions } from '../static-server.js'
import { digests, reference, sample } from '../support.js'
import { report as files } from './files-program.js'
import { addDigestScript, installed, remove } from './pack.js'

/** Bundles an entry into one file, without a plug-in for WebAssembly. */
const bundlers: Record<string, (folder: string, entry: string, into: string) => Promise<unknown>> = {
  Vite: (folder, entry, into) =>
    vite({
      root: folder,
      logLevel: 'warn',
      configFile: false,
      build: {
        outDir: into,
        rolldownOptions: { input: join(folder, entry), output: { entryFileNames: 'app.js' } },
      },
    }),
  webpack: (folder, entry, path) =>
    new Promise((resolve, reject) => {
      const output = { path, filename: 'app.js' }
      webpack({ context: folder, mode: 'production', entry: `./${entry}`, output }, (error, stats) =>
        error || stats?.hasErrors() ? reject(error ?? new Error(stats?.toString())) : resolve(stats),
      )
    }),
  esbuild: (folder, entry, into) =>
    esbuild.build({
      entryPoints: [join(folder, entry)],
      outfile: join(into, 'app.js'),
      bundle: true,
      minify: true,
      format: 'esm',
      logLevel: 'warning',
    }),
  Rollup: async (folder, entry, into) => {
    const bundle = await rollup({
      input: join(folder, entry),
      plugins: [nodeResolve({ browser: true })],
      onwarn: ({ message }) => {
        throw new Error(message)
      },
    })
    await bundle.write({ file: join(into, 'app.js'), format: 'es' })
  },
}

let folder: string
let server: Server
let origin: string
let launched: BrowserServer
let browser: Browser
const sampled = digests(reference, sample)

beforeAll(async () => {
  folder = await installed({ addon: false })
  const script = await addDigestScript(folder)
  writeFileSync(
    join(folder, 'all.js'),
    `import * as antigrad from 'antigrad'\nglobalThis.antigrad = antigrad\n`,
  )
  mkdirSync(join(folder, 'all'))
  await bundlers.esbuild(folder, 'all.js', join(folder, 'all'))
  for (const [name, bundle] of Object.entries(bundlers)) await bundle(folder, script, join(folder, name))
  cpSync(join(home, 'test/package/files-program.js'), join(folder, 'files-program.js'))
  writeFileSync(
    join(folder, 'files.js'),
    `import { report } from './files-program.js'\nconsole.log(JSON.stringify(report))\n`,
  )
  await bundlers.esbuild(folder, 'files.js', join(folder, 'files'))

  server = createServer(({ url = '' }, response) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const policy = searchParams.get('policy')
    if (policy) response.setHeader('Content-Security-Policy', policy)
    const isScript = pathname.endsWith('.js')
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html')
    if (isScript) response.end(readFileSync(join(folder, pathname)))
    else
      response.end(
        '<!doctype html><link rel="icon" href="data:,"><script type="module" src="app.js"></script>',
      )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  launched = await chromium.launchServer(chromiumOptions)
  browser = await chromium.connect(launched.wsEndpoint())
}, 300_000)

afterAll(async () => {
  await launched?.close()
  server?.close()
  if (folder) remove(folder)
})

/** Opens a page, and passes the page, the page's requests, and the JSON that the page printed. */
async function open<T>(path: string, use: (page: Page, printed: Promise<string>) => Promise<T>) {
  const page = await browser.newPage()
  try {
    const requests: string[] = []
    const errors: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    page.on('pageerror', (error) => errors.push(error.message))
    const printed = new Promise<string>((resolve) =>
      page.on('console', (message) => message.text().startsWith('{') && resolve(message.text())),
    )
    await page.goto(`${origin}/${path}`)
    const result = await use(page, printed)
    expect(errors).toEqual([])
    return { result, requests }
  } finally {
    await page.close()
  }
}

const report = async (_: Page, printed: Promise<string>) => JSON.parse(await printed)

test('a browser saves a run as a Blob with the same bytes as a file in Node', async () => {
  expect((await open('files/', report)).result).toEqual(files)
})

test.each(Object.keys(bundlers))(
  'a browser bundle is a single file, and computes the same bits as TypeScript in Node: %s',
  async (name) => {
    expect(readdirSync(join(folder, name))).toEqual(['app.js'])
    const { result, requests } = await open(`${name}/`, report)
    expect(requests.filter((url) => !url.startsWith('data:'))).toEqual([
      `${origin}/${name}/`,
      `${origin}/${name}/app.js`,
    ])
    expect(result.engines).toMatchObject({
      native: { available: false, reasons: ['builds for browsers have no addon'] },
      wasm: { available: true, reasons: [] },
    })
    expect(result.digests).toEqual({ typescript: sampled, wasm: sampled })
    expect(result.functions).toEqual(functionDigests())
  },
)

test.each(Object.keys(bundlers))(
  'a browser bundle runs batches on web workers that load the same file: %s',
  async (name) => {
    writeFileSync(
      join(folder, 'runs.js'),
      `import { adam, expression, minimizeMany, workers } from 'antigrad'
    const runs = (options) => minimizeMany(expression('(x - 1)^2 + exp(x)'), start, adam(), options)
    const start = { x: Float64Array.from({ length: 3000 }, (_, run) => run / 1000) }
    const [{ x, engineReasons }, alone] = [await runs({ threads: 2, workers: workers() }), await runs({})]
    const said = engineReasons.at(-1)
    console.log(JSON.stringify({ said, isSame: x.x.every((value, run) => value === alone.x.x[run]) }))`,
    )
    await bundlers[name](folder, 'runs.js', join(folder, `${name}-runs`))
    expect(readdirSync(join(folder, `${name}-runs`))).toEqual(['app.js'])
    const { result, requests } = await open(`${name}-runs/`, report)
    expect(result).toEqual({ said: 'workers: 2', isSame: true })
    expect(requests.filter((url) => !/^(data|blob):/.test(url))).toEqual([
      `${origin}/${name}-runs/`,
      `${origin}/${name}-runs/app.js`,
    ])
  },
)

test('in a browser, every rule computes the same bits as TypeScript in Node', async () => {
  const { result } = await open('esbuild/?all', report)
  const expected = digests(reference)
  expect(result.digests).toEqual({ typescript: expected, wasm: expected })
})

test('the TypeScript engine replaces WebAssembly under a strict content security policy, and the report states the reason', async () => {
  const policy = encodeURIComponent("default-src 'none'; script-src 'self'; img-src data:")
  const { result } = await open(`esbuild/?policy=${policy}`, report)
  expect(result.digests).toEqual({ typescript: sampled })
  expect(result.engines.wasm).toMatchObject({
    available: false,
    reasons: [expect.stringMatching(/^the module does not compile: .*(Content Security Policy|unsafe-eval)/)],
  })
  const { result: choice } = await open(`all/?policy=${policy}`, (page) =>
    page.evaluate(() => {
      const { Optimizer, adam } = (globalThis as unknown as { antigrad: typeof import('antigrad') }).antigrad
      const { engine, engineReasons } = new Optimizer(new Float32Array(8), adam())
      return { engine, engineReasons }
    }),
  )
  expect(choice).toMatchObject({
    engine: 'typescript',
    engineReasons: expect.arrayContaining([expect.stringMatching(/^wasm: .*Content Security Policy/)]),
  })
})

test('the package runs in a web worker of a browser', async () => {
  const { result } = await open('all/', async (page, printed) => {
    await page.evaluate(() => void new Worker('/esbuild/app.js', { type: 'module' }))
    return JSON.parse(await printed)
  })
  expect(result.digests).toEqual({ typescript: sampled, wasm: sampled })
})

type Antigrad = typeof import('antigrad')

test('a browser can keep 10,000 small and 200 large optimizers in WebAssembly memory at the same time', async () => {
  const { result } = await open('all/', (page) =>
    page.evaluate(() => {
      const { Optimizer, adam } = (globalThis as unknown as { antigrad: Antigrad }).antigrad
      const make = (length: number) => new Optimizer(new Float32Array(length), adam({ lr: 0.5 }))
      const start = performance.now()
      // A large optimizer has 2 MiB.
      const alive = [10_000, 200].flatMap((count, i) =>
        Array.from({ length: count }, (_, k) => make(i === 0 ? 20 + (k % 80) : 1 << 17)),
      )
      const engines: Record<string, number> = {}
      let wrong = 0
      for (const [i, { engine, grads }] of alive.entries()) {
        engines[engine] = (engines[engine] ?? 0) + 1
        grads.fill(i % 2 === 0 ? 1 : -1)
      }
      for (const optimizer of alive) optimizer.step()
      // Each optimizer has different numbers, so an overlap would be detected.
      for (const [i, { params }] of alive.entries()) {
        if (!params.every((x) => Math.abs(x - (i % 2 === 0 ? -0.5 : 0.5)) < 1e-6)) wrong++
      }
      return { engines, wrong, milliseconds: performance.now() - start, reasons: alive.at(-1)?.engineReasons }
    }),
  )
  expect(result).toMatchObject({ engines: { wasm: 10_200 }, wrong: 0 })
})

test('the memory of a browser stays constant while 100,000 optimizers are created and dropped', async () => {
  const { result } = await open('all/', async (page) => {
    const churn = (count: number) =>
      page.evaluate((count) => {
        const { Optimizer, adam } = (globalThis as unknown as { antigrad: Antigrad }).antigrad
        for (let i = 0; i < count; i++) {
          const optimizer = new Optimizer(new Float32Array(1000).fill(1), adam())
          if (optimizer.engine !== 'wasm') throw new Error(optimizer.engineReasons.join())
          optimizer.step(new Float32Array(1000).fill(1))
        }
      }, count)
    const session = await page.context().newCDPSession(page)
    const resident = () => residentBytes(launched.process().pid as number) / 2 ** 20
    const peaks: number[] = []
    const collected: number[] = []
    for (let i = 0; i < 5; i++) {
      await churn(20_000)
      peaks.push(resident())
      await session.send('HeapProfiler.collectGarbage')
      collected.push(resident())
    }
    return { peaks, collected }
  })
  // The limits are in MiB. All optimizers together take 1,600 MiB.
  const { peaks, collected } = result
  expect(Math.max(...peaks) - collected[0], peaks.join()).toBeLessThan(700)
  expect(Math.max(...collected) - collected[0], collected.join()).toBeLessThan(60)
})

/** Returns the resident memory of a process and its children. An ended process counts as 0. */
function residentBytes(pid: number): number {
  const read = (file: string) => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8').split(' ')
    } catch (thrown) {
      if (/^(ENOENT|ESRCH)$/.test((thrown as NodeJS.ErrnoException).code ?? '')) return []
      throw thrown
    }
  }
  const children = read(`task/${pid}/children`).filter(Boolean)
  const pages = Number(read('statm')[1] ?? 0)
  return children.reduce((sum, child) => sum + residentBytes(Number(child)), pages * 4096)
}
