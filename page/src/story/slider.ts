/** A slider with its label and its value. */

import { h } from '../dom.js'
import type { Control } from './step.js'

export interface Slider {
  readonly element: HTMLElement
  set(value: number): void
}

/** The position of a value on a slider's input, which is linear. */
const toPosition = ({ isLogarithmic }: Control, value: number) => (isLogarithmic ? Math.log(value) : value)

/** The value at a position: an integer on a logarithmic slider of counts, otherwise a multiple of the step. */
function toValue({ isLogarithmic, min, max, step }: Control, position: number): number {
  if (!isLogarithmic) return Number(position.toFixed(4))
  const value = Math.min(max, Math.max(min, Math.exp(position)))
  return min >= 1 ? Math.round(value) : Number(value.toPrecision(step < 0.1 ? 3 : 2))
}

export function makeSlider(control: Control, initial: number, onChange: (value: number) => void): Slider {
  const { label, min, max, step, isLogarithmic, unit = '' } = control
  const input = h('input', {
    type: 'range',
    min: String(toPosition(control, min)),
    max: String(toPosition(control, max)),
    step: String(isLogarithmic ? Math.log1p(step) : step),
  })
  const output = h('output', {})
  const set = (value: number) => {
    input.value = String(toPosition(control, value))
    const text = `${value.toLocaleString('en', { maximumSignificantDigits: 6 })}${unit}`
    output.textContent = text
    input.setAttribute('aria-valuetext', text)
  }
  set(initial)
  input.addEventListener('input', () => {
    const value = toValue(control, Number(input.value))
    set(value)
    onChange(value)
  })
  return { element: h('label', { className: 'slider' }, h('span', {}, label), input, output), set }
}
