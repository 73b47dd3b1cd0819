// node bench/unknowns.mjs [count]: the coverage of the 95% intervals of `inverse` on simulated standard curves.
import { cases, coverageOfUnknowns } from './lib/unknowns.mjs'

const count = Number(process.argv[2] ?? 2000)
const percent = (part) => (100 * part).toFixed(2)
console.log('| standard curve | interval | value ± t·error | no interval |\n|---|---|---|---|')
for (const one of cases) {
  const { inside, delta, failed } = coverageOfUnknowns(one, count, 54)
  console.log(`| ${one.name} | ${[inside, delta, failed].map(percent).join(' | ')} |`)
}
