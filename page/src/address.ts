/** Functions for the page's address, which both pages share. */

import { h } from './dom.js'

/** Shows the invalid parts of the address. */
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

/** Copies the link for a hash, and returns a sentence on the outcome. */
export async function copyLink(hash: string, what: string): Promise<string> {
  history.replaceState(null, '', `#${hash}`)
  try {
    await navigator.clipboard.writeText(location.href)
    return `The link to this ${what} has been copied.`
  } catch {
    return 'The browser does not allow copying: copy the link from the address bar.'
  }
}

/** Copies a text; @returns whether the browser allows it */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    return false
  }
}

let remembering: ReturnType<typeof setTimeout> | undefined

/** Writes the state into the address after a delay, because browsers limit the rate of such changes. */
export function remember(hash: () => string | Promise<string>): void {
  clearTimeout(remembering)
  const timer = setTimeout(async () => {
    const text = await hash()
    if (timer === remembering) history.replaceState(null, '', `#${text}`)
  }, 150)
  remembering = timer
}

/**
 * Calls `show` for each new address. The event's URL is used, because the page may have overwritten the address bar.
 */
export function onOtherAddress(show: (hash: string) => void): void {
  addEventListener('hashchange', ({ newURL }) => show(new URL(newURL).hash))
}

/** Decodes a part of an address; a part that is not valid percent-encoding is returned unchanged. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
