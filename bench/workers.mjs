// node bench/workers.mjs [--rounds 9]: compares many runs and fits on workers with the page's main thread, in Chromium
// and Firefox, as a Markdown table. All variants take turns, and the fastest of all rounds counts.
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { launch } from 'puppeteer-core'
import { launchChromium, serve } from './lib/page.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const { rounds } = parseArgs({ options: { rounds: { type: 'string', default: '5' } } }).values
const counts = [0, 1, 2]

/**
 * Measures the milliseconds of each task for each number of workers. The source text of this function runs in pages.
 */
async function measure({ adam, expression, fitMany, minimizeMany, workers }, counts, rounds) {
  const hill = expression('sin(x)*cos(y) + exp(-x^2)')
  const column = (k, count) => Float64Array.from({ length: count }, (_, run) => ((run * k) % 97) / 50)
  const starts = { x: column(31, 16_000), y: column(17, 16_000) }
  const valley = expression('(1 - x)^2 + 100*(y - x^2)^2')
  const model = expression('a*exp(-b*t) + c')
  const t = column(1, 50)
  const y = Array.from({ length: 8_000 }, (_, fit) =>
    t.map((x, k) => 2 * Math.exp(-x * (0.5 + (fit % 7) / 7)) + 0.01 * ((k * fit) % 11)),
  )
  const start = { a: 1, b: 1, c: 0 }
  const works = {
    'runs of 500 updates, sin, cos and exp': (options) =>
      minimizeMany(hill, starts, adam(), { tolerance: 0, maxIterations: 500, ...options }),
    'runs until they converge, Rosenbrock': (options) =>
      minimizeMany(valley, starts, adam({ lr: 0.1 }), { ...options }),
    'fits, 50 rows': (options) => fitMany(model, { t, y }, { start, ...options }),
  }
  const least = {}
  for (let round = 0; round <= rounds; round++) {
    for (const [name, work] of Object.entries(works)) {
      least[name] ??= counts.map(() => Infinity)
      for (const [k, threads] of counts.entries()) {
        const began = performance.now()
        await work(threads === 0 ? {} : { threads, workers: workers() })
        // The first round includes compilation and the start of workers.
        if (round > 0) least[name][k] = Math.min(least[name][k], performance.now() - began)
      }
    }
  }
  return least
}

const { address, close } = await serve()
const browsers = {
  Chromium: launchChromium,
  Firefox: () =>
    launch({
      browser: 'firefox',
      executablePath: process.env.FIREFOX_PATH ?? '/usr/bin/firefox-esr',
      protocolTimeout: 1_800_000,
    }),
}
console.log(
  '| | ms on its own thread | on one worker | on two | one to two | own to two |\n|---|--:|--:|--:|--:|--:|',
)
for (const [name, start] of Object.entries(browsers)) {
  const browser = await start()
  const page = await browser.newPage()
  await page.goto(address)
  const least = await page.evaluate(`(${measure})(antigrad, ${JSON.stringify(counts)}, ${rounds})`)
  await browser.close()
  for (const [what, [own, one, two]] of Object.entries(least)) {
    const times = [own, one, two].map((time) => time.toFixed(0))
    console.log(
      `| ${name}: ${what} | ${[...times, (one / two).toFixed(2), (own / two).toFixed(2)].join(' | ')} |`,
    )
  }
}
close()
