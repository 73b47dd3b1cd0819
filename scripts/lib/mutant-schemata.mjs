// Mutant schemata (Untch, Offutt and Harrold, 1993): many mutants in one build, each behind a switch. An expression is
// replaced by a conditional that selects the mutated or the original expression.
import { parseSync } from 'oxc-parser'

/** Whether all brackets in a piece of code are balanced. */
function isWhole(text) {
  let depth = 0
  for (const c of text) {
    if ('([{'.includes(c)) depth++
    else if (')]}'.includes(c) && depth-- === 0) return false
  }
  return depth === 0
}

/** The difference between the original and the mutated line: [from, to, replacement]. */
function difference(before, after) {
  const most = Math.min(before.length, after.length)
  let from = 0
  while (from < most && before[from] === after[from]) from++
  let end = 0
  while (end < most - from && before.at(-1 - end) === after.at(-1 - end)) end++
  // The parenthesis after `f(x)` in `!(f(x))` belongs to the replacement.
  const own = end
  while (end > 0 && ![before, after].every((text) => isWhole(text.slice(from, text.length - end)))) end--
  if (end === 0) end = own
  return [from, before.length - end, after.slice(from, after.length - end)]
}

/**
 * Adds mutants to the text of a file, and returns the mutants that cannot be placed or that overlap.
 *
 * @param mistakes mutants with their number, `line`, `before` and `after`
 */
export function switched(file, text, mistakes) {
  const isRust = file.endsWith('.rs')
  const starts = [0]
  for (const line of text.split('\n')) starts.push(starts.at(-1) + line.length + 1)
  const nodeAround = isRust ? rustAround(text) : typeScriptAround(file, text)
  const [places, left] = [[], []]
  for (const mistake of mistakes) {
    const { number, line, before, after } = mistake
    const start = starts[line - 1]
    const isRemoved = /^\s*(;|void 0)$/.test(after)
    const [from, to, instead] = isRemoved
      ? [/^\s*/.exec(before)[0].length, before.length, '']
      : difference(before, after)
    const around = nodeAround(start + from, start + to, isRemoved)
    if (around === null || places.some((place) => place.start < around.end && around.start < place.end)) {
      left.push({ ...mistake, isAlone: around === null })
      continue
    }
    const right = text.slice(around.start, around.end)
    const wrong = text.slice(around.start, start + from) + instead + text.slice(start + to, around.end)
    const [open, between, close] = isRust
      ? [`(if crate::is_made(${number}) {`, '} else {', '})']
      : [`${around.isStatement ? 'void ' : ''}(isMade(${number}) ? (`, ') : (', '))']
    const replaced = isRemoved
      ? `if (!${isRust ? `crate::is_made` : 'isMade'}(${number})) { ${right} }`
      : open + wrong + between + right + close
    places.push({ ...around, replaced })
  }
  places.sort((a, b) => b.start - a.start)
  const changed = places.reduce(
    (all, { start, end, replaced }) => all.slice(0, start) + replaced + all.slice(end),
    text,
  )
  return { text: changed, left }
}

/** The longest expression around a piece of code, up to brackets, commas and operators of lower precedence. */
function rustAround(text) {
  const blank = (found) => found.replaceAll(/[^\n]/g, ' ')
  const code = text
    .replaceAll(/\/\/.*/g, blank)
    .replaceAll(/"(\\.|[^"\\\n])*"/g, (found) => `"${'_'.repeat(found.length - 2)}"`)
  const isBorder = (i, isOfLogic) => {
    const [c, before, next] = [code[i], code[i - 1], code[i + 1]]
    if (',;{}'.includes(c)) return true
    // `a += b` counts as one expression.
    if (c === '=') return !'=<>!+-*/'.includes(before) && next !== '='
    // The colon ends the name of a field.
    if (c === ':') return before !== ':' && next !== ':'
    if (c === '>') return before === '='
    if (c === '.') return before === '.' || next === '.'
    // A bar without a space before it ends the parameters of a closure.
    if (c === '|') return before !== ' ' && code.slice(i - 2, i) !== ' |'
    if (c === '&') return !isOfLogic && before === ' ' && next === '&'
    return !isOfLogic && c === '|' && next === '|'
  }
  const isWord = (i) =>
    /(^|\W)(return|if|while|in|match|break|else|move)$/.test(code.slice(Math.max(0, i - 8), i))
  return (from, to, isRemoved) => {
    if (isRemoved) return { start: from, end: to }
    const isOfLogic = /&&|\|\|/.test(code.slice(from - 1, to + 1))
    let [start, depth] = [from, 0]
    for (; start > 0; start--) {
      const c = code[start - 1]
      if (depth === 0 && (isBorder(start - 1, isOfLogic) || (/\s/.test(c) && isWord(start - 1)))) break
      if (')]}'.includes(c)) depth++
      else if ('([{'.includes(c) && depth-- === 0) break
    }
    let end = to
    for (depth = 0; end < code.length; end++) {
      const c = code[end]
      if (depth === 0 && (isBorder(end, isOfLogic) || (c === ' ' && code.startsWith(' else ', end)))) break
      if ('([{'.includes(c)) depth++
      else if (')]}'.includes(c) && depth-- === 0) break
    }
    start += /^[\s&]*/.exec(code.slice(start, from))[0].length
    while (/\s/.test(code[end - 1]) && end > to) end--
    return start < end ? { start, end } : null
  }
}

const expressions =
  /^(Binary|Logical|Unary|Assignment|Conditional|Call|New|Member|Update|Array|Object)Expression$|^(Numeric)?Literal$/

/** The shortest expression around a piece of code. */
function typeScriptAround(file, text) {
  const { program, errors } = parseSync(file, text)
  if (errors.length > 0) return () => null
  const found = []
  const visit = (node, parent) => {
    if (typeof node?.type !== 'string') return
    // Types, keys and patterns are not expressions.
    if (/^TS(?!As|NonNull|Satisfies)/.test(node.type)) return
    if (expressions.test(node.type) || node.type === 'ExpressionStatement')
      found.push({
        start: node.start,
        end: node.end,
        type: node.type,
        isStatement: parent?.type === 'ExpressionStatement',
      })
    for (const [key, child] of Object.entries(node)) {
      if (key === 'id' || (key === 'key' && !node.computed) || key === 'typeAnnotation') continue
      for (const one of Array.isArray(child) ? child : [child]) visit(one, node)
    }
  }
  visit(program, null)
  return (from, to, isRemoved) => {
    const around = found
      .filter(
        ({ start, end, type }) =>
          start <= from && end >= to && (type === 'ExpressionStatement') === isRemoved,
      )
      .sort((a, b) => a.end - a.start - (b.end - b.start))[0]
    return around ?? null
  }
}
