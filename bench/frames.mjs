// node bench/frames.mjs [firefox|webkit|chromium]: measures the race page's frames per second with eight optimizers, as
// the median over ten seconds, in the installed browsers. On a busy machine the figures are lower bounds.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { buildPage } from '../scripts/lib/build-page.mjs'
import { launchChromium } from './lib/page.mjs'
import { serveFolder } from './lib/serve-folder.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

const SECONDS = 10
const rules = ['gradientDescent', 'momentum', 'nesterov', 'sgd', 'adagrad', 'rmsprop', 'adam', 'radam']
const hash = `f=himmelblau&tolerance=0&${rules.map((rule) => `${rule}=lr:0.001`).join('&')}`

/** Counts frames while the race plays, in the page. */
const count = `new Promise((resolve) => {
  const times = []
  const begin = performance.now()
  requestAnimationFrame(function frame(now) {
    times.push(now)
    if (now - begin < ${1000 * SECONDS}) return requestAnimationFrame(frame)
    const gaps = times.slice(1).map((time, i) => time - times[i]).sort((a, b) => a - b)
    const isPlaying = [...document.querySelectorAll('button')].some((it) => it.textContent === 'Pause')
    resolve({ median: 1000 / gaps[gaps.length >> 1], mean: gaps.length / ${SECONDS}, isPlaying })
  })
})`
const isBegun = `document.querySelectorAll('.lines li').length`

async function chromium() {
  const browser = await launchChromium()
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  return {
    open: (url) => page.goto(url),
    evaluate: (text) => page.evaluate(text),
    close: () => browser.close(),
  }
}

/** The drivers of the tests for Firefox and WebKit, which are written in TypeScript. */
async function loadDrivers(folder) {
  const outfile = join(folder, 'drivers.mjs')
  const options = { bundle: true, format: 'esm', platform: 'node', packages: 'external' }
  await build({ entryPoints: ['test/browser-drivers.ts'], outfile, ...options })
  return (await import(outfile)).otherBrowsers
}

async function measure(name, launch, address) {
  const tab = await launch()
  try {
    await tab.open(`${address}#${hash}`)
    for (let tries = 0; (await tab.evaluate(isBegun)) !== rules.length && tries < 600; tries++)
      await new Promise((resolve) => setTimeout(resolve, 100))
    const { median, mean, isPlaying } = await tab.evaluate(count)
    const note = isPlaying ? '' : '; the race was over before the end'
    console.log(`${name}: ${median.toFixed(1)} frames per second (median), ${mean.toFixed(1)} (mean)${note}`)
  } finally {
    await tab.close()
  }
}

const wanted = process.argv.slice(2)
// The bundle of the drivers finds its packages only from inside the repository.
const folder = mkdtempSync(join(process.cwd(), 'bench', '.frames-'))
const pages = mkdtempSync(join(tmpdir(), 'antigrad-page-'))
try {
  await buildPage(pages)
  const site = await serveFolder(pages)
  const others = await loadDrivers(folder)
  console.log(`load before the measurement: ${loadavg()[0].toFixed(2)} on ${cpus().length} cores`)
  const browsers = [
    {
      name: 'Chromium',
      isThere: existsSync(process.env.CHROME_PATH ?? '/usr/bin/chromium'),
      launch: chromium,
    },
    ...others,
  ]
  for (const { name, isThere, launch } of browsers) {
    if (wanted.length > 0 && !wanted.includes(name.toLowerCase())) continue
    if (isThere) await measure(name, launch, site.address)
    else console.log(`${name}: not installed`)
  }
  site.close()
} finally {
  for (const made of [folder, pages]) rmSync(made, { recursive: true })
}
