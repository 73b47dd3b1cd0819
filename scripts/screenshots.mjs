// node scripts/screenshots.mjs: builds the pages and takes their screenshots for docs/. They show a race in progress,
// steps of the story and a fit, on a screen and on a phone, in the light and the dark theme. Arguments are prefixes of
// file names to take.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildPage } from './lib/build-page.mjs'
import { root, say, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

/** The displayed update of the initial race: the optimizers are at clearly different positions. */
const UPDATES = 330
/** The steps of the story that are shown. */
const STEPS = [
  ['momentum', 1280, 'dark'],
  ['adam', 390, 'light'],
]
/** Height of the first screen by its width. */
const heights = { 1280: 800, 390: 844 }

script(async () => {
  await setup({ browser: true })
  const { preview } = await import('vite')
  const { chromium } = await import('playwright-core')
  const configFile = join(root, 'page/vite.config.ts')
  const outDir = mkdtempSync(join(tmpdir(), 'antigrad-page-'))
  await buildPage(outDir)
  const server = await preview({ configFile, build: { outDir }, preview: { port: 0 } })
  const browser = await chromium.launch({
    executablePath: process.env.CHROME_PATH,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'],
  })
  try {
    const [address] = server.resolvedUrls.local
    for (const width of [1280, 390]) {
      for (const colorScheme of ['light', 'dark']) {
        await take(
          browser,
          `page-${width}-${colorScheme}`,
          address,
          { width, colorScheme, height: heights[width] },
          begun,
        )
      }
    }
    for (const [step, width, colorScheme] of STEPS) {
      await take(
        browser,
        `story-${step}-${width}-${colorScheme}`,
        `${address}story/${step}/`,
        { width, colorScheme, height: heights[width] },
        (page) => page.locator('.result').filter({ hasText: /\d/ }).waitFor(),
      )
    }
    for (const [width, colorScheme] of [
      [1280, 'light'],
      [390, 'dark'],
    ]) {
      await take(
        browser,
        `fit-${width}-${colorScheme}`,
        `${address}fit.html`,
        { width, colorScheme },
        (page) => page.locator('.curve svg .fitted').waitFor(),
      )
    }
  } finally {
    await browser.close()
    await server.close()
    rmSync(outDir, { recursive: true, force: true })
  }
})

/** Takes a screenshot of the whole page, or of its first screen, once the page is ready. */
async function take(browser, name, address, { width, colorScheme, height: screen }, ready) {
  const wanted = process.argv.slice(2)
  if (wanted.length > 0 && !wanted.some((part) => name.startsWith(part))) return
  const page = await browser.newPage({
    viewport: { width, height: screen ?? (width === 390 ? 3400 : 1900) },
    colorScheme,
    reducedMotion: 'reduce',
  })
  await page.goto(address)
  await ready(page)
  await page.mouse.move(0, 0)
  await page.waitForTimeout(300)
  const height = screen ?? (await page.evaluate(() => document.body.getBoundingClientRect().height))
  const taken = await page.screenshot({ clip: { x: 0, y: 0, width, height } })
  const file = `docs/${name}.png`
  writeFileSync(join(root, file), await smaller(taken))
  say(`${file}: ${Math.round(statSync(join(root, file)).size / 1000)} kB`)
  await page.close()
}

/** Displays an update at which the optimizers are at different positions, and waits for its explanation. */
async function begun(page) {
  await page.waitForFunction(
    (updates) => Number(document.querySelector('.timeline')?.max) >= updates,
    UPDATES,
  )
  await page.locator('.timeline').fill(String(UPDATES))
  await page.evaluate(() => document.activeElement.blur())
  await page.locator('.equation h2').filter({ hasText: 'update 331' }).waitFor()
  // The contours of the first picture are refined after a while.
  await page.waitForTimeout(4000)
}

/** Reduces a PNG to its best 48 colors: a quarter of the size without a visible difference. */
async function smaller(png) {
  const { default: upng } = await import('upng-js')
  const image = upng.decode(png)
  return Buffer.from(upng.encode(upng.toRGBA8(image), image.width, image.height, 48))
}
