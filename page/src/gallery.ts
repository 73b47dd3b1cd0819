/** The scenes as links, and what to see in the one that is chosen. */

import { h } from './dom.js'
import { type Scene, scenes } from './scenes.js'
import { fromHash, toHash } from './state.js'

export class Gallery {
  /** The scene that is shown, while nothing of it was changed. */
  chosen: Scene | null = null
  readonly #links = scenes.map((scene) =>
    h('a', { href: `#${scene.hash}`, textContent: scene.title, title: scene.says.join(' ') }),
  )
  readonly #says = h('p', { className: 'says' })
  readonly element = h(
    'nav',
    { className: 'gallery', 'aria-label': 'Scenes' },
    h('ul', {}, ...this.#links.map((link) => h('li', {}, link))),
    this.#says,
  )

  show(hash: string): void {
    this.chosen = scenes.find((scene) => scene.hash === hash || writtenAddress(scene) === hash) ?? null
    for (const [i, link] of this.#links.entries()) {
      if (scenes[i] === this.chosen) link.setAttribute('aria-current', 'true')
      else link.removeAttribute('aria-current')
    }
    this.#says.textContent =
      this.chosen?.says.join(' ') ?? 'Choose a scene, or make your own: click into the picture, and drag.'
  }
}

const texts = new Map<Scene, string>()

/** A scene's address as the page writes it. A schedule can be read only once its part is there. */
function writtenAddress(scene: Scene): string {
  let text = texts.get(scene)
  if (text === undefined) {
    const { state, problems } = fromHash(scene.hash)
    text = toHash(state)
    if (problems.length === 0) texts.set(scene, text)
  }
  return text
}
