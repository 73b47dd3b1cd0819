// Equations of rules, as the sources' loops state them, written as MathML.

const TOKEN = /\s*(\d+(?:\.\d+)?|[\p{L}∏]+[₀-₉]*'?|[-+−·/√()|?:<>=,])/uy

/** @returns MathML of lines `a' = b; c' = d`, or null where a part of them is words */
export function mathml(text) {
  const rows = []
  for (const statement of text.split('; ')) {
    const parser = new Parser(statement)
    const row = parser.statement()
    if (row === null) return null
    rows.push(`<mtr>${row.map((cell) => `<mtd>${cell}</mtd>`).join('')}</mtr>`)
  }
  return `<math display="block"><mtable columnalign="right left" displaystyle="true">${rows.join('')}</mtable></math>`
}

/** Keeps parentheses around sums, products and choices, and drops them around numerators, roots and powers. */
class Parser {
  #tokens = []
  #at = 0

  constructor(text) {
    TOKEN.lastIndex = 0
    while (TOKEN.lastIndex < text.trimEnd().length) {
      const found = TOKEN.exec(text)
      if (found === null) {
        this.#tokens = []
        return
      }
      this.#tokens.push(found[1])
    }
  }

  /** The two sides of an equation, or null if the text is no equation. */
  statement() {
    try {
      const left = this.#factor()
      this.#expect('=')
      const right = this.#choice()
      return this.#at === this.#tokens.length ? [left.text, `<mo>=</mo>${right.text}`] : null
    } catch (thrown) {
      if (thrown instanceof NoEquation) return null
      throw thrown
    }
  }

  #choice() {
    const test = this.#sum()
    const sign = ['<', '>', '='].find((one) => this.#take(one))
    if (sign === undefined) return test
    const compared = `${test.text}<mo>${sign.replace('<', '&lt;').replace('>', '&gt;')}</mo>${this.#sum().text}`
    this.#expect('?')
    const yes = this.#choice().text
    this.#expect(':')
    const no = this.#choice().text
    const cases = [`${row(yes, `<mtext>if&nbsp;</mtext>${compared}`)}`, row(no, '<mtext>otherwise</mtext>')]
    return plain(`<mrow><mo>{</mo><mtable columnalign="left">${cases.join('')}</mtable></mrow>`)
  }

  #sum() {
    let text = this.#product().text
    for (;;) {
      const sign = ['+', '−', '-'].find((one) => this.#take(one))
      if (sign === undefined) return plain(text)
      text += `<mo>${sign === '+' ? '+' : '−'}</mo>${this.#product().text}`
    }
  }

  #product() {
    let left = this.#factor()
    for (;;) {
      if (this.#take('·')) left = plain(`${left.text}<mo>·</mo>${this.#factor().text}`)
      else if (this.#take('/')) {
        left = plain(`<mfrac><mrow>${left.inner}</mrow><mrow>${this.#factor().inner}</mrow></mfrac>`)
      } else return left
    }
  }

  #factor() {
    if (this.#take('√')) return plain(`<msqrt><mrow>${this.#factor().inner}</mrow></msqrt>`)
    if (this.#take('|')) {
      const { text } = this.#choice()
      this.#expect('|')
      return plain(`<mrow><mo>|</mo>${text}<mo>|</mo></mrow>`)
    }
    if (this.#take('(')) {
      const { text } = this.#choice()
      this.#expect(')')
      return { text: `<mrow><mo>(</mo>${text}<mo>)</mo></mrow>`, inner: text }
    }
    const token = this.#tokens[this.#at++] ?? ''
    if (/^\d/.test(token)) return plain(`<mn>${token}</mn>`)
    const name = /^([\p{L}∏]+)([₀-₉]*)('?)$/u.exec(token)
    if (name === null) throw new NoEquation()
    const text = named(name)
    return plain(this.#tokens[this.#at] === '(' ? `${text}${this.#factor().text}` : text)
  }

  #take(token) {
    if (this.#tokens[this.#at] !== token) return false
    this.#at++
    return true
  }

  #expect(token) {
    if (!this.#take(token)) throw new NoEquation()
  }
}

class NoEquation extends Error {}

const plain = (text) => ({ text, inner: text })
const row = (...cells) => `<mtr>${cells.map((cell) => `<mtd>${cell}</mtd>`).join('')}</mtr>`

/** A name with its index below and its prime above. */
function named([, word, index, prime]) {
  const letters = `<mi>${word}</mi>`
  const below = `<mn>${[...index].map((digit) => '₀₁₂₃₄₅₆₇₈₉'.indexOf(digit)).join('')}</mn>`
  if (index === '') return prime === '' ? letters : `<msup>${letters}<mo>′</mo></msup>`
  return prime === '' ? `<msub>${letters}${below}</msub>` : `<msubsup>${letters}${below}<mo>′</mo></msubsup>`
}
