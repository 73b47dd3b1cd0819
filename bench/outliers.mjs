// node bench/outliers.mjs [count]: how many clean data sets ROUT marks at Q = 1%, and how many outliers it finds. The
// paper (Motulsky and Brown, 2006) reports one or more marks in 1 to 3% of the clean data sets.
import { cases, outliersOf } from './lib/outliers.mjs'

const count = Number(process.argv[2] ?? 10_000)
const percent = (part) => (100 * part).toFixed(2)
console.log(
  '| model and rows | clean sets with marks | outliers found | false marks | s |\n|---|---|---|---|---|',
)
for (const one of cases) {
  const begin = performance.now()
  const clean = outliersOf(one, count, { seed: 1, share: 0 })
  const seconds = ((performance.now() - begin) / 1000).toFixed(1)
  const spoiled = outliersOf(one, Math.ceil(count / 10), { seed: 2, share: 0.05 })
  const row = [clean.sets, spoiled.found, spoiled.wrong].map(percent)
  console.log(`| ${one.name} | ${row.join(' | ')} | ${seconds} |`)
}
