/** Helpers that create elements and format numbers. */

import type { Point, View } from 'antigrad'

type Child = Node | string
type Props<E> = Partial<Omit<E, 'style' | 'children'>> & { readonly [attribute: `aria-${string}`]: string }

/** Creates an element with properties (and `aria-…` attributes) and children. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props<HTMLElementTagNameMap[K]> & { readonly role?: string; readonly for?: string } = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(props)) {
    if (name in element && !name.startsWith('aria-')) Object.assign(element, { [name]: value })
    else element.setAttribute(name, String(value))
  }
  element.append(...children)
  return element
}

let ids = 0
export const uniqueId = (stem: string) => `${stem}-${++ids}`

/** A control with a label in front of it. */
export function labeled<E extends HTMLElement>(label: string, control: E): HTMLLabelElement {
  return h('label', { className: 'field' }, h('span', {}, label), control)
}

/** A control with a label and a visible help text below it. */
export function explainedField(label: string, control: HTMLElement, help: string, ...others: string[]) {
  const words = h('small', { className: 'help', id: uniqueId('help') }, help)
  control.setAttribute('aria-describedby', [words.id, ...others].join(' '))
  return h('div', { className: 'option' }, labeled(label, control), words)
}

/** A select element; `options` maps values to texts. */
export function select(options: Readonly<Record<string, string>>, value: string): HTMLSelectElement {
  const element = h(
    'select',
    {},
    ...Object.entries(options).map(([value, text]) => h('option', { value }, text)),
  )
  element.value = value
  return element
}

/** Formats a number with up to `digits` significant digits. */
export function formatNumber(x: number, digits = 4): string {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? 'NaN' : x > 0 ? '∞' : '−∞'
  const size = Math.abs(x)
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e6)
      ? x.toExponential(Math.max(0, digits - 2)).replace(/\.?0*e\+?/, 'e')
      : String(Number(x.toPrecision(digits)))
  return text.replaceAll('-', '−')
}

/** Rounds to about a thousandth of a range, which keeps addresses short. A drag is not more precise than that. */
export function roundForRange(x: number, range: number): number {
  const unit = 10 ** Math.floor(Math.log10(range) - 3)
  return Number((Math.round(x / unit) * unit).toPrecision(12))
}

/** Formats a point with the number of digits that a view can show. */
export function formatPoint([x0, x1, y0, y1]: View, [x, y]: Point): string {
  return `(${formatNumber(roundForRange(x, x1 - x0))}, ${formatNumber(roundForRange(y, y1 - y0))})`
}

/**
 * Rounds down to one significant digit. uPlot loops forever on a logarithmic scale that begins at a value such as
 * 0.096, because its steps miss 0.1.
 */
export function digitBelow(x: number): number {
  const unit = 10 ** Math.floor(Math.log10(x))
  return Number((Math.max(1, Math.floor(x / unit)) * unit).toPrecision(1))
}

/** Saves content as a file. */
export function download(name: string, type: string, content: BlobPart): void {
  const url = URL.createObjectURL(new Blob([content], { type }))
  h('a', { href: url, download: name }).click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}
