/** The tab that measures the engines. */

import { type EngineName, engines, type Rule } from 'antigrad'
import uPlot from 'uplot'
import { formatCount, getMessage } from '../../dist/page.js'
import { digitBelow, formatNumber, h, labeled, select } from './dom.js'
import { makePlainLoop } from './loops.js'
import { type Measurement, measure, type SubjectName, selectSizes } from './measure.js'
import { allRuleNames, build, matrixRules, type RuleName, suggested } from './rules.js'
import { getStyle, swatch, theme } from './theme.js'

const titles: Readonly<Record<SubjectName, string>> = {
  native: 'Rust as a Node addon',
  wasm: 'Rust as WebAssembly',
  typescript: 'TypeScript',
  loop: 'plain JavaScript loop',
}

/** Up to this size, the table also shows the time per step, which consists mostly of the call's overhead. */
const SMALL = 1000

export class Bench {
  readonly element: HTMLElement
  readonly #rule = select(Object.fromEntries(allRuleNames.map((name) => [name, name])), 'adam')
  readonly #run = h('button', { type: 'button', className: 'primary', textContent: 'Measure' })
  readonly #cancel = h('button', { type: 'button', textContent: 'Cancel', disabled: true })
  readonly #progress = h('progress', { max: 1, value: 0 })
  readonly #status = h('p', { className: 'status', role: 'status' })
  readonly #chart = h('div', { className: 'plot rates', 'aria-hidden': 'true' })
  readonly #results = h('div', { className: 'results', tabIndex: 0, role: 'region', 'aria-label': 'Results' })
  readonly #report = h('div', {
    className: 'report',
    tabIndex: 0,
    role: 'region',
    'aria-label': 'Engine report',
  })
  #plot: uPlot | null = null
  #found: readonly Measurement[] = []
  /** Whether the measurements are of matrix parameters. */
  #areMatrices = false
  #stop = new AbortController()

  constructor() {
    this.#progress.setAttribute('aria-label', 'Measurement progress')
    const controls = h(
      'div',
      { className: 'row controls' },
      labeled('Rule', this.#rule),
      this.#run,
      this.#cancel,
      this.#progress,
    )
    this.element = h(
      'div',
      { className: 'bench' },
      h('h2', {}, 'Engines in this browser'),
      h(
        'p',
        { className: 'hint' },
        'The chart shows the time per update in float32, without the computation of the gradient, as the median of nine rounds in ' +
          'which the engines take turns. All engines compute the same bits. For gradientDescent, momentum and adam ' +
          'there is also a plain JavaScript loop, whose bits may differ. ' +
          `The parameters of ${matrixRules.join(', ')} are a square matrix.`,
      ),
      controls,
      this.#status,
      h('div', { className: 'columns' }, h('figure', {}, this.#chart), this.#results),
      h('h2', {}, 'Available engines'),
      this.#report,
    )
    this.#run.addEventListener('click', () => void this.#measure())
    this.#cancel.addEventListener('click', () => this.#stop.abort())
    new ResizeObserver(() => this.#plot?.setSize(this.#size)).observe(this.#chart)
  }

  /** Shows the engine report when the tab is first opened, because the report loads the engines. */
  open(): void {
    if (this.#report.childElementCount > 0) return
    const rows = Object.entries(engines()).map(([name, { available, reasons, instructionSets }]) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, titles[name as EngineName]),
        h('td', {}, available ? 'available' : 'unavailable'),
        h('td', {}, reasons.join('; ') || instructionSets.join(', ') || 'portable'),
      ),
    )
    const heads = ['Engine', 'Status', 'Details'].map((text) => h('th', { scope: 'col' }, text))
    this.#report.append(
      h('table', {}, h('thead', {}, h('tr', {}, ...heads)), h('tbody', {}, ...rows)),
      h('p', { className: 'hint' }, `${navigator.userAgent}, ${navigator.hardwareConcurrency} threads`),
    )
    this.#show()
  }

  redraw(): void {
    if (this.#report.childElementCount > 0) this.#show()
  }

  async #measure(): Promise<void> {
    const rule = this.#rule.value as RuleName
    const report = engines()
    const built = build(suggested(rule)).rule as Rule
    const available = (Object.keys(report) as EngineName[]).filter((name) => report[name].available)
    const runs: SubjectName[] = [...available, ...(makePlainLoop(built) ? (['loop'] as const) : [])]
    this.#stop = new AbortController()
    this.#run.disabled = true
    this.#cancel.disabled = false
    this.#cancel.focus()
    this.#status.textContent = `Measuring ${rule}…`
    try {
      const progress = (part: number, latest: readonly Measurement[]) => {
        this.#progress.value = part
        if (latest.length === this.#found.length) return
        this.#found = [...latest]
        this.#show()
      }
      this.#found = []
      this.#areMatrices = matrixRules.includes(rule)
      this.#found = await measure(built, this.#areMatrices, runs, progress, this.#stop.signal)
      this.#status.textContent = this.#stop.signal.aborted
        ? 'Canceled.'
        : `Done: ${rule} on ${runs.map((name) => titles[name]).join(' and ')}.`
    } catch (thrown) {
      this.#status.textContent = `The measurement failed: ${getMessage(thrown)}.`
    }
    this.#run.disabled = false
    this.#cancel.disabled = true
    this.#run.focus()
    this.#show()
  }

  get #size() {
    return { width: this.#chart.clientWidth, height: this.#chart.clientHeight }
  }

  #show(): void {
    const names = [...new Set(this.#found.map(({ engine }) => engine))]
    const all = selectSizes(this.#areMatrices)
    const called = (size: number) =>
      this.#areMatrices ? `${Math.sqrt(size)} × ${Math.sqrt(size)}` : formatCount(size)
    const at = (engine: SubjectName, size: number, per: number) => {
      const found = this.#found.find((m) => m.engine === engine && m.size === size)
      return found ? found.nanosecondsPerStep / per : null
    }
    const table = (title: string, sizes: readonly number[], per: (size: number) => number) => {
      const heads = ['Parameters', ...names.map((name) => titles[name])].map((text, i) =>
        h('th', { scope: 'col' }, ...(i > 0 ? [swatch(i - 1)] : []), text),
      )
      const rows = sizes.map((size) =>
        h(
          'tr',
          {},
          h('th', { scope: 'row' }, called(size)),
          ...names.map((name) => {
            const time = at(name, size, per(size))
            return h('td', {}, time === null ? '' : formatNumber(time, 3))
          }),
        ),
      )
      return h(
        'table',
        {},
        h('caption', {}, title),
        h('thead', {}, h('tr', {}, ...heads)),
        h('tbody', {}, ...rows),
      )
    }
    this.#results.replaceChildren(
      ...(names.length > 0
        ? [
            table('Nanoseconds per parameter', all, (size) => size),
            table(
              'Nanoseconds per step',
              all.filter((size) => size <= SMALL),
              () => 1,
            ),
          ]
        : [h('p', { className: 'hint' }, 'No measurements yet: press Measure, and wait a few seconds.')]),
    )
    this.#plot?.destroy()
    const series = names.map((name) => all.map((size) => at(name, size, size)))
    this.#plot = new uPlot(this.#options(names, all), [[...all], ...series], this.#chart)
  }

  #options(names: readonly SubjectName[], sizes: readonly number[]): uPlot.Options {
    const { muted, grid } = theme()
    const axis = {
      stroke: muted,
      font: '12px system-ui, sans-serif',
      labelFont: '12px system-ui, sans-serif',
      labelSize: 18,
      grid: { stroke: grid, width: 1 },
      ticks: { stroke: grid, width: 1, size: 4 },
    }
    const short = new Intl.NumberFormat('en', { notation: 'compact' })
    return {
      ...this.#size,
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, distr: 3, range: [sizes[0] / 1.3, sizes[sizes.length - 1] * 1.3] },
        y: {
          distr: 3,
          range: (_, from, to) => (from === null || to === null ? [0.1, 10] : [digitBelow(from / 2), to * 2]),
        },
      },
      axes: [
        {
          ...axis,
          size: 28,
          label: 'parameters',
          splits: () => [...sizes],
          values: () => sizes.map((n) => short.format(n)),
        },
        {
          ...axis,
          size: 48,
          label: 'ns per parameter',
          values: (_, ticks) =>
            ticks.map((y) => (y === null || !/^[^1-9]*1[^1-9]*$/.test(String(y)) ? '' : formatNumber(y))),
        },
      ],
      series: [
        {},
        ...names.map((name, number) => {
          const { color, dash } = getStyle(number)
          return {
            label: titles[name],
            stroke: color,
            dash: [...dash],
            width: 2,
            points: { show: true, fill: color },
          }
        }),
      ],
    }
  }
}
