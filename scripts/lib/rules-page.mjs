// Generates docs/rules.md from the declarations of the rules and from the comments on rules and options.
import { join } from 'node:path'
import { ruleDocumentation } from './option-documentation.mjs'
import { examplesOf } from './option-examples.mjs'
import { root } from './run.mjs'
import { wrapped } from './wrap.mjs'

let about

/** The documentation of each rule in the sources. */
export function aboutRules() {
  about ??= ruleDocumentation(join(root, 'ts/rules'))
  return about
}

/** Reads the bundle sizes in an existing page. They change slightly with every change of the library. */
export function sizesIn(page) {
  const rows = page.matchAll(/^\| \[`(\w+)`\].*\| ([\d.]+) \| ([\d.]+) \|$/gm)
  return Object.fromEntries([...rows].map(([, name, ...sizes]) => [name, sizes.map((kB) => 1000 * kB)]))
}

/**
 * @returns the page's text, from the package's exports, the rules' declarations, the option documentation, and the bundle
 * sizes of each rule
 */
export function rulesPage(antigrad, definitions, documentation, sizes) {
  const about = aboutRules()
  const kB = (bytes) => (bytes / 1000).toFixed(1)
  const rows = Object.keys(definitions).map((name) => {
    const presets = Object.keys(antigrad[name]).map((system) => `\`${system}\``)
    const cells = [inTable(about[name].source), presets.join(', '), ...sizes[name].map(kB)]
    return `| [\`${name}\`](#${name.toLowerCase()}) | ${cells.join(' | ')} |`
  })
  const sections = Object.values(definitions).map(
    (definition) => `## ${definition.name}\n\n${rulePage(antigrad, definition, documentation)}\n`,
  )
  return `${introduction(antigrad, definitions, sizes)}
| rule | source | presets | kB | more |
|---|---|---|---|---|
${rows.join('\n')}

## Common properties

${common(definitions)}
## Values of options

${examples(antigrad, definitions)}
| values | accepted, for example | refused, for example |
|---|---|---|
${exampleRows(antigrad, definitions).join('\n')}

${sections.join('\n')}`
}

/**
 * @param operations formats the equations of a rule's passes
 * @returns the documentation of one rule: description, state, order of operations, options
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
  const titles = ['option', 'values', 'default', ...presets.map(([system]) => `\`${name}.${system}\``), '']
  return [
    ...[...paragraphs, state].map((text) => wrapped(text)),
    operations(equations),
    ...(coefficients === undefined ? [] : [wrapped(coefficients)]),
    [`| ${titles.join(' | ').trim()} |`, `|${'---|'.repeat(titles.length)}`, ...lines].join('\n'),
  ].join('\n\n')
}

const asList = (equations) =>
  equations.map((text) => `- ${wrapped(text, 108).replaceAll('\n', '\n  ')}`).join('\n')

const [BEGIN, END] = ['<!-- rules, written by npm run table:options -->', '<!-- /rules -->']

/** @returns the README's text with one line per rule between the markers: the first sentence of the rule's comment */
export function withRules(readme, definitions) {
  const about = aboutRules()
  const lines = Object.keys(definitions).map((name) => {
    const [sentence] = /^.*?(?=\.(?: |$))/.exec(about[name].paragraphs[0])
    return `| [\`${name}\`](docs/rules.md#${name.toLowerCase()}) | ${inTable(sentence)} |`
  })
  const [before, rest] = readme.split(BEGIN)
  const [, after] = rest.split(END)
  return [before, BEGIN, '\n| rule | |\n|---|---|\n', lines.join('\n'), '\n', END, after].join('')
}

const OR_SCHEDULE = ', a schedule or a function'

/** The introduction of the page, with the first existing preset as an example. */
function introduction(antigrad, definitions, sizes) {
  const [name, system] = Object.keys(definitions)
    .flatMap((name) => Object.keys(antigrad[name]).map((system) => [name, system]))
    .at(0)
  const [beside] = Object.entries(sizes).find(([, [, more]]) => more === 0)
  return `# Rules

This page lists every update rule with its options, its state and its source in the literature.
\`npm run table:options\` generates it from the declarations and comments of the rules. All differences from
other libraries are described in [numerics.md](numerics.md#where-systems-differ).

A *preset* holds the default values of another library if they differ from ours. It consists of plain options:
\`${name}.${system}({ lr: 1e-2 })\` is \`${name}\` with that library's defaults and another η. In the tables
below, each preset has a column with the values that it changes.

The column kB is the size of a page that imports \`Optimizer\` and the rule, minified by esbuild and gzipped,
including WebAssembly. The column *more* is the increase for a page that already imports \`${beside}\`. Most of the
increase for rules outside the core is the WebAssembly module of the catalogue, which all these rules share.
`
}

/** The common properties of rules, and the rules that have them. */
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
  return `θ are the parameters, g the gradient, η is \`lr\`, λ is \`weightDecay\`, and t counts a tensor's updates from 1;
m̂ = m/(1−β₁ᵗ) and v̂ = v/(1−β₂ᵗ).

The *order of operations* of each rule follows its state, pass by pass, as in the source code. x' is the new
value of x. Each \`+ − × ÷ √\` is rounded separately, and operations without parentheses are evaluated from left
to right. Names are those of the source code: d is 1, and coefficients equal the options unless the text after
the equations defines them. u is the result that one pass over a tensor leaves for the next. ∏β is the product
of all β so far, and Σ is over the n elements of a tensor. [numerics.md](numerics.md#the-rules) describes the
common numerics.

- **A rule is a value**: \`rule({ lr })\` is a plain, frozen object with a \`name\` and all of its options. It can
  be compared, stored as JSON, or sent to a worker. A rule that was stored as JSON is equivalent to one from
  its function and is validated in the same way. The program must also import the rule's function, because
  bundles omit functions that are not imported; otherwise an \`OptionError\` says so.
- \`lr\`, \`weightDecay\` and \`momentum\` can be [schedules](schedules.md) or functions of t = 0, 1, …, but a rule
  that contains a function cannot be stored or sent.
- \`weightDecay\` adds λ·θ to the gradient, as in PyTorch, unless stated otherwise. Rules with decoupled weight
  decay can have \`cautiousWeightDecay\`, which does not decay elements that the step enlarges (Chen et al.,
  2025), and \`maxLr\`: unless it is 0, λ·η²/\`maxLr\` replaces λ·η (Defazio, 2025).
${item(`Norms ‖·‖ are norms of one tensor. The division of parameters into tensors therefore matters for ${norms}.`)}
${item(`Tensors with two or more dimensions, according to the optimizer's \`shapes\`, are matrices for ${matrices}. Each of these rules states below how it updates other tensors. Without any shapes, ${matricesAlone} throws an error.`)}
${item(`No schedule is needed with ${points}: \`params\` is the average x, and the gradient must be evaluated at \`optimizer.gradientPoint()\`. A step without a call of this method is an error.`)}
- Every rule has \`maximize\`. With \`cautious\`, only elements whose step agrees with the gradient move, but
  farther (Liang et al., 2024). With \`grams\`, all elements move, with the sign of the gradient (Cao et al.,
  2024).
- \`delayedStart(k, rule)\` is also a rule: it collects statistics for k updates while θ stays constant (the
  essay; Liu et al., 2020, section 3.1).
`
}

/** Examples of error messages, from the first rule whose η can be a schedule. */
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
  return `A value outside of an option's range causes an \`OptionError\` that states the expected values, in the words
of the table below, and the received value:

- ${number}
- ${schedule}; every number in a schedule is checked

Unknown words, strings, arrays and null instead of numbers, and unknown options are also refused. Tests check
all of this for every option of every rule.
`
}

/** Rows with numbers that each kind of option accepts and refuses, formatted as in messages. */
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
