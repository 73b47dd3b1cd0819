// docs/rules.md, made from the rules: their declarations, and the comments on them and on their options.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { examplesOf } from './option-examples.mjs'
import { root } from './run.mjs'

/** Where a rule comes from: the first words in brackets that have a year. */
const SOURCE = /\(([^()]*\b(?:18|19|20)\d\d\b[^()]*)\)/

/** What the comment on each rule's function says: its paragraphs, the source, and the state. */
export function aboutRules() {
  const folder = join(root, 'ts/rules')
  const rules = readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    const found =
      /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport const (\w+) = (?:rule<|Object\.assign\(rule<)/.exec(text)
    if (found === null) return []
    const [comment] = found[1].split('@throws')
    const words = comment.replaceAll(/\n *\* ?/g, '\n').replaceAll(/\{@link (\w+)\}/g, '`$1`')
    const paragraphs = words.split(/\n\s*\n/).map((paragraph) => paragraph.replaceAll(/\s+/g, ' ').trim())
    const state = paragraphs.find((paragraph) => /^(State: |No state\.)/.test(paragraph))
    const own = paragraphs.filter((paragraph) => paragraph !== '' && paragraph !== state)
    return [[found[2], { paragraphs: own, source: SOURCE.exec(own[0])?.[1], state }]]
  })
  return Object.fromEntries(rules)
}

/** The sizes that a page has, which differ a little with all that a bundle has. */
export function sizesIn(page) {
  const rows = page.matchAll(/^\| \[`(\w+)`\].*\| ([\d.]+) \| ([\d.]+) \|$/gm)
  return Object.fromEntries([...rows].map(([, name, ...sizes]) => [name, sizes.map((kB) => 1000 * kB)]))
}

/**
 * @returns the page's text, from the package's exports, its rules' declarations, the words on their options, and
 * the bytes of each, alone and beside adamw
 */
export function rulesPage(antigrad, definitions, documentation, sizes) {
  const about = aboutRules()
  const kB = (bytes) => (bytes / 1000).toFixed(1)
  const rows = Object.keys(definitions).map((name) => {
    const presets = Object.keys(antigrad[name]).map((system) => `\`${system}\``)
    const cells = [inTable(about[name].source), presets.join(', '), ...sizes[name].map(kB)]
    return `| [\`${name}\`](#${name.toLowerCase()}) | ${cells.join(' | ')} |`
  })
  const sections = Object.values(definitions).map(({ name, options }) => {
    const { paragraphs, state } = about[name]
    const presets = Object.entries(antigrad[name]).map(([system, preset]) => [system, preset()])
    const lines = Object.entries(options).map(([option, { expected, schedulable, default: value }]) => {
      const takes = expected + (schedulable ? OR_SCHEDULE : '')
      const values = [value, ...presets.map(([, values]) => values[option])].map(written)
      const own = values.map((text, i) => (i > 0 && text === values[0] ? '' : text))
      return `| ${[`\`${option}\``, takes, ...own, inTable(documentation[name][option])].join(' | ')} |`
    })
    const words = [...paragraphs, state].map(wrapped).join('\n\n')
    const titles = [
      'option',
      'takes',
      'unless given',
      ...presets.map(([system]) => `\`${name}.${system}\``),
      '',
    ]
    const head = `| ${titles.join(' | ').trim()} |\n|${'---|'.repeat(titles.length)}`
    return `## ${name}\n\n${words}\n\n${head}\n${lines.join('\n')}\n`
  })
  return `${INTRODUCTION}
| rule | source | presets | kB | more |
|---|---|---|---|---|
${rows.join('\n')}

## What options take

${EXAMPLES}
| takes | for example | refuses, for example |
|---|---|---|
${exampleRows(antigrad, definitions).join('\n')}

${sections.join('\n')}`
}

const OR_SCHEDULE = ', a schedule or a function'

const INTRODUCTION = `# Rules

Every rule with its options, its state and where it comes from. \`npm run table:options\` writes this page from
the rules' declarations and comments. All that differs from system to system is in
[numerics.md](numerics.md#where-systems-differ).

Where systems give a rule other values than ours, a *preset* has theirs: \`adam.tfjs({ lr: 1e-2 })\` is \`adam\`
with TensorFlow.js's values and another η. It is plain options and nothing else, so the description that it
makes says all of them. In the tables below a preset has a column, with what it changes.

A page that imports \`Optimizer\` and one rule gets so many kB, WebAssembly included, minified by esbuild and
gzipped; one that has \`adamw\` already gets so many *more* by the rule. Most of what a rule beyond the core's
brings is the catalogue's module, which is the same for all of them.
`

const EXAMPLES = `What is not in an option's range is an \`OptionError\` that says what was expected in the words below, and what
came: \`adam: beta1: expected a number in [0, 1), got 1\`. So has each number of a schedule to be:
\`adam: lr: warmup: from: expected a finite number ≥ 0, got -1\`. Refused are words that are not in an option's
list, too, texts, lists and null in a number's place, and options that a rule does not have. Tests try all
this with every option of every rule.
`

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

/** Lines of at most 110 columns. */
function wrapped(text) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line.length + word.length >= 110) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.join('\n')
}
