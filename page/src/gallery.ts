/** The scenes as links, and the description of the chosen scene. */

import { h } from './dom.js'
import { type Scene, scenes } from './scenes.js'
import { fromHash, toHash } from './state.js'

export class Gallery {
  /** The displayed scene; null once the user has changed anything. */
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
    this.chosen = findScene(hash) ?? null
    for (const [i, link] of this.#links.entries()) {
      if (scenes[i] === this.chosen) link.setAttribute('aria-current', 'true')
      else link.removeAttribute('aria-current')
    }
    this.#says.textContent =
      this.chosen?.says.join(' ') ?? 'Choose a scene, or create your own: click on the map, or drag the ring.'
  }
}

/** The scene with an address, in any form. */
export const findScene = (hash: string): Scene | undefined =>
  scenes.find((scene) => scene.hash === hash || writtenAddress(scene) === hash)

const texts = new Map<Scene, string>()

/** A scene's address in the page's own form. It is cached once the modules that parse its parts are loaded. */
function writtenAddress(scene: Scene): string {
  let text = texts.get(scene)
  if (text === undefined) {
    const { state, problems } = fromHash(scene.hash)
    text = toHash(state)
    if (problems.length === 0) texts.set(scene, text)
  }
  return text
}
