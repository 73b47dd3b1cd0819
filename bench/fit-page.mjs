// node bench/fit-page.mjs: measures the time from a paste of 20,000 rows to the fit page until the points are drawn, and
// until the curve is drawn, in Chromium. The page is rebuilt. The paste is a key press, and a drawing counts when
// Chromium has begun the next frame. With --profile, it also prints the functions that take the most time. On a busy
// machine only the CPU times are meaningful.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build } from 'vite'
import { root } from '../scripts/lib/run.mjs'
import { launchChromium } from './lib/page.mjs'
import { printProfile } from './lib/profile.mjs'
import { serveFolder } from './lib/serve-folder.mjs'

const TIMES = 5
const ROWS = 20_000

const isProfiled = process.argv.includes('--profile')
const folder = mkdtempSync(join(tmpdir(), 'antigrad-fit-page-'))
process.env.NODE_ENV = 'production'
await build({
  configFile: join(root, 'page/vite.config.ts'),
  mode: 'fit',
  logLevel: 'warn',
  build: { outDir: folder, emptyOutDir: true, minify: !isProfiled },
})
const { address, close } = await serveFolder(folder)
const browser = await launchChromium()

/** A decay with noise of a period that is not in the data, so that every run has the same table. */
const lines = Array.from({ length: ROWS }, (_, i) => {
  const t = i / 2000
  const y = 5 * Math.exp(-0.5 * t) + 0.3 + 0.2 * Math.sin(12.9898 * i)
  return `${t}\t${y.toFixed(5)}`
})
const text = `t\ty\n${lines.join('\n')}\n`

/** Milliseconds from the paste until the points and the curve, and the CPU time of the main thread until the curve. */
async function measure() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const page = await context.newPage()
  const session = await context.newCDPSession(page)
  await session.send('Performance.enable', { timeDomain: 'threadTicks' })
  await page.goto(`${address}fit.html`)
  await page.locator('.curve .fitted').waitFor()
  await page.locator('.found[aria-label="Start and bounds"]').waitFor({ state: 'attached' })
  const area = page.getByLabel('Data (type, paste or drop')
  await area.focus()
  await area.evaluate((element) => element.select())
  await page.evaluate(async (content) => {
    await navigator.clipboard.writeText(content)
    globalThis.times = {}
    const mark = (name) =>
      requestAnimationFrame(() => setTimeout(() => (globalThis.times[name] ??= performance.now())))
    const place = document.querySelector('.curve')
    const look = () => {
      if (!place.querySelector('svg')?.getAttribute('aria-label').startsWith('20000 points')) return
      mark('points')
      if (place.querySelector('.fitted')) mark('curve')
    }
    new MutationObserver(look).observe(place, { childList: true, subtree: true })
    addEventListener('paste', () => (globalThis.times.begin = performance.now()), true)
  }, text)
  const busy = async () => {
    const { metrics } = await session.send('Performance.getMetrics')
    return 1000 * metrics.find(({ name }) => name === 'ThreadTime').value
  }
  if (isProfiled) {
    await session.send('Profiler.enable')
    await session.send('Profiler.setSamplingInterval', { interval: 500 })
    await session.send('Profiler.start')
  }
  const before = await busy()
  await page.keyboard.press('Control+V')
  const found = await page.waitForFunction(() => globalThis.times.curve && globalThis.times, null, {
    timeout: 120_000,
  })
  const { begin, points, curve } = await found.jsonValue()
  const after = await busy()
  if (isProfiled) printProfile((await session.send('Profiler.stop')).profile)
  await context.close()
  return { points: points - begin, curve: curve - begin, busy: after - before }
}

try {
  const times = []
  for (let i = 0; i < (isProfiled ? 1 : TIMES); i++) times.push(await measure())
  const seconds = (name) => {
    const sorted = times.map((one) => one[name] / 1000).sort((a, b) => a - b)
    return `${sorted[sorted.length >> 1].toFixed(2)} s, ${sorted[0].toFixed(2)} s at least`
  }
  console.log(
    `${ROWS} rows, medians of ${times.length}: the points after ${seconds('points')}; the curve after ${seconds('curve')}; busy for ${seconds('busy')}`,
  )
} finally {
  await browser.close()
  close()
  rmSync(folder, { recursive: true })
}
