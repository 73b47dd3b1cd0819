/** Helpers of the page's controls. */

import { h } from '../dom.js'
import { amountRule, type FitPageState, initial } from './state.js'

export type SelectOptions = readonly (readonly [value: string, text: string])[]
export type OnChange = (changed: Partial<FitPageState>) => void

export const amountInput = () =>
  h('input', { type: 'text', inputMode: 'decimal', size: 5, autocomplete: 'off' })

/** Reads a number; an empty field means the default. */
export function readAmount(
  input: HTMLInputElement,
  name: 'count' | 'degree' | 'lossScale',
  onChange: OnChange,
): void {
  const [isValid, expected] = amountRule(name)
  const number = input.value.trim() === '' ? initial[name] : Number(input.value)
  if (!isValid(number)) {
    input.setAttribute('aria-invalid', 'true')
    input.setCustomValidity(`expected ${expected}`)
    input.reportValidity()
    return
  }
  input.removeAttribute('aria-invalid')
  input.setCustomValidity('')
  onChange({ [name]: number })
}

export function setUnlessFocused(control: HTMLInputElement | HTMLSelectElement, value: string): void {
  if (control !== document.activeElement) control.value = value
}

export const optionsFrom = (options: SelectOptions) =>
  options.map(([value, textContent]) => h('option', { value, textContent }))

/** Maximum number of columns in a list, which keeps tables with a hundred thousand columns responsive. */
const MAX_OPTIONS = 5_000

/** Replaces the options only if they have changed, because the user may have the list open. */
export function fill(control: HTMLSelectElement, all: SelectOptions, value: string): void {
  const options = all.filter(([name], i) => i < MAX_OPTIONS || name === value)
  const key = JSON.stringify(options)
  if (control.dataset.options !== key) {
    control.replaceChildren(...optionsFrom(options))
    control.dataset.options = key
  }
  control.value = value
}
