/** The parts of the page that no first curve needs: settings of parameters, statistics, saving, and selection. */

import { type ControlContext, DetailControls } from './detail-controls.js'
import { type ShownFit, wholeFit } from './displayed-fit.js'
import type { DisplayedState } from './displayed-state.js'
import { GroupTable } from './group-table.js'
import type { PageActions, PageView } from './page-view.js'
import { ParameterTable } from './parameters.js'
import { type SelectablePoint, selectInPlot } from './plot-selection.js'
import { PointsLeftOut } from './points-left-out.js'
import { addSaveButtons, addShareButton } from './save-buttons.js'
import type { FitPageState } from './state.js'
import { Correlations, describeReason, FitSummary } from './summary.js'
import type { FitTask } from './task.js'

/** The task whose parameters have settings. */
export interface SettingsContext {
  readonly task: FitTask
  readonly state: FitPageState
  readonly hasGroups: boolean
}

/** Functions that return the displayed fit and its points. */
export interface DetailsSource {
  readonly getShown: () => DisplayedState | null
  /** The points that can be selected in the plot. */
  readonly getPoints: () => readonly SelectablePoint[]
}

export class Details {
  readonly #view: PageView
  readonly #controls: DetailControls
  readonly #leftOut: PointsLeftOut
  readonly #parameters: ParameterTable
  readonly #groups: GroupTable
  readonly #summary = new FitSummary()
  readonly #correlations = new Correlations()

  constructor(view: PageView, source: DetailsSource, actions: PageActions) {
    this.#view = view
    this.#controls = new DetailControls(actions.change)
    this.#leftOut = new PointsLeftOut(actions)
    this.#parameters = new ParameterTable(actions.changeParameter)
    this.#groups = new GroupTable(actions.chooseGroup)
    view.parameters.append(this.#parameters.element, this.#controls.derived)
    view.errors.append(this.#controls.errors)
    view.statistics.append(this.#summary.element, this.#correlations.element)
    view.groups.append(this.#groups.element)
    view.leftOut.append(...this.#leftOut.elements)
    addShareButton(view, actions)
    addSaveButtons(view, source.getShown)
    selectInPlot(view.plot, source.getPoints, actions.leaveOut)
  }

  showControls(context: ControlContext): void {
    this.#controls.show(context)
    this.#leftOut.show(context.state.leftOut)
  }

  showSettings({ task, state, hasGroups }: SettingsContext): void {
    this.#parameters.show(task, state, hasGroups)
  }

  show(shown: DisplayedState | null, fit: ShownFit | null): void {
    const outcome = shown?.outcome ?? null
    const sigma = shown !== null && (shown.state.sigma !== '' || shown.state.weights !== '')
    this.#summary.show(fit && wholeFit(fit), outcome?.milliseconds ?? 0, sigma)
    this.#correlations.show(fit)
    this.#groups.show(shown?.groups ?? [], outcome?.fits ?? [], shown?.groups[shown.at]?.name ?? '')
    this.#view.status.textContent = fit === null ? '' : describeReason(wholeFit(fit))
    for (const button of this.#view.saves.querySelectorAll('button')) button.disabled = fit === null
  }
}
