/** The chart of the objective over the updates. */

import uPlot from 'uplot'
import { formatCount } from '../../dist/page.js'
import 'uplot/dist/uPlot.min.css'
import { formatNumber } from './dom.js'
import type { Race } from './race.js'
import { getStyle, theme } from './theme.js'

/** Maximum number of points per curve, which is about the resolution of the chart. */
const SAMPLES = 400

export class LossPlot {
  readonly element: HTMLElement
  readonly #caption: HTMLElement
  #plot: uPlot | null = null
  #race: Race | null = null
  /** Displayed position on the timeline, and the value that is subtracted from F. */
  #at = -1
  #least: number | null = null
  /** Key of the properties that require a new chart, such as the number of racers. */
  #kind = ''

  constructor(element: HTMLElement, caption: HTMLElement) {
    this.element = element
    this.#caption = caption
    new ResizeObserver(() => this.#plot?.setSize(this.#size)).observe(this.element)
  }

  get #size() {
    return { width: this.element.clientWidth, height: this.element.clientHeight }
  }

  /** Displays a new race. */
  begin(race: Race): void {
    this.#race = race
    this.#at = -1
    this.#least = leastValue(race)
    this.#caption.textContent = lossTitle(race)
    const kind = [race.racers.length, this.#least === null, theme().isDark].join()
    // The chart is reused. Its data come with the next update.
    if (kind === this.#kind) return
    this.#kind = kind
    this.#plot?.destroy()
    const highest = () => highestValue(this.#race as Race)
    this.#plot = new uPlot(plotOptions(race, highest, this.#size), this.#data(), this.element)
  }

  /** Updates the chart if the displayed position has changed. */
  update(): void {
    const race = this.#race as Race
    // Without a known minimum, the lowest value is known only after the race, which changes the scale.
    if (this.#least !== leastValue(race)) this.begin(race)
    if (this.#at === race.time) return
    this.#plot?.setData(this.#data())
  }

  #data(): uPlot.AlignedData {
    const { racers, time } = this.#race as Race
    const least = this.#least
    this.#at = time
    const stride = Math.max(1, Math.ceil(time / SAMPLES))
    const at = Array.from({ length: Math.ceil(time / stride) + 1 }, (_, i) => Math.min(time, i * stride))
    const series = racers.map((racer) =>
      at.map((t) => {
        if (t > racer.reach) return null
        const above = racer.values[racer.iterationsAt(t)] - (least ?? 0)
        // The logarithmic scale cannot show 0, and no scale can show values that are not finite.
        return Number.isFinite(above) && (least === null || above > 0) ? above : null
      }),
    )
    return [at, ...series] as uPlot.AlignedData
  }
}

/**
 * The value that is subtracted from F for the logarithmic scale: the minimum of F if it is known, otherwise the lowest
 * value of all racers. Null while that value is unknown.
 */
function leastValue(race: Race): number | null {
  const { minima, objective } = race.landscape
  return minima.length === 0 ? race.lowest : Math.min(...minima.map((minimum) => objective.value(minimum)))
}

function lossTitle(race: Race): string {
  const least = leastValue(race)
  if (least === null) return 'F (unknown minimum) on a scale that is linear near 0 and logarithmic beyond'
  if (race.landscape.minima.length === 0)
    return `F minus the lowest value found, ${formatNumber(least)}, on a logarithmic scale`
  return least === 0
    ? 'F on a logarithmic scale'
    : `F minus its minimum, ${formatNumber(least)}, on a logarithmic scale`
}

/** Upper limit of the chart for diverging paths, as a multiple of the value at the start. */
const HIGHEST = 1e4
const LOWEST = 1e-24

function highestValue(race: Race): number {
  const above = Math.abs((race.racers[0]?.values[0] ?? 1) - (leastValue(race) ?? 0))
  return HIGHEST * (Number.isFinite(above) ? Math.max(1e-3, above) : 1)
}

function plotOptions(
  race: Race,
  limit: () => number,
  size: { width: number; height: number },
): uPlot.Options {
  const { muted, grid } = theme()
  const isLog = leastValue(race) !== null
  const range = (_: uPlot, from: number | null, to: number | null): uPlot.Range.MinMax => {
    const highest = limit()
    if (from === null || to === null) return [isLog ? 0.1 : -1, 1]
    if (!isLog) return [Math.max(from, -highest) - 0.1, Math.min(to, highest) + 0.1]
    const decade = (x: number, round: (x: number) => number) => 10 ** round(Math.log10(x))
    return [
      decade(Math.max(LOWEST, Math.min(from, highest / 10)), Math.floor),
      decade(Math.min(to, highest), Math.ceil),
    ]
  }
  const axis = {
    stroke: muted,
    font: '12px system-ui, sans-serif',
    grid: { stroke: grid, width: 1 },
    ticks: { stroke: grid, width: 1, size: 4 },
  }
  return {
    ...size,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { time: false, range: (_, from, to) => [from ?? 0, Math.max(10, to ?? 0)] },
      y: { distr: isLog ? 3 : 4, asinh: 1, range },
    },
    axes: [
      {
        ...axis,
        size: 28,
        values: (_, ticks) => ticks.map((t) => (Number.isInteger(t) ? formatCount(t) : '')),
      },
      {
        ...axis,
        size: 52,
        ...(isLog && { splits: decades, filter: all }),
        values: (_, ticks) => ticks.map((y) => (y === null ? '' : power(y))),
      },
    ],
    series: [
      {},
      ...race.racers.map(({ name }, number) => {
        const { color, dash } = getStyle(number)
        return { label: name, stroke: color, dash: [...dash], width: 2, points: { show: false } }
      }),
    ],
  }
}

/** Keeps all tick labels; by default uPlot omits some of them. */
const all = (_: uPlot, splits: number[]) => splits

/** Tick positions: at most seven powers of ten. */
function decades(_: uPlot, __: number, from: number, to: number): number[] {
  const [first, last] = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to) + 1e-9)]
  const step = Math.max(1, Math.ceil((last - first) / 6))
  const count = Math.floor((last - first) / step) + 1
  return Array.from({ length: count }, (_, i) => Number(`1e${last - i * step}`)).reverse()
}

/** The label of a tick; integer powers of ten are written with an exponent. */
function power(y: number): string {
  const exponent = Math.log10(Math.abs(y))
  if (y === 0 || !Number.isInteger(Number(exponent.toFixed(9)))) return formatNumber(y, 2)
  return Math.abs(exponent) < 3
    ? formatNumber(y)
    : `${y < 0 ? '−' : ''}1e${Math.round(exponent)}`.replace('e-', 'e−')
}
