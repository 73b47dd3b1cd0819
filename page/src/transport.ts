/** Play, the timeline and the count of updates. */

import { formatCount } from '../../dist/page.js'
import { h } from './dom.js'
import type { Loop } from './loop.js'
import type { Race } from './race.js'
import type { RaceView } from './view.js'

export class Transport implements RaceView {
  readonly #play = h('button', { type: 'button', className: 'primary', textContent: 'Play' })
  readonly #timeline = h('input', {
    ...{ type: 'range', className: 'timeline', min: '0', max: '0', step: '1', value: '0' },
    'aria-label': 'Displayed update',
  })
  readonly #count = h('output', { className: 'count' })
  readonly element = h('div', { className: 'transport' }, this.#play, this.#timeline, this.#count)

  constructor(loop: Loop) {
    this.#play.addEventListener('click', () => loop.toggle())
    this.#timeline.addEventListener('input', () => loop.seek(Number(this.#timeline.value)))
  }

  playing(isPlaying: boolean): void {
    this.#play.textContent = isPlaying ? 'Pause' : 'Play'
  }

  numbers({ made, time }: Race): void {
    this.#timeline.max = String(made)
    this.#timeline.value = String(time)
    const text = `${formatCount(time)} ${time === 1 ? 'update' : 'updates'}`
    this.#timeline.setAttribute('aria-valuetext', text)
    this.#count.textContent = text
  }
}
