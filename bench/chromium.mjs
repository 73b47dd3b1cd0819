// node bench/chromium.mjs: compares Adam's updates per second in Chromium and in Node, as a Markdown table. The engines
// take turns of a tenth of a second each, and the result is the median of seven rounds.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { launchChromium, serve } from './lib/page.mjs'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))

/** The measurement, whose source text runs in Node and in Chromium. */
function measure({ Optimizer, adam }, engines) {
  const rows = {}
  for (const length of [1e3, 1e4, 1e5, 1e6]) {
    const runs = engines.map(([name, options]) => {
      const optimizer = new Optimizer(new Float32Array(length), adam(), options)
      optimizer.grads.fill(0.1)
      return { name, optimizer, batch: 1, rates: [] }
    })
    for (let round = -1; round < 7; round++) {
      for (const run of runs) {
        let done = 0
        const start = performance.now()
        let now = start
        while (now - start < 100) {
          for (let i = 0; i < run.batch; i++) run.optimizer.step()
          done += run.batch
          now = performance.now()
        }
        // Batches of a millisecond make the cost of reading the clock negligible.
        run.batch = Math.max(1, Math.round(done / 100))
        if (round >= 0) run.rates.push((1000 * done) / (now - start))
      }
    }
    for (const { name, rates } of runs) {
      rows[name] ??= []
      rows[name].push(rates.sort((a, b) => a - b)[3])
    }
  }
  return rows
}

const node = `import * as antigrad from 'antigrad'
  console.log(JSON.stringify((${measure})(antigrad, [
    ['native', { engine: 'native' }], ['native, one thread', { engine: 'native', threads: 1 }],
    ['WebAssembly', { engine: 'wasm' }], ['TypeScript', { engine: 'typescript' }]])))`
const inNode = JSON.parse(
  execFileSync(process.execPath, ['--input-type=module', '-e', node], { encoding: 'utf8' }),
)

const { address, close } = await serve()
const browser = await launchChromium()
const page = await browser.newPage()
await page.goto(address)
const inChromium = await page.evaluate(
  `(${measure})(antigrad, [['WebAssembly', { engine: 'wasm' }], ['TypeScript', { engine: 'typescript' }]])`,
)
const version = browser.version()
await browser.close()
close()

const show = (rate) => Math.round(Number(rate.toPrecision(3))).toLocaleString('en')
const lines = [
  ...Object.entries(inNode).map(([name, rates]) => [
    `Node ${process.versions.node}: ${name}`,
    ...rates.map(show),
  ]),
  ...Object.entries(inChromium).map(([name, rates]) => [`Chromium ${version}: ${name}`, ...rates.map(show)]),
]
console.log('| parameters | 10³ | 10⁴ | 10⁵ | 10⁶ |\n|---|--:|--:|--:|--:|')
for (const line of lines) console.log(`| ${line.join(' | ')} |`)
