// node bench/page.mjs: measures the time until the race page's map appears in Chromium. It measures three devices: this
// machine, a quarter of its processor with a network of 1.6 Mb/s and 150 ms, and a slow phone. The page is rebuilt and
// served gzipped, with empty caches. The map has appeared when the list has its first optimizer, because the race is
// then drawn and can be played. On a busy machine only the CPU times are meaningful.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPage } from '../scripts/lib/build-page.mjs'
import { launchChromium } from './lib/page.mjs'
import { serveFolder } from './lib/serve-folder.mjs'

const TIMES = 5
const devices = [
  { name: 'as it is', processor: 1, network: null, width: 1280 },
  {
    name: 'a quarter of the processor, 1.6 Mb/s, 150 ms',
    processor: 4,
    network: { latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 75e3 },
    width: 1280,
  },
  {
    name: 'slow phone',
    processor: 6,
    network: { latency: 40, downloadThroughput: 1.6e6 / 8, uploadThroughput: 75e3 },
    width: 390,
  },
]

const folder = mkdtempSync(join(tmpdir(), 'antigrad-page-'))
await buildPage(folder)
const { address, close } = await serveFolder(folder)
const browser = await launchChromium()

/** Milliseconds from the navigation until the map appears, and the CPU time of the page's main thread. */
async function usableAfter({ processor, network, width }) {
  const context = await browser.newContext({ viewport: { width, height: width === 390 ? 844 : 800 } })
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
      `${device.name}, medians of ${TIMES}: the map after ${seconds('time')}; busy for ${seconds('busy')}`,
    )
  }
} finally {
  await browser.close()
  close()
  rmSync(folder, { recursive: true })
}
