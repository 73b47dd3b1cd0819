/** One step on the page: its controls, its figure, and the sentence on its runs. */

import { h } from '../dom.js'
import { isStill, onThemeChange, swatch } from '../theme.js'
import { toPixel, toPoint } from './axes.js'
import type { BasinTask } from './basin-map.js'
import { Figure } from './figure.js'
import { embedText, type LinkSettings, writeLink } from './links.js'
import { computeRuns, describeRun, updatesOf } from './runs.js'
import { makeSlider, type Slider } from './slider.js'
import type { Run, Scene, Step } from './step.js'

/** Duration of the animation in milliseconds. */
const DURATION = 5000

export class StepView {
  readonly #step: Step
  readonly #section: HTMLElement
  readonly #figure: Figure
  readonly #sliders: readonly Slider[]
  readonly #play = h('button', { type: 'button', className: 'primary', textContent: 'Play' })
  readonly #legend = h('ul', { className: 'legend' })
  readonly #result: HTMLElement
  readonly #handle: HTMLElement | null
  #settings: Record<string, number>
  #scene: Scene
  #runs: readonly Run[] = []
  /** Displayed update. */
  #time = 0
  #frame = 0
  /** Ends the computation of the basins. */
  #basins = new AbortController()

  constructor(section: HTMLElement, step: Step, { settings }: LinkSettings) {
    this.#step = step
    this.#section = section
    this.#settings = { ...settings }
    this.#scene = step.scene(settings)
    const canvas = h('canvas', { role: 'img', 'aria-label': step.figure })
    this.#figure = new Figure(canvas)
    this.#handle = step.start ? this.#makeHandle() : null
    this.#sliders = step.controls.map((control) =>
      makeSlider(control, settings[control.name], (value) => this.#set({ [control.name]: value })),
    )
    this.#result = section.querySelector('.result') as HTMLElement
    const frame = section.querySelector('.figure') as HTMLElement
    const map = h('div', { className: 'map' }, canvas, ...(this.#handle ? [this.#handle] : []))
    const row = h(
      'div',
      { className: 'controls' },
      this.#play,
      ...this.#sliders.map(({ element }) => element),
    )
    frame.replaceChildren(map, row, this.#legend)
    this.#play.addEventListener('click', () => (this.#frame === 0 ? this.play() : this.#pause()))
    this.#addShareButtons()
    this.#compute()
    this.#show()
    new ResizeObserver(() => this.#redraw()).observe(canvas)
    onThemeChange(() => this.#redraw())
  }

  /** Plays the runs from the start; with reduced motion, the complete paths are shown. */
  play(): void {
    if (isStill.matches) {
      this.#finish()
      return
    }
    const begin = performance.now()
    const { timeControl } = this.#step
    const frame = (now: number) => {
      const part = Math.min(1, Math.max(0, now - begin) / DURATION)
      if (timeControl) {
        const { min } = this.#step.controls[0]
        this.#setTime(min * (this.#length / min) ** part)
      } else {
        // The first updates are the largest, so they play slowly.
        this.#time = this.#length * part * part
      }
      this.#draw()
      this.#frame = part < 1 ? requestAnimationFrame(frame) : 0
      if (part === 1) this.#pause()
    }
    cancelAnimationFrame(this.#frame)
    this.#frame = requestAnimationFrame(frame)
    this.#play.textContent = 'Pause'
  }

  #pause(): void {
    cancelAnimationFrame(this.#frame)
    this.#frame = 0
    this.#play.textContent = 'Play'
  }

  #finish(): void {
    this.#pause()
    if (this.#step.timeControl) this.#setTime(this.#length)
    else this.#time = this.#length
    this.#draw()
  }

  get #length(): number {
    return Math.max(...this.#runs.map(({ updates }) => updates))
  }

  /** Selects the displayed update on a step whose slider is the timeline. */
  #setTime(update: number): void {
    const name = this.#step.timeControl as string
    const time = Math.min(this.#length, Math.round(update))
    this.#settings[name] = time
    for (const slider of this.#sliders) slider.set(time)
    this.#show()
  }

  /** Applies changed settings, and shows the complete paths. */
  #set(changed: Readonly<Record<string, number>>): void {
    this.#pause()
    Object.assign(this.#settings, changed)
    const { timeControl } = this.#step
    if (!timeControl || !(timeControl in changed)) this.#compute()
    this.#time = this.#length
    this.#show()
    this.#draw()
    const answer = this.#section.querySelector('details')
    if (answer && this.#step.isAnswered(this.#settings, this.#runs)) answer.open = true
  }

  #compute(): void {
    this.#scene = this.#step.scene(this.#settings)
    this.#runs = computeRuns(this.#scene)
    this.#figure.show(this.#scene, this.#runs)
    if (this.#scene.basins) void this.#showBasins(this.#scene.basins)
  }

  /** Computes the basins coarsely, and then finely, until other settings are selected. */
  async #showBasins(task: BasinTask): Promise<void> {
    this.#basins.abort()
    this.#basins = new AbortController()
    const { signal } = this.#basins
    const { computeBasins } = await import('./basin-map.js')
    for (const columns of [64, 256]) {
      const size = { columns, rows: (columns * task.rows) / task.columns }
      const cells = await computeBasins({ ...task, ...size }, signal).catch(() => null)
      if (signal.aborted || cells === null) return
      this.#figure.showBasins({ cells, ...size })
      this.#draw()
      this.#section.dataset.basins = String(columns)
    }
  }

  /** Writes the sentence and the legend. */
  #show(): void {
    const { timeControl } = this.#step
    if (timeControl) this.#time = this.#settings[timeControl]
    this.#result.textContent = this.#step.result(this.#settings, this.#runs)
    this.#legend.replaceChildren(
      ...this.#runs.map((run) =>
        h('li', {}, swatch(run.style), `${run.name}${this.#scene.radius > 0 ? `: ${describeRun(run)}` : ''}`),
      ),
    )
    this.#legend.hidden = this.#runs.length < 2
    this.#placeHandle()
  }

  #draw(): void {
    this.#figure.draw(this.#time)
  }

  #redraw(): void {
    this.#figure.redraw(this.#time)
    this.#show()
  }

  #makeHandle(): HTMLElement {
    const handle = h('div', { className: 'handle', tabIndex: 0, role: 'slider', 'aria-label': 'Start' })
    const [x0, x1, y0, y1] = this.#scene.view
    handle.addEventListener('pointerdown', (event) => {
      handle.setPointerCapture(event.pointerId)
      handle.focus()
      event.preventDefault()
    })
    handle.addEventListener('pointermove', ({ clientX, clientY, pointerId }) => {
      if (!handle.hasPointerCapture(pointerId)) return
      const box = this.#figure.canvas.getBoundingClientRect()
      const u = (clientX - box.left) / box.width
      const v = (clientY - box.top) / box.height
      const [x, y] = toPoint(this.#scene.view, u, v)
      this.#set({ x, y })
    })
    handle.addEventListener('keydown', (event) => {
      const direction = arrows[event.key]
      if (!direction) return
      event.preventDefault()
      const part = event.shiftKey ? 0.005 : 0.025
      const u = (this.#settings.x - x0) / (x1 - x0) + direction[0] * part
      const v = (y1 - this.#settings.y) / (y1 - y0) + direction[1] * part
      const [x, y] = toPoint(this.#scene.view, u, v)
      this.#set({ x, y })
    })
    return handle
  }

  #placeHandle(): void {
    const handle = this.#handle
    if (!handle) return
    const { clientWidth, clientHeight } = this.#figure.canvas
    const { x, y } = this.#settings
    const [left, top] = toPixel(this.#scene, [x, y], clientWidth, clientHeight)
    handle.style.transform = `translate(${left}px, ${top}px)`
    const [x0, x1] = this.#scene.view
    handle.setAttribute('aria-valuemin', String(x0))
    handle.setAttribute('aria-valuemax', String(x1))
    handle.setAttribute('aria-valuenow', String(x))
    handle.setAttribute('aria-valuetext', `x ${x}, y ${y}; the arrow keys move the start`)
  }

  #addShareButtons(): void {
    const { id, title, isChallenge } = this.#step
    const copy = h('button', { type: 'button', textContent: 'Copy link' })
    const embed = h('button', { type: 'button', textContent: 'Embed' })
    const note = h('span', { className: 'note', role: 'status' })
    const link = (extra: readonly string[]) => {
      const hash = [...extra, ...(isChallenge ? [] : [writeLink(this.#step, this.#settings)])].filter(Boolean)
      const url = new URL(`${id}/`, new URL(document.body.dataset.story as string, location.href))
      url.hash = hash.join('&')
      return url.href
    }
    copy.addEventListener('click', async () => {
      const score = isChallenge ? updatesOf(this.#runs[0]) : Infinity
      const url = link(score < Infinity ? [`score=${score}`] : [])
      const text = `${this.#step.result(this.#settings, this.#runs)} ${url}`
      note.replaceChildren(await copyText(text, 'The link and a sentence with the result have been copied.'))
    })
    embed.addEventListener('click', async () => {
      const text = embedText(link(['embed=1']), `${title}, an interactive figure of antigrad`)
      note.replaceChildren(await copyText(text, 'The HTML of the figure has been copied.'))
    })
    this.#section.querySelector('.share')?.replaceChildren(copy, embed, note)
  }
}

const arrows: Readonly<Record<string, readonly [number, number]>> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
}

/** Copies a text; if the browser does not allow copying, the text is shown in a field. */
async function copyText(text: string, message: string): Promise<Node | string> {
  try {
    await navigator.clipboard.writeText(text)
    return message
  } catch {
    const field = h('input', { type: 'text', readOnly: true, value: text, 'aria-label': 'Text to copy' })
    setTimeout(() => field.select())
    return field
  }
}
