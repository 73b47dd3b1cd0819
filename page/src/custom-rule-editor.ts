/** The text field for the equations of a custom rule. */

import { getMessage } from '../../dist/page.js'
import { h, uniqueId } from './dom.js'
import { CUSTOM, fields, type RuleEntry, readCustomRule } from './rules.js'
import { MAX_EQUATIONS_LENGTH } from './state.js'

/** Milliseconds without a keystroke after which the text is read. */
const PAUSE = 400

/** Makes a field for the equations. `onText` is called with every valid rule. */
export function makeEditor(
  entry: RuleEntry,
  number: number,
  onText: (changed: RuleEntry) => void,
): HTMLElement {
  const message = h('p', { className: 'error', id: uniqueId('message'), role: 'alert' })
  const field = h('textarea', { className: 'equations-text', spellcheck: false, autocomplete: 'off' })
  const about = h(
    'p',
    { className: 'help', id: uniqueId('help') },
    'Write options, state per element, scalars per tensor, and the lines of a step, where theta is the parameter, g is the gradient, and t is the update count.',
  )
  field.value = entry.equations ?? ''
  field.rows = Math.min(16, field.value.split('\n').length + 1)
  field.maxLength = MAX_EQUATIONS_LENGTH
  field.setAttribute('aria-label', `Equations of optimizer ${number + 1}`)
  field.setAttribute('aria-describedby', `${about.id} ${message.id}`)
  let pausing: ReturnType<typeof setTimeout> | undefined
  let last = entry
  const take = () => {
    clearTimeout(pausing)
    const equations = field.value
    if (equations === last.equations || !field.isConnected) return fail('')
    try {
      last = keeping(last, equations)
    } catch (thrown) {
      return fail(`${getMessage(thrown)}. The race continues with the last valid text.`)
    }
    fail('')
    onText(last)
  }
  const fail = (sentence: string) => {
    message.textContent = sentence
    if (sentence === '') field.removeAttribute('aria-invalid')
    else field.setAttribute('aria-invalid', 'true')
  }
  field.addEventListener('input', () => {
    clearTimeout(pausing)
    pausing = setTimeout(take, PAUSE)
  })
  field.addEventListener('change', take)
  const more = h('a', {
    hidden: import.meta.env.VITE_DOCS === undefined,
    href: `${import.meta.env.VITE_DOCS}equations.html`,
    textContent: 'Equations in the docs',
  })
  return h('div', { className: 'own' }, field, message, about, more)
}

/** The rule with new equations. It keeps the options that still exist and whose values are still valid. */
function keeping({ options }: RuleEntry, equations: string): RuleEntry {
  const { definition } = readCustomRule({ equations })
  const names = new Set(fields({ rule: CUSTOM, equations }).map(({ name }) => name))
  const kept = Object.entries(options).filter(([name, value]) => {
    const kind = (definition.options as Record<string, { accepts(x: unknown): boolean }>)[name]
    return names.has(name) && (kind === undefined || kind.accepts(value))
  })
  return { rule: CUSTOM, options: Object.fromEntries(kept), equations }
}
