// docs/rules.md, made from the rules: their declarations, and the comments on them and on their options.
import { join } from 'node:path'
import { ruleDocumentation } from './option-documentation.mjs'
import { examplesOf } from './option-examples.mjs'
import { root } from './run.mjs'
import { wrapped } from './wrap.mjs'

let about

/** What the sources say of each rule. */
export function aboutRules() {
  about ??= ruleDocumentation(join(root, 'ts/rules'))
  return about
}

/** The sizes that a page has, which differ a little with all that a bundle has. */
export function sizesIn(page) {
  const rows = page.matchAll(/^\| \[`(\w+)`\].*\| ([\d.]+) \| ([\d.]+) \|$/gm)
  return Object.fromEntries([...rows].map(([, name, ...sizes]) => [name, sizes.map((kB) => 1000 * kB)]))
}

/**
 * @returns the page's text, from the package's exports, its rules' declarations, the words on their options, and
 * the bytes of each, alone and beside the one that adds none to itself
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

## What rules have in common

${common(definitions)}
## What options take

${examples(antigrad, definitions)}
| takes | for example | refuses, for example |
|---|---|---|
${exampleRows(antigrad, definitions).join('\n')}

${sections.join('\n')}`
}

/**
 * @param operations how the equations of a rule's passes are written
 * @returns what there is to say of one rule: words, state, order of operations, options
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
    'takes',
    'unless given',
    ...presets.map(([system]) => `\`${name}.${system}\``),
    '',
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

const [BEGIN, END] = ['<!-- rules, written by npm run table:options -->', '<!-- /rules -->']

/** @returns the README's text with a line for each rule between its markers: what its comment begins with */
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

/** How the page begins, with the first preset that there is for an example. */
function introduction(antigrad, definitions, sizes) {
  const [name, system] = Object.keys(definitions)
    .flatMap((name) => Object.keys(antigrad[name]).map((system) => [name, system]))
    .at(0)
  const [beside] = Object.entries(sizes).find(([, [, more]]) => more === 0)
  return `# Rules

Every rule with its options, its state and where it comes from. \`npm run table:options\` writes this page from
the rules' declarations and comments. All that differs from system to system is in
[numerics.md](numerics.md#where-systems-differ).

Where systems give a rule other values than ours, a *preset* has theirs: that is plain options and nothing
else. \`${name}.${system}({ lr: 1e-2 })\` is \`${name}\` with that system's values and another η, and says all of
its options. In the tables below a preset has a column, with what it changes.

A page that imports \`Optimizer\` and one rule gets so many kB, WebAssembly included, minified by esbuild and
gzipped; one that has \`${beside}\` already gets so many *more* by the rule. Most of what a rule beyond the core's
brings is the catalogue's module, which is the same for all of them.
`
}

/** What rules have in common, and which of them have it. */
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

Below its state each rule has its *order of operations*, as its source states it, pass by pass. x' is the new
x, each \`+ − × ÷ √\` is rounded on its own, and what has no brackets goes from left to right. Names are the
source's: d is 1 and coefficients are the options, but for what stands behind the equations, and u is what a
pass over a tensor leaves for the next one. ∏β is the product of all β so far, and Σ is over a tensor of n
elements. [numerics.md](numerics.md#the-rules) has what rules have in common.

- **A rule is a value**: \`rule({ lr })\` is a plain, frozen object with a \`name\` and all of its options, which
  may be compared, stored as JSON, or sent to a worker. One that was stored as JSON is as good as one from its
  function, and is checked as that is. The program has to import the function too, since bundles leave out
  what is not imported; if it does not, an \`OptionError\` says so.
- \`lr\`, \`weightDecay\` and \`momentum\` may be [schedules](schedules.md). A function of t = 0, 1, … will do too,
  but a rule with a function in it cannot be stored or sent.
- \`weightDecay\` adds λ·θ to the gradient, as Torch's does, except where it says otherwise. Where the decay is
  decoupled, a rule may have \`cautiousWeightDecay\`, which spares what the step enlarges (Chen et al., 2025),
  and \`maxLr\`: unless it is 0, λ·η²/\`maxLr\` takes the place of λ·η (Defazio, 2025).
${item(`Norms ‖·‖ are of one tensor. So what a tensor is matters in ${norms}.`)}
${item(`Tensors of two dimensions or more, as the optimizer's \`shapes\` say, are matrices to ${matrices}, each of which says below what other tensors get. Without any shapes it is an error to ask for ${matricesAlone}.`)}
${item(`No schedule is needed with ${points}: \`params\` is the average x, and the gradient is wanted at \`optimizer.gradientPoint()\`; a step without a look at it is an error.`)}
- Every rule has \`maximize\`. Where it has \`cautious\`, only what agrees with the gradient moves, and farther
  (Liang et al., 2024); where it has \`grams\`, all moves, but with the gradient's sign (Cao et al., 2024).
- \`delayedStart(k, rule)\` is a rule too: for k updates statistics are collected, and θ stays (the essay; Liu
  et al., 2020, section 3.1).
`
}

/** What errors say, with those of the first rule whose η may be a schedule. */
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
  return `What is not in an option's range is an \`OptionError\` that says what was expected in the words below, and what
came:

- ${number}
- ${schedule}, as each number of a schedule has to be

Refused are words that are not in an option's
list, too, texts, lists and null in a number's place, and options that a rule does not have. Tests try all
this with every option of every rule.
`
}

/** The numbers, and what stands beside them, that each kind of options takes and refuses, as messages write them. */
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
