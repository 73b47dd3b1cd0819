// Finds prose that has to be read twice: sentences without a subject, phrases that point back to an earlier sentence,
// long sentences, British spellings, and numbers without a leading zero.

import { parseSync } from 'oxc-parser'

// cspell:ignore quasis

/** The longest sentence that passes, in words. */
export const MAX_WORDS = 30

/** Openings of sentences and comments that name neither a subject nor an object. */
const openings = [
  /^(?:what|who|whom|whose|whoever|whatever|whichever|those)\b/i,
  /^of\b/i,
  /^that\b(?! is,)/i,
  /^by\b(?! (?:default|name|design|contrast|convention|definition|construction|comparison)\b)/i,
  /^so (?:many|much|few|often|long)\b/i,
  /^as\b(?! (?:in|of|with|soon|an?|expected)\b)/i,
  /^where\b/i,
  /^(?:others|beside|beneath)\b(?!')/i,
  /^(?:in|from|for|to|on|at|with|by|of) (?:which|what|whom|whose)\b/i,
]

/** Prepositions, which may open a label of up to three words: a cell of a table, or the title of a test. */
const PREPOSITION = /^(?:of|by|as)$/i

/** Phrases with few harmless uses, and the words that replace them. */
const phrases = [
  [/\bthere (?:is|are|was|were) (?:none|nothing)\b/i, 'name what is missing'],
  [/\b(?:is|are|was|were|be) none\b/i, 'name what is missing'],
  [/\bone (?:that|who|which)\b/i, 'repeat the noun'],
  [/\b(?:those|these) (?:that|who|which|of|in|with|from|there)\b/i, 'repeat the noun'],
  [/\bthe same of\b/i, 'repeat the noun'],
  [/\banew\b/i, 'again'],
  [/\bbeside\b/i, 'next to, in addition to'],
  [/\b(?:by|of) (?:itself|themselves|himself)\b/i, 'each, alone, automatically'],
  [/\bso (?:many|few|often)\b/i, 'name the number'],
  [/\bso long as\b/i, 'as long as, while'],
  [/\bas (?:do|does|did|are|were)\b/i, 'like'],
  [/,\s+as (?:it|they|there|nothing|none|no|its|their|those|these|that|this)\b/i, 'because'],
  [/\b(?:make|makes|making) no sense\b/i, 'is invalid'],
  [/\bwhole numbers?\b/i, 'integer'],
  [
    /\bwhat (?:is|was|are|were|has been) (?:given|asked|told|said|meant|wanted)\b/i,
    'the argument, the option',
  ],
  [/\b(?:somebody|nobody|everybody|whoever|whomever)\b/i, 'name the caller or the user'],
  [/\bwhere (?:there (?:is|are)|nothing|none|no|neither)\b/i, 'if, when'],
  [/Error\}?,? where\b/, 'if'],
  [/\b(?:is|are|was|were|be|been) looked at\b/i, 'is evaluated, is checked'],
  [/\b(?:goes|gone|went) on\b/i, 'continues, resumes'],
  [/\bcom(?:e|es|ing) to rest\b/i, 'converges'],
  [/\b(?:has|have) run away\b/i, 'diverges'],
  [/\bstrangers?\b/i, 'untrusted'],
  [/\b(?:at hand|under way)\b/i, 'current, in progress'],
  [/\bmistakes? of ours\b/i, 'a bug in antigrad'],
  [/\bstands? aside\b/i, 'is written to a temporary file'],
  [/\bby degrees? of freedom\b/i, 'residual variance'],
  [/\b(?:learnt|spelt|spoilt|burnt|whilst|amongst|cancelled|cancelling|judgement)\b/i, 'American'],
  [/\d %(?! \d)/, 'no space before %'],
  [/(?<![\w.)\]\d/*~…-])\.\d+\b(?!\.)/, 'leading zero'],
]

/** Abbreviations whose period ends no sentence. */
const abbreviation = /\b(?:e\.g|i\.e|etc|vs|al|cf|Figs?|Eqs?|No|approx|resp|Sec|Ch|pp?|vol)\.$/

/**
 * The sentences of a block of prose, with their offsets. A blank line and a list item end a sentence, too.
 *
 * @param {string} text
 * @returns {{ offset: number, text: string }[]}
 */
export function sentencesOf(text) {
  const sentences = []
  let start = 0
  const add = (/** @type {number} */ end) => {
    const raw = text.slice(start, end)
    const trimmed = raw.trimStart()
    if (trimmed.trim() !== '') {
      sentences.push({ offset: start + raw.length - trimmed.length, text: trimmed.trim() })
    }
    start = end
  }
  for (const { 0: mark, index } of text.matchAll(
    /[.!?]["”')\]*_]*(?=\s|$)|\n\s*\n|\n(?=\s*(?:[-*+]|\d+\.)\s)/g,
  )) {
    const end = index + mark.length
    if (mark.startsWith('\n')) add(index)
    else {
      const before = text.slice(start, index + 1)
      const after = text.slice(end).trimStart()
      // An abbreviation and an ellipsis end no sentence, nor does a period before a lower-case letter.
      if (mark.startsWith('.') && (abbreviation.test(before) || /\.\.$/.test(before) || /^[a-z]/.test(after)))
        continue
      add(end)
    }
  }
  add(text.length)
  return sentences
}

/** The text without marks of Markdown, each piece of code replaced by one word. Offsets of lines stay. */
const withoutMarks = (/** @type {string} */ text) =>
  text
    .replace(/(`+)(?!`)[\s\S]*?[^`]\1(?!`)/g, (code) => `CODE${'\n'.repeat(code.split('\n').length - 1)}`)
    .replace(/\{@(?:link|linkcode)\s+[^}]*\}/g, 'CODE')
    .replace(/!?\[([^\]]*)\]\([^)\s]*\)/g, '$1')
    .replace(/<?https?:\/\/[^\s>)]*>?/g, 'CODE')
    .replace(/<\/?[a-z][^>\n]*>/gi, ' ')
    .replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/\*\*|__|(?<=^|\s)[*_](?=\w)|(?<=\w)[*_](?=\s|[.,;:)]|$)/g, '')
    .replace(/\\([|<>*_`[\]])/g, '$1')

/** How many words a sentence has; an enumeration of code and a citation are one each. */
export function wordsIn(/** @type {string} */ sentence) {
  const counted = sentence
    .replace(/\([^()]*\b(?:19|20)\d\d[a-z]?\)/g, 'CODE')
    .replace(/CODE(?:(?:,? (?:and|or|to)|,|\/|:)? ?CODE)+/g, 'CODE')
  return counted.split(/[\s—–]+/).filter((word) => /[A-Za-z]{2}|^[aAI]$|\d/.test(word)).length
}

/**
 * The problems of a block of prose.
 *
 * @param {string} text
 * @param {{ opening?: boolean, heading?: boolean, label?: boolean, numbers?: boolean }} [options] Without `opening`
 *   the first word is not checked, as in a heading. Without `numbers` the form of numbers is not checked.
 * @returns {{ offset: number, problem: string, excerpt: string }[]}
 */
export function problemsOf(text, { opening = true, heading = false, label = false, numbers = true } = {}) {
  const found = []
  for (const sentence of sentencesOf(withoutMarks(text))) {
    const flat = sentence.text.replace(/\s+/g, ' ')
    const plain = flat.replace(/^(?:[-*+•]|\d+\.|\|)\s+/, '').replace(/^["“'(]+/, '')
    const add = (/** @type {string} */ problem, at = 0) => {
      const from = Math.max(0, at - 30)
      found.push({
        offset: sentence.offset,
        problem,
        excerpt: `${from > 0 ? '…' : ''}${flat.slice(from, from + 90)}`,
      })
    }
    if (opening && !heading && !flat.endsWith('?')) {
      const match = openings.map((pattern) => pattern.exec(plain)).find((each) => each !== null)
      const isShort = label && plain.split(' ').length <= 3
      if (match && !(isShort && PREPOSITION.test(match[0]))) add(`opens with "${match[0]}"`)
    }
    for (const [pattern, advice] of phrases) {
      if (!numbers && (advice === 'leading zero' || advice === 'no space before %')) continue
      const match = pattern.exec(flat)
      if (match) add(`"${match[0].trim()}" (${advice})`, match.index)
    }
    const words = wordsIn(flat)
    if (words > MAX_WORDS) add(`${words} words`)
  }
  return found
}

/**
 * @typedef {{ line: number, text: string, opening?: boolean, heading?: boolean, label?: boolean, numbers?: boolean }} Block
 *   A comment, a paragraph or a string, with the line on which it begins.
 */

/** Comments for tools. */
const directive =
  /^\s*(?:biome-ignore|@ts-|cspell:|eslint|prettier|#__|@__|v8 ignore|c8|istanbul|<reference|webpack|@vite|!|SPDX|vitest|@vitest|#region|#endregion)/

/** Code in fences, emptied, with its lines kept. */
const withoutFences = (/** @type {string} */ text) => {
  let fence = ''
  return text
    .split('\n')
    .map((line) => {
      const mark = /^\s*(?:>\s*)?(`{3,}|~{3,})/.exec(line)?.[1]
      if (fence === '' && mark) {
        fence = mark
        return ''
      }
      if (fence !== '') {
        if (mark?.startsWith(fence)) fence = ''
        return ''
      }
      return line
    })
    .join('\n')
}

/** The paragraphs of a comment: at blank lines, at tags and at items of lists. */
function paragraphsOf(/** @type {string} */ text, /** @type {number} */ line) {
  /** @type {Block[]} */
  const blocks = []
  let lines = /** @type {string[]} */ ([])
  let first = line
  const flush = (/** @type {number} */ next) => {
    if (lines.some((each) => each.trim() !== '')) blocks.push({ line: first, text: lines.join('\n') })
    lines = []
    first = next
  }
  withoutFences(text)
    .split('\n')
    .forEach((each, index) => {
      if (each.trim() === '') {
        flush(line + index + 1)
        return
      }
      if (/^\s*(?:@\w+|[-*•] |\d+\. |\|)/.test(each)) flush(line + index)
      lines.push(each)
    })
  flush(0)
  return blocks.flatMap((block) => {
    // A tag has a name, perhaps a type, and a phrase.
    const tag = /^\s*@(\w+)(?:\s+\{[^}]*\})?\s*/.exec(block.text)
    if (!tag) return [block]
    if (
      /^(?:type|typedef|template|import|example|internal|packageDocumentation|see|default)$/.test(
        tag[1] ?? '',
      )
    )
      return []
    const rest = block.text.slice(tag[0].length)
    if (tag[1] === 'param')
      return [{ ...block, text: rest.replace(/^\[?[\w.]+(?:=[^\]]*)?\]?\s*(?:[-–—]\s*)?/, '') }]
    return [{ ...block, text: rest, opening: tag[1] !== 'throws' }]
  })
}

/** Adjacent comments of one line each are one block. */
function joinLines(/** @type {{ line: number, text: string, alone: boolean }[]} */ comments) {
  /** @type {Block[]} */
  const blocks = []
  let last = -1
  for (const { line, text, alone } of comments) {
    const previous = blocks.at(-1)
    if (previous && alone && last === line - 1) previous.text += `\n${text}`
    else blocks.push({ line, text })
    last = alone ? line : -1
  }
  return blocks
    .filter(({ text }) => !directive.test(text))
    .flatMap(({ line, text }) => paragraphsOf(text, line))
}

/** A function from offsets to lines, which count from 1. */
function linesOf(/** @type {string} */ text) {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (/** @type {number} */ offset) => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (/** @type {number} */ (starts[middle]) <= offset) low = middle
      else high = middle - 1
    }
    return low + 1
  }
}

/** Comments, titles of tests, and strings of at least four words, of TypeScript and JavaScript. */
function scriptBlocks(/** @type {string} */ file, /** @type {string} */ text, firstLine = 1) {
  const { program, comments } = parseSync(file, text)
  const lineAt = linesOf(text)
  const lineOf = (/** @type {number} */ offset) => lineAt(offset) + firstLine - 1
  const isTest = /^(?:.*\/)?(?:test|bench)\//.test(file)
  /** @type {{ line: number, text: string, alone: boolean }[]} */
  const singles = []
  /** @type {Block[]} */
  const blocks = []
  for (const { type, value, start } of comments) {
    if (text.startsWith('#!', start)) continue
    const line = lineOf(start)
    if (type === 'Line') {
      const alone = text.slice(text.lastIndexOf('\n', start - 1) + 1, start).trim() === ''
      singles.push({ line, text: value.replace(/^\/+/, ''), alone })
    } else {
      const inner = value.replace(/^\*/, '').replace(/^[ \t]*\*(?= |$)/gm, '')
      if (!directive.test(inner)) blocks.push(...paragraphsOf(inner, line))
    }
  }
  blocks.push(...joinLines(singles))

  /** The text of a string or of a template, whose values count as one word. */
  const stringOf = (/** @type {any} */ node) => {
    if (node?.type === 'Literal' && typeof node.value === 'string') return node.value
    if (node?.type !== 'TemplateLiteral') return undefined
    return node.quasis.map((/** @type {any} */ quasi) => quasi.value.cooked ?? '').join('CODE')
  }
  const isTitled = (/** @type {any} */ callee) => {
    let at = callee
    while (at && at.type !== 'Identifier') at = at.callee ?? at.object ?? at.tag
    return /^(?:test|it|describe|bench)$/.test(at?.name ?? '')
  }
  const titles = new Set()
  const visit = (/** @type {any} */ node) => {
    if (Array.isArray(node)) {
      for (const child of node) visit(child)
      return
    }
    if (typeof node !== 'object' || node === null) return
    if (/^(?:Import|Export\w*|TSLiteralType|TaggedTemplate)/.test(node.type ?? '') && !node.declaration)
      return
    if (node.type === 'CallExpression' && isTitled(node.callee)) titles.add(node.arguments[0])
    const value = stringOf(node)
    if (value !== undefined) {
      const line = lineOf(node.start)
      if (titles.has(node)) blocks.push({ line, text: value, label: true })
      else if (!isTest && isSentence(value)) {
        blocks.push({ line, text: value, opening: /^[A-Z]/.test(value), numbers: false })
      }
      if (node.type === 'Literal') return
    }
    for (const [key, child] of Object.entries(node)) if (key !== 'parent') visit(child)
  }
  visit(program)
  return blocks
}

/** Whether a string is prose rather than code, a path or a style. */
const isSentence = (/** @type {string} */ text) =>
  !/[;{}=<>]|\n.*\n|^\s*[.#/@-]/.test(text) &&
  // A long string without punctuation is a list of words.
  (/[.,:]\s/.test(text) || wordsIn(text) <= MAX_WORDS) &&
  (text.match(/(?<![\w./-])[A-Za-z][a-z]+(?![\w./-])/g)?.length ?? 0) >= 4

/** Paragraphs, headings, items of lists and cells of tables. */
function markdownBlocks(/** @type {string} */ text, firstLine = 1) {
  /** @type {Block[]} */
  const blocks = []
  const lines = withoutFences(text.replace(/^---\n[\s\S]*?\n---\n/, (front) => front.replace(/[^\n]/g, '')))
    .replace(/<(script|style|svg)\b[\s\S]*?<\/\1>/g, (code) => code.replace(/[^\n]/g, ''))
    .replace(/<!--[\s\S]*?-->/g, (comment) => comment.replace(/[^\n]/g, ''))
    .split('\n')
  let current = /** @type {Block | undefined} */ (undefined)
  lines.forEach((line, index) => {
    const at = firstLine + index
    if (/^\s*(?:>\s*)?\|/.test(line)) {
      current = undefined
      if (!/^[\s|:-]*$/.test(line)) {
        const isHeader = /^\s*\|[\s|:-]+$/.test(lines[index + 1] ?? '')
        const cells = withoutMarks(line.replaceAll('\\|', '∣')).split('|').slice(1, -1)
        for (const cell of cells) blocks.push({ line: at, text: cell.trim(), heading: isHeader, label: true })
      }
    } else if (/^\s*(?:>\s*)?#{1,6} /.test(line)) {
      current = undefined
      blocks.push({ line: at, text: line.replace(/^[\s>]*#+ /, ''), heading: true })
    } else if (line.trim() === '' || /^\s*(?:\[[^\]]+\]:|:::|---)/.test(line)) current = undefined
    else if (current && !/^\s*(?:>\s*)?(?:[-*+]|\d+\.)\s/.test(line))
      current.text += `\n${line.replace(/^\s*>\s?/, '')}`
    else {
      current = { line: at, text: line.replace(/^\s*>\s?/, '').replace(/^\s*(?:[-*+]|\d+\.)\s+/, '') }
      blocks.push(current)
    }
  })
  return blocks.filter((block) => block.text !== '')
}

/** The comments of languages in which a comment begins with a mark and ends with its line. */
function lineBlocks(/** @type {string} */ text, /** @type {RegExp} */ mark) {
  /** @type {{ line: number, text: string, alone: boolean }[]} */
  const comments = []
  text.split('\n').forEach((line, index) => {
    const match = mark.exec(line)
    if (match && !(index === 0 && line.startsWith('#!'))) {
      comments.push({ line: index + 1, text: line.slice(match[0].length), alone: true })
    }
  })
  return joinLines(comments)
}

/** Texts between tags, and the comments of scripts, of pages and components. */
function pageBlocks(/** @type {string} */ file, /** @type {string} */ text) {
  const lineOf = linesOf(text)
  /** @type {Block[]} */
  const blocks = []
  for (const { 0: all, 1: code = '', index } of text.matchAll(/<script\b[^>]*>([\s\S]*?)<\/script>/g)) {
    const offset = index + all.indexOf('>') + 1
    if (code.trim() !== '') blocks.push(...scriptBlocks(`${file}.ts`, code, lineOf(offset)))
  }
  const rest = text.replace(/<(script|style|svg)\b[\s\S]*?<\/\1>|<!--[\s\S]*?-->/g, (code) =>
    code.replace(/[^\n]/g, ' '),
  )
  const inline = /<\/?(?:a|b|i|em|strong|code|span|sub|sup|kbd|br|small|var)\b[^>]*>/g
  const joined = rest.replace(inline, (tag) => tag.replace(/[^\n]/g, ' '))
  for (const { 1: piece = '', index } of joined.matchAll(/>([^<>]+)</g)) {
    const trimmed = piece.trimStart()
    if (trimmed.trim() === '' || trimmed.includes('{{')) continue
    blocks.push({ line: lineOf(index + 1 + piece.length - trimmed.length), text: trimmed.trim() })
  }
  return blocks
}

/**
 * The prose of a file, or undefined if files of its kind have none.
 *
 * @param {string} file
 * @param {string} text
 * @returns {Block[] | undefined}
 */
export function blocksOf(file, text) {
  if (/\.(?:ts|mts|cts|js|mjs|cjs)$/.test(file)) return scriptBlocks(file, text)
  if (file.endsWith('.md')) return markdownBlocks(text)
  if (/\.(?:rs|c|cpp)$/.test(file)) return lineBlocks(text, /^\s*\/\/[/!]*/)
  if (/\.(?:py|yml|toml)$/.test(file)) {
    const quoted = [...text.matchAll(/^\s*"""(?=\S)([\s\S]*?)"""/gm)]
    const lineOf = linesOf(text)
    return [
      ...lineBlocks(text, /^\s*#+/),
      ...quoted.flatMap(({ 0: all, 1: inner = '', index }) =>
        paragraphsOf(inner, lineOf(index + all.indexOf('"""'))),
      ),
    ]
  }
  if (/\.(?:html|vue)$/.test(file)) return pageBlocks(file, text)
  if (file.endsWith('.css')) {
    const lineOf = linesOf(text)
    return [...text.matchAll(/\/\*([\s\S]*?)\*\//g)].flatMap(({ 1: inner = '', index }) =>
      paragraphsOf(inner.replace(/^\s*\*(?= |$)/gm, ''), lineOf(index)),
    )
  }
  return undefined
}

/**
 * The problems of a file's prose, in the order of lines.
 *
 * @param {string} file
 * @param {string} text
 * @returns {{ line: number, problem: string, excerpt: string }[]}
 */
export function checkWords(file, text) {
  const found = (blocksOf(file, text) ?? []).flatMap((block) =>
    problemsOf(block.text, block).map(({ offset, problem, excerpt }) => ({
      line: block.line + withoutMarks(block.text).slice(0, offset).split('\n').length - 1,
      problem,
      excerpt,
    })),
  )
  return found.sort((a, b) => a.line - b.line)
}
