/** The elements of the page and their arrangement: the data, the curve with its parameters, and the drawers. */

import { h, labeled } from '../dom.js'
import { Controls } from './controls.js'
import { DataInput } from './data.js'
import { Drawers } from './drawers.js'
import { EstimateTable } from './estimates.js'
import type { ExampleName } from './example-list.js'
import { FitPlot } from './plot.js'
import { Progress } from './progress.js'
import type { FitPageState, ParameterEntry } from './state.js'

/** Functions that the page calls when the user acts. */
export interface PageActions {
  readonly change: (changed: Partial<FitPageState>) => void
  readonly changeParameter: (name: string, entry: ParameterEntry) => void
  readonly changeTable: (isTyped: boolean) => void
  readonly chooseExample: (name: ExampleName) => void
  readonly chooseGroup: (name: string) => void
  /** Leaves rows out of the fit, or takes them in again. */
  readonly leaveOut: (keys: readonly string[], isOut: boolean) => void
  readonly stop: () => void
  readonly getState: () => FitPageState
  /** Called when a drawer opens whose content is loaded on demand. */
  readonly openDrawer: () => void
}

export const drawerTitles = {
  parameters: 'Start and bounds',
  errors: 'Errors and outliers',
  points: 'Points left out',
  statistics: 'Statistics',
  compare: 'Compare',
  unknowns: 'Unknowns',
  save: 'Save and share',
} as const

export class PageView {
  readonly controls: Controls
  readonly data: DataInput
  readonly estimates = new EstimateTable()
  readonly plot = new FitPlot()
  /** Places of the tables that are loaded after the first curve. */
  readonly parameters = h('div')
  readonly errors = h('div')
  readonly statistics = h('div', { className: 'side-by-side' })
  readonly groups = h('div')
  readonly progress: Progress
  readonly drawers = new Drawers('More')
  readonly caption = h('span')
  /** The sentence with which the result begins. */
  readonly verdict = h('p', { className: 'verdict', role: 'status' })
  readonly status = h('p', { className: 'status' })
  /** Remarks next to the parameters. */
  readonly remarks = h('p', { className: 'hint' })
  readonly prediction = h('input', { type: 'checkbox' })
  readonly logX = h('input', { type: 'checkbox' })
  readonly logY = h('input', { type: 'checkbox' })
  readonly profile = h('input', { type: 'checkbox' })
  readonly copied = h('span', { role: 'status' })
  readonly share = h('div', { className: 'row' }, this.copied)
  readonly saves = h('div', { className: 'row' })
  readonly leftOut = h('div')
  /** Places of the parts that are loaded on demand. */
  readonly compare = h('div')
  readonly unknowns = h('div')
  readonly counts = h('div', { className: 'found', tabIndex: 0, role: 'region', hidden: true })
  readonly multiples = h('div', { className: 'curves', hidden: true })
  readonly shared = h('fieldset', { className: 'row shared', hidden: true })

  constructor(actions: PageActions) {
    this.controls = new Controls(actions.change)
    this.data = new DataInput(actions.changeTable, actions.chooseExample, this.controls.columns)
    this.progress = new Progress(actions.stop)
    this.counts.setAttribute('aria-label', 'Number of peaks')
    this.#addDrawers(actions.openDrawer)
    const element = document.getElementById('fit') as HTMLElement
    element.className = 'fit'
    element.append(
      h('div', { className: 'input' }, this.controls.model, this.data.element),
      h('div', { className: 'outcome' }, this.verdict, this.progress.element),
      this.#figure(),
      h(
        'div',
        { className: 'beside' },
        this.estimates.element,
        this.remarks,
        labeled('profile-likelihood intervals', this.profile),
        this.counts,
      ),
      h('div', { className: 'below' }, this.shared, this.multiples, this.drawers.element),
    )
  }

  #figure(): HTMLElement {
    const axes = [
      labeled('log x', this.logX),
      labeled('log y', this.logY),
      labeled('prediction band', this.prediction),
    ]
    return h(
      'figure',
      {},
      h(
        'figcaption',
        {},
        h('span', { className: 'spread' }, this.caption, h('span', { className: 'row' }, ...axes)),
      ),
      this.plot.element,
    )
  }

  #addDrawers(onOpen: () => void): void {
    const { drawers } = this
    drawers.add(drawerTitles.parameters, [this.parameters])
    drawers.add(drawerTitles.errors, [this.errors])
    drawers.add(drawerTitles.points, [this.leftOut])
    drawers.add(drawerTitles.statistics, [this.status, this.statistics, this.groups])
    drawers.add(drawerTitles.compare, [this.compare], onOpen)
    drawers.add(drawerTitles.unknowns, [this.unknowns], onOpen)
    drawers.add(drawerTitles.save, [this.share, this.saves])
  }
}
