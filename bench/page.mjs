// node bench/page.mjs: measures the time until the race page is usable in Chromium. It measures on this machine, and on
// an emulated slow phone with a six times slower processor and a network of 1.6 Mb/s. The page is rebuilt and served
// gzipped, with empty caches. It is usable when the list has its first optimizer, because the race is then drawn and can be
// played. On a busy machine only the CPU times are meaningful.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { buildPage } from '../scripts/lib/build-page.mjs'
import { launchChromium } from './lib/page.mjs'

const TIMES = 5
const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }
const devices = [
  { name: 'as it is', processor: 1, network: null },
  {
    name: 'slow phone',
    processor: 6,
    network: { latency: 40, downloadThroughput: 1.6e6 / 8, uploadThroughput: 75e3 },
  },
]

const folder = mkdtempSync(join(tmpdir(), 'antigrad-page-'))
await buildPage(folder)
const server = createServer(({ url = '' }, response) => {
  const name = url.replace(/[?#].*/, '').replace(/^\/$/, '/index.html')
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
const address = `http://127.0.0.1:${server.address().port}/`
const browser = await launchChromium()

/** Milliseconds from the navigation until the page is usable, and the CPU time of the page's main thread. */
async function usableAfter({ processor, network }) {
  const context = await browser.newContext({ viewport: processor > 1 ? { width: 390, height: 844 } : null })
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await session.send('Emulation.setCPUThrottlingRate', { rate: processor })
  if (network) {
    await session.send('Network.enable')
    await session.send('Network.emulateNetworkConditions', { offline: false, ...network })
  }
  await page.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('.lines li')) return
      observer.disconnect()
      requestAnimationFrame(() => setTimeout(() => (globalThis.usable = performance.now())))
    }).observe(document, { childList: true, subtree: true })
  })
  await page.goto(address)
  const found = await page.waitForFunction(() => globalThis.usable, null, { timeout: 120_000 })
  const time = await found.jsonValue()
  const { metrics } = await session.send('Performance.getMetrics')
  await context.close()
  return { time, busy: 1000 * metrics.find(({ name }) => name === 'ThreadTime').value }
}

try {
  for (const device of devices) {
    const times = []
    for (let i = 0; i < TIMES; i++) times.push(await usableAfter(device))
    const seconds = (name) => {
      const sorted = times.map((found) => found[name] / 1000).sort((a, b) => a - b)
      return `${sorted[TIMES >> 1].toFixed(2)} s, ${sorted[0].toFixed(2)} s at least`
    }
    console.log(
      `${device.name}, medians of ${TIMES}: usable after ${seconds('time')}; busy for ${seconds('busy')}`,
    )
  }
} finally {
  await browser.close()
  server.close()
  rmSync(folder, { recursive: true })
}
