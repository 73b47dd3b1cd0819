/** Shows a fit: the plot, the sentence on the result, the tables, and the parts that are loaded on demand. */

import { bandKind, computeFitted, computeLine, describeHiddenRows, filledY, openPoints } from './curves.js'
import type { ControlContext } from './detail-controls.js'
import type { Details, SettingsContext } from './details.js'
import { endsOf, type ShownFit, wholeFit } from './displayed-fit.js'
import type { DisplayedState, Verdicts } from './displayed-state.js'
import { drawerTitles, type PageActions, type PageView } from './page-view.js'
import type { FitPlotData } from './plot.js'
import type { SelectablePoint } from './plot-selection.js'
import { describeGroups, describeVerdict } from './verdict.js'

/** Maximum number of groups that are drawn in addition to the selected group. */
const MAX_OTHER_GROUPS = 23
/** Number of points of the curve of a small multiple. */
const SMALL_SAMPLES = 49

export class Display {
  readonly #view: PageView
  readonly #actions: PageActions
  #shown: DisplayedState | null = null
  #verdicts: Verdicts = []
  #second: FitPlotData['second'] = null
  #details: Details | null = null
  #settings: SettingsContext | null = null
  #controls: ControlContext | null = null
  #multiples: import('./multiples.js').Multiples | null = null
  /** Counts the displayed fits, so that a part that loads late does not show a former fit. */
  #version = 0

  constructor(view: PageView, actions: PageActions) {
    this.#view = view
    this.#actions = actions
  }

  /** Shows that there is no table, or that it waits for data. */
  clear(): void {
    this.#view.plot.show(null)
    this.#view.verdict.textContent = ''
    this.#view.data.show(null)
    this.#show(null)
  }

  /** Shows the points alone, before the fit. */
  showPoints(shown: DisplayedState): void {
    this.#show(shown)
    this.#draw()
  }

  show(shown: DisplayedState): void {
    this.#show(shown)
    this.#draw()
  }

  #show(shown: DisplayedState | null): void {
    this.#version++
    this.#shown = shown
    this.#second = null
    const { estimates } = this.#view
    const outcome = shown?.outcome ?? null
    const fit = outcome?.fits[shown?.at ?? 0] ?? null
    const isSeveral = shown !== null && shown.groups.length > 1
    const group = shown !== null && isSeveral ? shown.groups[shown.at].name : null
    this.#verdicts = shown === null ? [] : judgeAll(shown)
    estimates.show(fit, shown?.task?.parameters ?? [], group)
    this.#conclude(shown, isSeveral)
    void this.#showDetails(fit)
    void this.#showMultiples(shown, isSeveral)
    void this.#showCounts(shown)
    this.showParts()
  }

  /** Shows the settings of a task's parameters. */
  showSettings(settings: SettingsContext): void {
    this.#settings = settings
    this.#details?.showSettings(settings)
  }

  /** Shows the settings of errors and derived quantities. */
  showControls(context: ControlContext): void {
    this.#controls = context
    this.#details?.showControls(context)
  }

  async #showDetails(fit: ShownFit | null): Promise<void> {
    const version = this.#version
    if (this.#details === null) {
      // The curve appears first.
      await new Promise(requestAnimationFrame)
      await new Promise(requestAnimationFrame)
      const { Details } = await import('./details.js')
      const source = { getShown: () => this.#shown, getPoints: () => this.#points() }
      this.#details ??= new Details(this.#view, source, this.#actions)
      if (this.#controls) this.#details.showControls(this.#controls)
      if (version !== this.#version) return
      if (this.#settings) this.#details.showSettings(this.#settings)
    }
    this.#details.show(this.#shown, fit)
  }

  /** The sentence on the result, and remarks. */
  #conclude(shown: DisplayedState | null, isSeveral: boolean): void {
    const { verdict, remarks } = this.#view
    const fit = shown?.outcome?.fits[shown.at]
    if (shown === null || fit === undefined) {
      verdict.textContent = ''
      remarks.textContent = ''
      verdict.classList.remove('doubtful')
      return
    }
    const own = this.#verdicts[shown.at]
    const all = isSeveral ? ` ${describeGroups(this.#verdicts, shown.state)}` : ''
    verdict.textContent = `${own.text}${all}`
    verdict.classList.toggle('doubtful', !own.isGood)
    const { message } = wholeFit(fit)
    const said = [
      message && `${message}.`,
      ...endsOf(fit),
      describeHiddenRows(shown.groups[shown.at]?.rows, shown.state),
    ]
    remarks.textContent = said.filter((text) => text !== '').join(' ')
  }

  #draw(): void {
    const shown = this.#shown
    if (shown === null) return
    const { task, chosen, groups, at, outcome, state } = shown
    const isSeveral = groups.length > 1
    const { rows } = groups[at] ?? {}
    const fit = outcome?.fits[at]
    const points = rows
      ? { ...rows, y: filledY(rows, fit), open: openPoints(shownColumns(shown), rows, fit) }
      : { x: [], y: [], sigma: undefined, open: { x: [], y: [] } }
    const { x, y, sigma, open } = points
    const fitted = rows ? computeFitted(task ?? chosen, rows, fit, state) : null
    // Small multiples show the other groups of large tables.
    const others = groups.flatMap(({ rows }, k) =>
      k === at || groups.length > MAX_OTHER_GROUPS + 1
        ? []
        : [{ ...rows, fitted: computeFitted(task ?? chosen, rows, outcome?.fits[k], state) }],
    )
    const what = fitted?.curve ? `95% ${bandKind(task ?? chosen, state)} band` : 'Data and model values'
    this.#view.caption.textContent = fitted === null ? 'Data' : what
    const titles = {
      x: chosen.x.title,
      y: shownColumns(shown).y.title,
      residuals: state.distribution === '' ? 'residuals' : 'Pearson',
    }
    const log = { x: state.logX, y: state.logY }
    this.#view.plot.show({ titles, log, x, y, sigma, open, others, second: this.#second, fitted }, isSeveral)
  }

  /** The points of the selected group, for selection in the plot. */
  #points(): SelectablePoint[] {
    const shown = this.#shown
    if (shown === null) return []
    const { table, groups, at } = shown
    const { x, y } = shownColumns(shown)
    const point = (isOut: boolean) => (row: number) => {
      return { x: x.numbers[row], y: y.numbers[row], key: table.keys[row], isOut }
    }
    const { kept = [], excluded = [] } = groups[at]?.rows ?? {}
    return [...kept.map(point(false)), ...excluded.map(point(true))]
  }

  async #showMultiples(shown: DisplayedState | null, isSeveral: boolean): Promise<void> {
    const place = this.#view.multiples
    place.hidden = !isSeveral
    this.#view.shared.hidden = !isSeveral
    if (shown === null || !isSeveral) return
    const version = this.#version
    const { Multiples, showSharedChoices } = await import('./multiples.js')
    if (version !== this.#version) return
    this.#multiples ??= new Multiples(this.#actions.chooseGroup)
    if (place.children.length === 0) place.append(this.#multiples.element)
    const { groups, at, task, outcome, state } = shown
    showSharedChoices(
      this.#view.shared,
      task?.parameters ?? [],
      state.parameters,
      this.#actions.changeParameter,
    )
    const all = groups.map((group, k) => ({
      group,
      y: filledY(group.rows, outcome?.fits[k]),
      curve: task && computeLine(task, group.rows, outcome?.fits[k], state, SMALL_SAMPLES),
      open: openPoints(shownColumns(shown), group.rows, outcome?.fits[k]),
      verdict: this.#verdicts[k] ?? null,
    }))
    this.#multiples.show(all, groups[at].name, { x: state.logX, y: state.logY })
  }

  async #showCounts(shown: DisplayedState | null): Promise<void> {
    const { counts: place } = this.#view
    const counts = shown?.outcome?.counts ?? []
    place.hidden = counts.length === 0
    if (counts.length === 0) return
    const { tableOfCounts } = await import('./peaks.js')
    place.replaceChildren(tableOfCounts(counts))
  }

  /** Shows the drawers that are loaded on demand, if they are open or the settings use them. */
  showParts(): void {
    void this.#showCompare()
    void this.#showUnknowns()
  }

  async #showCompare(): Promise<void> {
    const [shown, version] = [this.#shown, this.#version]
    const { drawers, compare: place } = this.#view
    if (!drawers.isOpen(drawerTitles.compare) && !shown?.state.compare) return
    const { showCompare } = await import('./compare.js')
    if (version !== this.#version) return
    const second = await showCompare(place, shown, this.#actions.change)
    if (version !== this.#version) return
    if (shown?.state.compare) drawers.open(drawerTitles.compare)
    this.#second = second
    if (second) this.#draw()
  }

  async #showUnknowns(): Promise<void> {
    const [shown, version] = [this.#shown, this.#version]
    const { drawers, unknowns: place } = this.#view
    if (!drawers.isOpen(drawerTitles.unknowns) && !shown?.state.unknowns) return
    const { showUnknowns } = await import('./unknowns.js')
    if (version !== this.#version) return
    if (shown?.state.unknowns) drawers.open(drawerTitles.unknowns)
    showUnknowns(place, shown, this.#actions.change)
  }
}

/** The columns of the plot. */
const shownColumns = ({ task, chosen: { x, y } }: DisplayedState) => ({ x, y: task?.shownY ?? y })

function judgeAll({ outcome, groups, state, task }: DisplayedState): Verdicts {
  return (outcome?.fits ?? []).map((fit, k) =>
    describeVerdict(fit, {
      state,
      x: usedX(fit.residuals.length, groups[k].rows.x),
      isCurve: task?.isCurve === true,
      noise: task?.noise ?? [],
      group: groups.length > 1 ? groups[k].name : null,
    }),
  )
}

/** Residuals and x have one number per row. */
const usedX = (length: number, x: Float64Array) => x.subarray(0, length)
