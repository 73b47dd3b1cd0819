/** Where the equations of a rule of one's own are typed. */

import { getMessage } from '../../dist/core/errors.js'
import { h, uniqueId } from './dom.js'
import { CUSTOM, fields, type RuleEntry, readCustomRule } from './rules.js'
import { MAX_EQUATIONS_LENGTH } from './state.js'

/** Milliseconds of a pause in typing. */
const PAUSE = 400

/** A field for the equations; `onText` is told of those that can be read. */
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
    'As a program has it: options, state by element, scalars by tensor, and the lines of a step, in which theta is the parameter, g the gradient and t the update.',
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
      return fail(`${getMessage(thrown)}. The race goes on with what could be read.`)
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

/** The same rule by other equations: options that are still there, and still in their range, stay. */
function keeping({ options }: RuleEntry, equations: string): RuleEntry {
  const { definition } = readCustomRule({ equations })
  const names = new Set(fields({ rule: CUSTOM, equations }).map(({ name }) => name))
  const kept = Object.entries(options).filter(([name, value]) => {
    const kind = (definition.options as Record<string, { accepts(x: unknown): boolean }>)[name]
    return names.has(name) && (kind === undefined || kind.accepts(value))
  })
  return { rule: CUSTOM, options: Object.fromEntries(kept), equations }
}
