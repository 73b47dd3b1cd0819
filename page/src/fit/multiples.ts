/** Small multiples of several curves, in the layout of the plate. This module is loaded on demand. */

import { h, labeled } from '../dom.js'
import { theme } from '../theme.js'
import type { RowGroup } from './groups.js'
import { axis, getScale, padded, span } from './plot-axes.js'
import { circles, path, points } from './plot-marks.js'
import type { FitPageState, ParameterEntry } from './state.js'
import { s } from './svg.js'
import type { Verdict } from './verdict.js'
import { readWell } from './wide.js'

/** Maximum number of small multiples. */
const MAX_MULTIPLES = 1536
const WIDTH = 96
const HEIGHT = 54

export interface SmallMultiple {
  readonly group: RowGroup
  /** The responses of the filled points; NaN for outliers. */
  readonly y: Float64Array
  /** The fitted curve; null without a fit. */
  readonly curve: { readonly x: ArrayLike<number>; readonly y: ArrayLike<number> } | null
  /** The points that are drawn as open circles. */
  readonly open: { readonly x: readonly number[]; readonly y: readonly number[] }
  /** Whether the model suits the data, and a sentence on it; null without a fit. */
  readonly verdict: Verdict | null
}

export class Multiples {
  readonly element = h('div', { className: 'multiples', role: 'group', 'aria-label': 'Curves' })
  readonly #onChoice: (name: string) => void

  constructor(onChoice: (name: string) => void) {
    this.#onChoice = onChoice
  }

  show(
    all: readonly SmallMultiple[],
    chosen: string,
    log: { readonly x: boolean; readonly y: boolean },
  ): void {
    const places = all.map(({ group: { name } }) => readWell(name))
    const isPlate = places.every((place) => place !== null)
    const columns = isPlate ? 1 + Math.max(...places.map((place) => place?.[1] ?? 0)) : 0
    this.element.classList.toggle('plate', isPlate)
    this.element.style.gridTemplateColumns = isPlate ? `repeat(${columns}, minmax(44px, 1fr))` : ''
    const axes = makeAxes(all, log)
    this.element.replaceChildren(
      ...all.slice(0, MAX_MULTIPLES).map((one, k) => {
        const button = this.#button(one, axes, one.group.name === chosen)
        const place = places[k]
        if (isPlate && place) {
          button.style.gridRow = `${place[0] + 1}`
          button.style.gridColumn = `${place[1] + 1}`
        }
        return button
      }),
    )
  }

  #button(one: SmallMultiple, axes: MultipleAxes, isChosen: boolean): HTMLButtonElement {
    const { group, verdict } = one
    const name = group.name === '' ? '(empty)' : group.name
    const button = h('button', { type: 'button', className: 'multiple' })
    const why = verdict === null ? 'no fit' : verdict.text
    button.setAttribute('aria-pressed', String(isChosen))
    button.setAttribute('aria-label', `${name}: ${why.replace(/^.*?: /, '')}`)
    button.title = why
    button.classList.toggle('doubtful', verdict !== null && !verdict.isGood)
    const mark = verdict?.isGood === false ? ' !' : ''
    button.append(h('span', { className: 'name' }, `${name}${mark}`), drawMultiple(one, axes))
    button.addEventListener('click', () => this.#onChoice(group.name))
    return button
  }
}

type MultipleAxes = Readonly<Record<'across' | 'up', ReturnType<typeof axis>>>

/** All small multiples have the same axes, so that curves can be compared. */
function makeAxes(
  all: readonly SmallMultiple[],
  log: { readonly x: boolean; readonly y: boolean },
): MultipleAxes {
  const [scaleX, scaleY] = [log.x, log.y].map(getScale)
  const ends = (pick: (one: SmallMultiple) => readonly ArrayLike<number>[], scale: typeof scaleX) => {
    const spans = all.flatMap((one) => pick(one).map((values) => span(Array.from(values, scale.position))))
    return padded(span(spans.flat()), 0.06)
  }
  return {
    across: axis(
      ends(({ group, open }) => [group.rows.x, open.x].filter(({ length }) => length > 0), scaleX),
      0,
      WIDTH,
      scaleX,
    ),
    up: axis(
      ends(({ y, open }) => [y, open.y].filter(({ length }) => length > 0), scaleY),
      HEIGHT,
      0,
      scaleY,
    ),
  }
}

function drawMultiple({ group, y, curve, open }: SmallMultiple, { across, up }: MultipleAxes): SVGElement {
  const [ofData, ofModel] = theme().racers
  const { x } = group.rows
  return s(
    'svg',
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, 'aria-hidden': 'true' },
    s('path', {
      d: points(x, y, across, up),
      stroke: ofData,
      fill: 'none',
      'stroke-width': 4,
      'stroke-linecap': 'round',
    }),
    ...(open.x.length > 0
      ? [s('path', { d: circles(open.x, open.y, across, up), class: 'open', stroke: ofData, fill: 'none' })]
      : []),
    ...(curve
      ? [
          s('path', {
            d: path(curve.x, curve.y, across, up),
            stroke: ofModel,
            fill: 'none',
            'stroke-width': 2,
          }),
        ]
      : []),
  )
}

/** Shows a checkbox for each parameter, which lets all curves have one value. */
export function showSharedChoices(
  place: HTMLElement,
  names: readonly string[],
  entries: FitPageState['parameters'],
  onChange: (name: string, entry: ParameterEntry) => void,
): void {
  place.hidden = names.length === 0
  const key = JSON.stringify([names, entries])
  if (place.dataset.key === key) return
  place.dataset.key = key
  place.replaceChildren(
    h('legend', {}, 'One value for all curves'),
    ...names.map((name) => {
      const box = h('input', { type: 'checkbox', checked: entries[name]?.shared === true })
      box.setAttribute('aria-label', `${name}: one value for all curves`)
      box.addEventListener('change', () => onChange(name, { ...entries[name], shared: box.checked }))
      return labeled(name, box)
    }),
  )
}
