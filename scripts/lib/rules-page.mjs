// Writes docs/rules.md and the pages of its sections from the declarations of the rules and the comments on the rules
// and their options.
import { join } from 'node:path'
import { ruleDocumentation } from './option-documentation.mjs'
import { examplesOf } from './option-examples.mjs'
import { root } from './run.mjs'
import { wrapped } from './wrap.mjs'

let about

/** Documentation of each rule, read from the sources. */
export function aboutRules() {
  about ??= ruleDocumentation(join(root, 'ts/rules'))
  return about
}

/** The sizes in an existing page. Measured sizes vary slightly with the contents of a bundle. */
export function sizesIn(page) {
  const rows = page.matchAll(/^\| \[`(\w+)`\].*\| ([\d.]+) \| ([\d.]+) \|$/gm)
  return Object.fromEntries([...rows].map(([, name, ...sizes]) => [name, sizes.map((kB) => 1000 * kB)]))
}

/** Pages with the sections of the rules, by the first letter of a rule's name. */
const sectionPages = { 'rules-a-f': /^[a-f]/, 'rules-g-n': /^[g-n]/, 'rules-o-z': /^[o-z]/ }

/** The file name of the page with a rule's section. */
const pageOf = (name) => `${Object.keys(sectionPages).find((page) => sectionPages[page].test(name))}.md`

/**
 * @param sizes bytes of each rule's bundle, alone and in addition to a bundle with the reference rule
 * @returns the text of each page, by file name
 */
export function rulesPages(antigrad, definitions, documentation, sizes) {
  const pages = { 'rules.md': overview(antigrad, definitions, sizes) }
  for (const definition of Object.values(definitions)) {
    const { name } = definition
    const page = pageOf(name)
    const [, first, last] = page.split(/[-.]/)
    pages[page] ??= `# Rules ${first.toUpperCase()} to ${last.toUpperCase()}\n\n${SECTIONS}`
    pages[page] += `\n## ${name}\n\n${rulePage(antigrad, definition, documentation)}\n`
  }
  return pages
}

const SECTIONS = `This page contains the update rules with their sources, equations, states and options. The page
[Rules](rules.md) lists all rules, and explains the notation and [what all rules have in
common](rules.md#common-to-all-rules).
`

/** The text of docs/rules.md. */
function overview(antigrad, definitions, sizes) {
  const kB = (bytes) => (bytes / 1000).toFixed(1)
  const rows = Object.keys(definitions).map((name) => {
    const presets = Object.keys(antigrad[name]).map((system) => `\`${system}\``)
    const cells = [summary(name), presets.join(', '), ...sizes[name].map(kB)]
    return `| [\`${name}\`](${pageOf(name)}#${name.toLowerCase()}) | ${cells.join(' | ')} |`
  })
  return `${introduction(antigrad, definitions, sizes)}
| rule | update | presets | kB | more |
|---|---|---|---|---|
${rows.join('\n')}

## Common to all rules

${common(definitions)}
## Ranges of options

${examples(antigrad, definitions)}
| range | valid, for example | invalid, for example |
|---|---|---|
${exampleRows(antigrad, definitions).join('\n')}
`
}

/**
 * @param operations formats the equations of a rule's passes
 * @returns the section on one rule: description, state, order of operations, options
 */
export function rulePage(antigrad, { name, options }, documentation, operations = asList) {
  const { paragraphs, state, equations, coefficients } = aboutRules()[name]
  const presets = Object.entries(antigrad[name]).map(([system, preset]) => [system, preset()])
  const lines = Object.entries(options).map(([option, { expected, schedulable, default: value }]) => {
    const takes = expected + (schedulable ? OR_SCHEDULE : '')
    const values = [value, ...presets.map(([, values]) => values[option])].map(written)
    const own = values.map((text, i) => (i > 0 && text === values[0] ? '' : text))
    return `| ${[`\`${option}\``, takes, ...own, inTable(documentation[name][option])].join(' | ')} |`
  })
  const titles = [
    'option',
    'range',
    'default',
    ...presets.map(([system]) => `\`${name}.${system}\``),
    'meaning',
  ]
  return [
    ...[...paragraphs, state].map((text) => wrapped(text)),
    operations(equations),
    ...(coefficients === undefined ? [] : [wrapped(coefficients)]),
    [`| ${titles.join(' | ').trim()} |`, `|${'---|'.repeat(titles.length)}`, ...lines].join('\n'),
  ].join('\n\n')
}

const asList = (equations) =>
  equations.map((text) => `- ${wrapped(text, 108).replaceAll('\n', '\n  ')}`).join('\n')

/** The first sentence of a rule's comment: its source and its update. */
function summary(name) {
  const [sentence] = /^.*?(?=\.(?: |$))/.exec(aboutRules()[name].paragraphs[0])
  return inTable(sentence)
}

const OR_SCHEDULE = ', a schedule or a function'

/** The first paragraphs of the page, with the first preset as the example. */
function introduction(antigrad, definitions, sizes) {
  const [name, system] = Object.keys(definitions)
    .flatMap((name) => Object.keys(antigrad[name]).map((system) => [name, system]))
    .at(0)
  const [beside] = Object.entries(sizes).find(([, [, more]]) => more === 0)
  return `# Rules

This page lists every update rule. The links in the table lead to the equations, the state and the options of
each rule. \`npm run table:options\` writes these pages from the rules' declarations and comments.
[numerics.md](numerics.md#where-systems-differ) lists the differences between libraries.

A *preset* is a rule with the defaults of another library: \`${name}.${system}({ lr: 1e-2 })\` returns a plain
\`${name}\` rule with that library's values and another η. In the tables below, the column of a preset shows
the values that differ.

The column *kB* is the size of a page with \`Optimizer\` and one rule: WebAssembly included, minified by
esbuild and gzipped. The column *more* is what the rule adds to a page that has \`${beside}\` already. Rules
outside of the core add about the same, because they share one WebAssembly module with all kernels.
`
}

/** The section on properties that rules share, with the names of the rules that have them. */
function common(definitions) {
  const having = (has) => {
    const names = Object.values(definitions).filter(has)
    return names.map(({ name }) => `\`${name}\``).join(', ')
  }
  const item = (text) => `- ${wrapped(text, 108).replaceAll('\n', '\n  ')}`
  const norms = having(({ kernels }) => kernels.some(({ sums }) => sums.length > 0))
  const matrices = having(({ fallback }) => fallback)
  const matricesAlone = having(({ wantsShapes }) => wantsShapes)
  const points = having(({ wantsPoint }) => wantsPoint)
  return `θ denotes the parameters, g the gradient, η the option \`lr\` and λ the option \`weightDecay\`. t counts the
updates of a tensor from 1. m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ).

Below its state, each rule lists its *order of operations*, one item per pass over a tensor, with the names
of the source code. x' is the new value of x. Every \`+ − × ÷ √\` is rounded on its own. Operations of equal
precedence are evaluated from left to right. The line below the equations defines the coefficients. By
default d is 1, and the others are the options. u is the array that a pass leaves for the next one. ∏β is
the product of all β so far, and Σ sums over the n elements of a tensor.
[numerics.md](numerics.md#the-rules) describes the arithmetic of all rules.

- **A rule is a value**: \`rule({ lr })\` returns a plain, frozen object with a \`name\` and all options. You
  can compare it, store it as JSON or send it to a worker. A rule from JSON is checked like a rule from its
  function. The program must also import the function, because bundles omit unused code; otherwise an
  \`OptionError\` names the import.
- \`lr\`, \`weightDecay\` and \`momentum\` may be [schedules](schedules.md) or functions of t = 0, 1, … A rule
  that contains a function cannot be stored or sent.
- \`weightDecay\` adds λ·θ to the gradient, as in PyTorch, unless the rule's table states otherwise. With
  decoupled decay, \`cautiousWeightDecay\` skips the decay of elements that the step moves away from 0 (Chen
  et al., 2025). Unless \`maxLr\` is 0, the decay uses λ·η²/\`maxLr\` instead of λ·η (Defazio, 2025).
${item(`Norms ‖·‖ are computed per tensor. The division of the parameters into tensors therefore affects ${norms}.`)}
${item(`A tensor whose shape in the optimizer's \`shapes\` has two or more dimensions is a matrix for ${matrices}. The section of each of these rules describes the update of other tensors. ${matricesAlone} throws if no tensor has a shape.`)}
${item(`${points} need no schedule. Their \`params\` are the average x, and the gradient must be evaluated at \`optimizer.gradientPoint()\`. A step without a call of this method is an error.`)}
- Every rule has \`maximize\`. \`cautious\` drops the elements of the step that disagree with the gradient in
  sign, and scales up the others (Liang et al., 2024). \`grams\` keeps all elements and gives them the
  gradient's signs (Cao et al., 2024).
- \`delayedStart(k, rule)\` is a rule, too: for k updates the rule collects its statistics while θ keeps its
  value (the essay; Liu et al., 2020, section 3.1).
`
}

/** The section on errors, with messages of the first rule whose η may be a schedule. */
function examples(antigrad, definitions) {
  const { name } = Object.values(definitions).find(({ options }) => options.lr?.schedulable)
  const messageOf = (lr) => {
    try {
      antigrad[name]({ lr })
    } catch (error) {
      return `\`${error.message}\``
    }
  }
  const [number, schedule] = [-1, { schedule: 'warmup', value: 1, steps: 2, from: -1 }].map(messageOf)
  return `A value out of an option's range throws an \`OptionError\`. Its message contains the expected range in the
words of the tables, and the value:

- ${number}
- ${schedule}

The second message is about a number in a schedule, which must be in the range of the option.

Unknown words, strings, arrays and null instead of numbers, and unknown options throw as well. Tests try all
of this with every option of every rule.
`
}

/** Rows with the valid and invalid values of each kind of option, formatted as in messages. */
function exampleRows(antigrad, definitions) {
  const shown = (values) => {
    const received = values.map((value) => new antigrad.OptionError('', '', value).received)
    return [...new Set(received)].join(', ')
  }
  const options = Object.values(definitions).flatMap((definition) => Object.values(definition.options))
  const all = [...new Set(options.map(({ expected }) => expected))]
  return all.flatMap((expected) => {
    const { accepted, refused } = examplesOf({ expected, schedulable: false }, antigrad)
    if (!['number', 'boolean'].includes(typeof accepted[0])) return []
    return [`| ${expected} | ${shown(accepted)} | ${shown(refused.filter((x) => typeof x === 'number'))} |`]
  })
}

const written = (value) =>
  Object(value) === value ? `\`${value.name}()\`` : JSON.stringify(value).replaceAll('"', "'")

const inTable = (text) => text.replaceAll('|', '\\|')
