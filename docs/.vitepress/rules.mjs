// Pages for the rules: description and options as in docs/rules-*.md, equations, convergence and cost.
import { readFileSync } from 'node:fs'
import { definitions } from '../../dist/rules/definitions.js'
import { documentation } from '../../dist/rules/documentation.js'
import { rulePage, sizesIn } from '../../scripts/lib/rules-page.mjs'
import { curves } from './curves.mjs'
import { mathml } from './mathml.mjs'

const antigrad = await import('../../dist/index.js')

const read = (path) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** Formats an equation as MathML. Words before a colon stay text, and so does text that is not an equation. */
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

/** The size of the rule's bundle, and the measured time per update. */
function cost(name) {
  const [alone, more] = sizes[name].map((bytes) => (bytes / 1000).toFixed(1))
  const addition = more === '0.0' ? '' : ` The rule adds ${more} kB to a page that has \`adamw\` already.`
  const size = `A page with \`Optimizer\` and \`${name}\` is ${alone} kB, gzipped.${addition}`
  const times = measured.filter(({ what }) => what.startsWith(`${name}, float32, less the facade, to the`))
  const lines = times.map(({ n, detail, figure }) => {
    const [time] = detail.split(' a parameter')
    return `| ${n.toLocaleString('en')} | ${time} | ${figure.median.toFixed(2)} |`
  })
  const table = [
    '| parameters | time per parameter | relative to the bound |',
    '|---|---|---|',
    ...lines,
  ].join('\n')
  const where = `One thread of ${machine.processor} (${machine.instructionSet}), natively, float32, ${machine.date}. The bound is the larger of memory time and arithmetic time: [performance](../performance.md).`
  return [size, ...(lines.length > 0 ? [table, where] : [])].join('\n\n')
}

export const ruleNames = Object.keys(definitions)

/** The pages, for VitePress. */
export const rulePages = () =>
  Object.values(definitions).map((definition) => {
    const { name, wantsShapes } = definition
    const way = wantsShapes
      ? 'This rule is for matrices, so it does not run on functions of two parameters.'
      : `Distance of F from its minimum over 1,000 updates, with the best of 25 learning rates from 1e-5 to 10.\n\n${curves(antigrad[name])}\n\n<RaceFrame rule="${name}" />`
    const words = rulePage(antigrad, definition, documentation, (all) => all.map(equation).join('\n\n'))
    const parts = [`# ${name}`, words, '## Convergence', way, '## Size and speed', cost(name), MORE]
    return { params: { rule: name }, content: parts.join('\n\n') }
  })

const MORE =
  '[A table of all rules](../rules.md), and [their common properties](../rules.md#common-to-all-rules).'
