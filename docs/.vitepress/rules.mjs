// One page per rule: its section of docs/rules.md, its equations, convergence plots and cost.
import { readFileSync } from 'node:fs'
import { definitions } from '../../dist/rules/definitions.js'
import { documentation } from '../../dist/rules/documentation.js'
import { rulePage, sizesIn } from '../../scripts/lib/rules-page.mjs'
import { curves } from './curves.mjs'
import { mathml } from './mathml.mjs'

const antigrad = await import('../../dist/index.js')

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Renders an equation after its words, which end at a colon. Other text stays as it is. */
function equation(text) {
  const parts = text.replace(/\.$/, '').split(': ')
  for (let k = 0; k < parts.length; k++) {
    const math = mathml(parts.slice(k).join(': '))
    if (math === null) continue
    const words = parts.slice(0, k).join(': ')
    return `${words && `${words}:\n\n`}<div class="equations" v-pre>${math}</div>`
  }
  return text
}

const sizes = sizesIn(read('docs/rules.md'))
const { rows: measured, machine } = JSON.parse(read('bench/results/targets.json'))

/** The size and the measured time of a rule. */
function cost(name) {
  const [alone, more] = sizes[name].map((bytes) => (bytes / 1000).toFixed(1))
  const beside = more === '0.0' ? '' : `; one that has \`adamw\` gets ${more} kB more`
  const size = `A page with \`Optimizer\` and \`${name}\` is ${alone} kB, gzipped${beside}.`
  const times = measured.filter(({ what }) => what.startsWith(`${name}, float32, less the facade, to the`))
  const lines = times.map(({ n, detail, figure }) => {
    const [time] = detail.split(' a parameter')
    return `| ${n.toLocaleString('en')} | ${time} | ${figure.median.toFixed(2)} |`
  })
  const table = ['| parameters | a parameter | times the bound |', '|---|---|---|', ...lines].join('\n')
  const where = `One thread of ${machine.processor} (${machine.instructionSet}), natively, float32, ${machine.date}. The bound is memory or arithmetic, whichever takes longer: [performance](../performance.md).`
  return [size, ...(lines.length > 0 ? [table, where] : [])].join('\n\n')
}

export const ruleNames = Object.keys(definitions)

/** The parameters and contents from which VitePress builds the pages. */
export const rulePages = () =>
  Object.values(definitions).map((definition) => {
    const { name, wantsShapes } = definition
    const way = wantsShapes
      ? 'The rule is for matrices, so it has no paths on functions of two parameters.'
      : `1,000 updates each, at the best of 25 learning rates from 1e-5 to 10.\n\n${curves(antigrad[name])}\n\n<RaceFrame rule="${name}" />`
    const words = rulePage(antigrad, definition, documentation, (all) => all.map(equation).join('\n\n'))
    const parts = [`# ${name}`, words, '## Convergence', way, '## Cost', cost(name), MORE]
    return { params: { rule: name }, content: parts.join('\n\n') }
  })

const MORE =
  'All rules are [side by side](../rules.md), with [what they have in common](../rules.md#what-rules-have-in-common).'
