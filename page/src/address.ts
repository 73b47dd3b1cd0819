/** What pages do with their address. */

import { h } from './dom.js'

/** What could not be used of the address. */
export function showProblems(problems: readonly string[]): void {
  const box = document.getElementById('problems') as HTMLElement
  box.hidden = problems.length === 0
  box.replaceChildren(
    ...(problems.length > 0
      ? [
          h('p', {}, 'Part of the link is invalid; defaults are used instead.'),
          h('ul', {}, ...problems.map((problem) => h('li', {}, problem))),
        ]
      : []),
  )
}

/** Copies the link to what an address describes, and says so. */
export async function copyLink(hash: string, what: string): Promise<string> {
  history.replaceState(null, '', `#${hash}`)
  try {
    await navigator.clipboard.writeText(location.href)
    return `The link to this ${what} is copied.`
  } catch {
    return 'The browser does not allow copying: take the link from the address bar.'
  }
}

let remembering: ReturnType<typeof setTimeout> | undefined

/** Writes the state into the address, not at every move: browsers refuse that. */
export function remember(hash: () => string): void {
  clearTimeout(remembering)
  remembering = setTimeout(() => history.replaceState(null, '', `#${hash()}`), 150)
}

/** Tells of each other address that is gone to. By then the page may have written its own over it. */
export function onOtherAddress(show: (hash: string) => void): void {
  addEventListener('hashchange', ({ newURL }) => show(new URL(newURL).hash))
}

/** A part of it as text; as it is where it is no code. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
