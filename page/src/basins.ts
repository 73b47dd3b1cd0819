/** The basin plot: the minimum that a rule reaches from each starting point in view. It is loaded on demand. */

import type { Point, View } from 'antigrad'
import { formatCount, getMessage, toFractions } from '../../dist/page.js'
import { formatNumber, formatPoint, h, labeled } from './dom.js'
import { titles } from './functions.js'
import { computePlotBox, computePoint, drawAxes } from './map/plot.js'
import {
  CONVERGED,
  DIVERGED,
  FIRST,
  Outcomes,
  paint,
  painter,
  SIDE,
  startNear,
  UNFINISHED,
} from './outcomes.js'
import { pairs, type Race } from './race.js'
import { build, describeEntry, getOption, isSchedule, type RuleEntry } from './rules.js'
import { stateObjectiveText } from './texts.js'
import { theme } from './theme.js'
import { WorkerPool } from './worker-pool.js'

/** Maximum number of minima with a row in the table and a number on the map. */
const LINES = 12
const SLIDER = { min: '-5', max: '1', step: '0.02' }
const engines: Readonly<Record<string, string>> = { wasm: 'WebAssembly', typescript: 'TypeScript' }
const percent = (part: number) =>
  part > 0 && part < 0.001
    ? 'below 0.1%'
    : `${(100 * part).toLocaleString('en', { maximumFractionDigits: 1 })}%`

export class Basins {
  readonly #racer = h('select')
  readonly #rate = h('input', { type: 'range', ...SLIDER })
  readonly #rateText = h('span', { className: 'count' })
  readonly #progress = h('progress', { max: 1, value: 0 })
  readonly #coarse = h('span', { className: 'count' })
  readonly #status = h('p', { className: 'status', role: 'status' })
  readonly #picture = h('canvas', { className: 'picture', width: SIDE, height: SIDE, role: 'img' })
  readonly #marks = h('canvas', { className: 'marks', 'aria-hidden': 'true' })
  readonly #map = h('div', { className: 'plot map' }, this.#picture, this.#marks)
  readonly #readout = h('p', { className: 'hint' })
  readonly #scale = h('caption')
  readonly #rows = h('tbody')
  readonly #pixels = new ImageData(SIDE, SIDE)
  readonly #crew = new WorkerPool()
  #race: Race | null = null
  /** Index of the racer whose basins are displayed. */
  #number = 0
  /** Key of the current plot. A plot with another key starts over. */
  #key = ''
  #isOver = false
  #name = ''
  #outcomes: Outcomes | null = null
  #begun = 0
  /** The minima that a scouting run has found for a function in a view. */
  #scouted: { readonly place: string; readonly minima: readonly Point[] } = { place: '', minima: [] }
  #isWaiting = false
  readonly #onPicture: (picture: HTMLCanvasElement | null, text: string) => void

  /**
   * @param onMove called with a new starting point for the race
   * @param onEntries called with the entries when the learning rate changes
   * @param onPicture called with each image (null removes the image), and with a sentence once the image is complete
   */
  constructor(
    frame: HTMLElement,
    onMove: (start: Point) => void,
    onEntries: (entries: readonly RuleEntry[]) => void,
    onPicture: (picture: HTMLCanvasElement | null, text: string) => void,
  ) {
    this.#onPicture = onPicture
    this.#progress.setAttribute('aria-label', 'Basin plot progress')
    const heads = ['End point', 'F', 'Share of starts'].map((text) => h('th', { scope: 'col' }, text))
    const table = h('table', {}, this.#scale, h('thead', {}, h('tr', {}, ...heads)), this.#rows)
    frame.replaceChildren(
      h(
        'div',
        { className: 'row' },
        labeled('Basins of', this.#racer),
        h('label', { className: 'field' }, h('span', {}, 'learning rate'), this.#rate, this.#rateText),
        this.#progress,
        this.#coarse,
      ),
      this.#status,
      h(
        'div',
        { className: 'columns' },
        h(
          'figure',
          {},
          h(
            'figcaption',
            {},
            'Each starting point has the color of the minimum that a run from this point reaches; a click starts a race at the point',
          ),
          this.#map,
          this.#readout,
        ),
        h('div', { className: 'found', tabIndex: 0, role: 'region', 'aria-label': 'Minima found' }, table),
      ),
    )
    this.#racer.addEventListener('change', () => {
      this.#number = this.#racer.selectedIndex
      if (this.#race) this.show(this.#race)
    })
    // The plot follows the slider at once. The race restarts when the slider is released.
    this.#rate.addEventListener('input', () => void this.#begin(this.#changed()))
    this.#rate.addEventListener('change', () => {
      const { entries } = (this.#race as Race).state
      onEntries(entries.map((entry, k) => (k === this.#number ? this.#changed() : entry)))
    })
    const pointed = ({ clientX, clientY }: MouseEvent): Point | null => {
      const { left, top, width, height } = this.#picture.getBoundingClientRect()
      const view = this.#race?.landscape.view
      return view ? computePoint(view, (clientX - left) / width, (clientY - top) / height) : null
    }
    this.#picture.addEventListener('click', (event) => {
      const point = pointed(event)
      if (point) onMove(point)
    })
    this.#picture.addEventListener('pointermove', (event) => this.#read(pointed(event)))
    this.#picture.addEventListener('pointerleave', () => this.#read())
    new ResizeObserver(() => this.#drawMarks()).observe(this.#map)
  }

  /** Selects the racer whose basins `show` displays next. */
  select(number: number): void {
    this.#number = number
  }

  /** Displays the basins of a race; starts over if anything except the starting point has changed. */
  show(race: Race): void {
    this.#race = race
    const { entries } = race.state
    this.#number = Math.min(this.#number, entries.length - 1)
    const names = entries.map(describeEntry)
    if (names.join() !== Array.from(this.#racer.options, ({ text }) => text).join()) {
      this.#racer.replaceChildren(...names.map((text) => h('option', {}, text)))
    }
    this.#racer.selectedIndex = this.#number
    if (this.#outcomes) this.#onPicture(this.#picture, '')
    const entry = entries[this.#number]
    this.#rate.disabled = isSchedule(getOption(entry, 'lr'))
    this.#rate.value = String(Math.log10(Number(getOption(entry, 'lr'))))
    this.#drawMarks()
    this.#read()
    void this.#begin(entry)
  }

  /** Stops an unfinished plot; `show` starts it again. */
  stop(): void {
    this.#crew.stop()
    if (!this.#isOver) this.#key = ''
  }

  /** Redraws after a change of theme. */
  redraw(): void {
    if (this.#outcomes) this.#draw()
    this.#drawMarks()
  }

  /** The entry with the slider's learning rate. */
  #changed(): RuleEntry {
    const entry = (this.#race as Race).state.entries[this.#number]
    const lr = Number((10 ** Number(this.#rate.value)).toPrecision(3))
    return { ...entry, options: { ...entry.options, lr } }
  }

  #showRate(entry: RuleEntry): void {
    const lr = getOption(entry, 'lr')
    this.#rateText.textContent = isSchedule(lr) ? 'a schedule' : formatNumber(Number(lr))
    this.#rate.setAttribute('aria-valuetext', this.#rateText.textContent)
  }

  /** Stops the plot of another key. */
  #restart(key: string, entry: RuleEntry): void {
    this.#key = key
    this.#isOver = false
    this.#crew.stop()
    this.#name = describeEntry(entry)
    this.#status.textContent = ''
    this.#progress.value = 0
    this.#coarse.textContent = ''
  }

  async #begin(entry: RuleEntry): Promise<void> {
    const { state, landscape } = this.#race as Race
    const { objective, expression, condition, tolerance, maxIterations, distance, bounds } = state
    const { view, minima } = landscape
    this.#showRate(entry)
    const key = JSON.stringify([
      ...[objective, expression, condition, view, entry, tolerance, maxIterations, distance, bounds],
    ])
    if (key === this.#key) return
    this.#restart(key, entry)
    if (build(entry).clip.norm !== undefined) {
      this.#refuse(`${this.#name} clips gradients by norm, but basins support only clipping by value`)
      return
    }
    let text: string
    try {
      text = await stateObjectiveText(state)
    } catch (thrown) {
      if (key === this.#key) this.#refuse(getMessage(thrown))
      return
    }
    if (key !== this.#key) return
    this.#begun = performance.now()
    const failed = (message: string, isOfRule: boolean) =>
      this.#refuse(
        isOfRule
          ? `basins support only elementwise rules of one stage, and ${this.#name} is not one`
          : message,
      )
    const [x, y] = bounds ? pairs(bounds) : []
    const limits = x && y && { bounds: { x, y } }
    const run = (known: readonly Point[]) => {
      const outcomes = new Outcomes(view, known, distance)
      this.#crew.start({ text, entry, options: { tolerance, maxIterations, ...limits } }, view, {
        found: (piece, ends) => {
          outcomes.take(piece, ends)
          // The previous plot stays visible until the first piece of the new one arrives.
          this.#outcomes = outcomes
          this.#wake()
        },
        done: (engine) => this.#finish(engine),
        failed,
      })
    }
    const place = JSON.stringify([text, view, distance, bounds])
    if (place === this.#scouted.place) {
      run(this.#scouted.minima)
      return
    }
    // A coarse scouting plot with a rule that converges finds the minima first. Their colors are then the same for all
    // rules, and runs that circle a minimum forever can be assigned to it.
    const scouted = new Outcomes(view, minima, distance)
    this.#crew.start({ text, entry: scout(view), options: { maxIterations: 3000, ...limits } }, view, {
      found: (piece, ends) => {
        scouted.take(piece, ends)
        this.#scouted = { place, minima: scouted.minima.map(({ point }) => point) }
        run(this.#scouted.minima)
      },
      done: () => {},
      failed,
    })
  }

  #finish(engine: string): void {
    this.#isOver = true
    const seconds = formatNumber((performance.now() - this.#begun) / 1000, 2)
    const workers = this.#crew.size === 1 ? 'a worker' : `${this.#crew.size} workers`
    this.#status.textContent =
      `Done: ${formatCount(SIDE * SIDE)} starts of ${this.#name} in ${seconds} s, ` +
      `on ${engines[engine] ?? engine} in ${workers}.${this.#unfinished()}`
    this.#onPicture(this.#picture, this.#status.textContent)
  }

  /** A hint if many runs have not converged. */
  #unfinished(): string {
    const { counts, done } = this.#outcomes as Outcomes
    const part = counts[UNFINISHED] / done
    if (part < 0.05) return ''
    const { maxIterations, distance } = (this.#race as Race).state
    return (
      ` ${percent(part)} have not converged: after ${formatCount(maxIterations)} updates, these runs are still moving, and are farther than ` +
      `${formatNumber(distance)} from every minimum. A larger learning rate, more updates or a larger success radius may help.`
    )
  }

  #refuse(why: string): void {
    this.#isOver = true
    this.#outcomes = null
    this.#status.textContent = `No basins: ${why}.`
    this.#picture.setAttribute('aria-label', this.#status.textContent)
    this.#picture.getContext('2d')?.clearRect(0, 0, SIDE, SIDE)
    this.#onPicture(null, this.#status.textContent)
    this.#scale.textContent = ''
    this.#rows.replaceChildren()
    this.#drawMarks()
    this.#read()
  }

  #wake(): void {
    if (this.#isWaiting) return
    this.#isWaiting = true
    requestAnimationFrame(() => {
      this.#isWaiting = false
      if (this.#outcomes) this.#draw()
    })
  }

  #draw(): void {
    const outcomes = this.#outcomes as Outcomes
    paint(outcomes, theme(), new Uint32Array(this.#pixels.data.buffer))
    this.#picture.getContext('2d')?.putImageData(this.#pixels, 0, 0)
    this.#onPicture(this.#picture, '')
    const { done, fast, slow } = outcomes
    this.#progress.value = done / (SIDE * SIDE)
    this.#coarse.textContent = `${formatCount(done)} starts`
    this.#scale.textContent =
      slow > fast
        ? `Strong color: at most ${formatCount(fast)} updates; faint color: at least ${formatCount(slow)}`
        : `All runs end after ${formatCount(fast)} updates`
    const found = this.#found()
    this.#rows.replaceChildren(...this.#lines(found))
    const shares = [...found.slice(0, LINES), ...otherOutcomes].map(({ kind, title }) => {
      const part = outcomes.counts[kind] / done
      return part > 0 ? [`${title ?? this.#named(outcomes.minima[kind - FIRST].point)} ${percent(part)}`] : []
    })
    this.#picture.setAttribute(
      'aria-label',
      `Basins of ${this.#name} on ${titles[(this.#race as Race).state.objective]}: ${shares.flat().join(', ')}`,
    )
    this.#drawMarks()
    this.#read()
  }

  /** The minima, sorted by the number of starting points that reach them. */
  #found(): LegendLine[] {
    const { minima, counts } = this.#outcomes as Outcomes
    return minima
      .map((_, number): LegendLine => ({ kind: FIRST + number }))
      .sort((a, b) => counts[b.kind] - counts[a.kind])
  }

  #lines(found: readonly LegendLine[]): HTMLElement[] {
    const { minima, counts, done } = this.#outcomes as Outcomes
    const { objective } = (this.#race as Race).landscape
    const row = (patch: Node | string, title: string, value: string, count: number) =>
      h(
        'tr',
        {},
        h('th', { scope: 'row' }, patch, title),
        h('td', {}, value),
        h('td', {}, percent(count / done)),
      )
    const lines = found.slice(0, LINES).map(({ kind }) => {
      const { point } = minima[kind - FIRST]
      const title = `${kind - FIRST + 1}: ${this.#named(point)}`
      return row(this.#patch(kind), title, formatNumber(objective.value(point)), counts[kind])
    })
    const others = found.slice(LINES)
    if (others.length > 0) {
      const count = others.reduce((sum, { kind }) => sum + counts[kind], 0)
      lines.push(row('', `${others.length} other minima`, '', count))
    }
    for (const { kind, title = '' } of otherOutcomes) {
      if (counts[kind] > 0) lines.push(row(this.#patch(kind), title, '', counts[kind]))
    }
    return lines
  }

  /** A sample of an outcome's colors, from fast to slow. */
  #patch(kind: number): HTMLCanvasElement {
    const [width, height] = [40, 16]
    const canvas = h('canvas', { className: 'swatch', width, height, 'aria-hidden': 'true' })
    const outcomes = this.#outcomes as Outcomes
    const color = painter(outcomes, theme())
    const image = new ImageData(width, height)
    const { fast, slow } = outcomes
    const pixels = new Uint32Array(image.data.buffer)
    for (let pixel = 0; pixel < width * height; pixel++) {
      const [column, row] = [pixel % width, Math.floor(pixel / width)]
      pixels[pixel] = color(kind, fast * (slow / fast) ** (column / (width - 1)), column, row)
    }
    canvas.getContext('2d')?.putImageData(image, 0, 0)
    return canvas
  }

  /** Draws the axes, the numbers of the minima and the starting point of the race. */
  #drawMarks(): void {
    const { clientWidth, clientHeight } = this.#map
    if (!this.#race || clientWidth === 0) return
    const ratio = Math.min(devicePixelRatio, 2)
    this.#marks.width = clientWidth * ratio
    this.#marks.height = clientHeight * ratio
    const context = this.#marks.getContext('2d') as CanvasRenderingContext2D
    context.scale(ratio, ratio)
    const box = computePlotBox(clientWidth, clientHeight)
    const { view } = this.#race.landscape
    drawAxes(context, box, view)
    context.beginPath()
    context.rect(box.left, box.top, box.width, box.height)
    context.clip()
    const pixel = (point: Point): Point => {
      const [u, v] = toFractions(point, view)
      return [box.left + box.width * u, box.top + box.height * (1 - v)]
    }
    const { text, surface } = theme()
    context.font = '600 13px system-ui, sans-serif'
    context.textAlign = 'center'
    context.textBaseline = 'middle'
    const lines = this.#outcomes ? this.#found().slice(0, LINES) : []
    for (const { kind } of lines) {
      const [x, y] = pixel((this.#outcomes as Outcomes).minima[kind - FIRST].point)
      circle(context, [x, y], 9, { fill: surface, stroke: text, width: 1.5 })
      context.fillStyle = text
      context.fillText(String(kind - FIRST + 1), x, y + 0.5)
    }
    const start = pixel(this.#race.state.start)
    circle(context, start, 12, { stroke: surface, width: 6 })
    circle(context, start, 12, { stroke: text, width: 2.5 })
  }

  #named(point: Point): string {
    return formatPoint((this.#race as Race).landscape.view, point)
  }

  /** Describes the outcome of a starting point, by default of the race's. */
  #read(point: Point | null = null): void {
    const outcomes = this.#outcomes
    const { state, landscape } = this.#race as Race
    const from = point ?? state.start
    const near = startNear(landscape.view, from)
    this.#readout.textContent = ''
    if (!outcomes || near === null) return
    const start = outcomes.shown[near]
    const kind = outcomes.kinds[start]
    const after = `after ${formatCount(outcomes.iterations[start])} updates`
    const end = this.#named(outcomes.endOf(start))
    const what =
      kind >= FIRST
        ? `reaches minimum ${kind - FIRST + 1}, ${this.#named(outcomes.minima[kind - FIRST].point)}, and stops ${after}`
        : { [DIVERGED]: `diverges ${after}`, [CONVERGED]: `converges to ${end} ${after}` }[kind]
    this.#readout.textContent = `From ${this.#named(from)} the run ${what ?? `is still at ${end} ${after}`}.`
  }
}

/** The scouting rule: Adam with steps that are small in the view. */
function scout([x0, x1, y0, y1]: View): RuleEntry {
  return { rule: 'adam', options: { lr: Math.min(x1 - x0, y1 - y0) / 500 } }
}

/** A row of the table. Minima have no title: they are named by their position. */
interface LegendLine {
  readonly kind: number
  readonly title?: string
}

const otherOutcomes: readonly LegendLine[] = [
  { kind: CONVERGED, title: 'converged elsewhere' },
  { kind: UNFINISHED, title: 'not converged' },
  { kind: DIVERGED, title: 'diverged' },
]

function circle(
  context: CanvasRenderingContext2D,
  [x, y]: Point,
  radius: number,
  { fill, stroke, width }: { readonly fill?: string; readonly stroke: string; readonly width: number },
): void {
  context.beginPath()
  context.arc(x, y, radius, 0, 2 * Math.PI)
  context.lineWidth = width
  context.strokeStyle = stroke
  if (fill !== undefined) {
    context.fillStyle = fill
    context.fill()
  }
  context.stroke()
}
