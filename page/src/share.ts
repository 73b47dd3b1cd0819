/** Sharing a race: its link, and the code that embeds it in another page. */

import { formatCount } from '../../dist/page.js'
import { copyText } from './address.js'
import { h } from './dom.js'
import { readableNames } from './names.js'
import type { Race } from './race.js'
import type { Session } from './session.js'
import { toHash } from './state.js'

/** Size of an embedded race in pixels. */
const FRAME = { width: 480, height: 360 }

/** Whether the page is embedded: it then shows only the map, Play and the sliders. */
export const isEmbedded = /(?:^|[#?&])embed=1(?:&|$)/.test(`${location.search}&${location.hash.slice(1)}`)

/** A sentence with the result of a race, as far as it is displayed: “Adam: 846 updates, momentum: 1,102 updates”. */
export function describeResult({ racers }: Race): string {
  const names = readableNames(racers.map(({ name }) => name))
  const arrived = racers.flatMap(({ arrivedAt }, i) =>
    arrivedAt === null ? [] : [{ name: names[i], arrivedAt }],
  )
  return arrived
    .sort((a, b) => a.arrivedAt - b.arrivedAt)
    .map(({ name, arrivedAt }) => `${name}: ${formatCount(arrivedAt)} updates`)
    .join(', ')
}

/** The code that embeds the race of a URL. */
export function writeFrame(url: string, hash: string): string {
  const source = `${url.replace(/[?#].*$/s, '')}#embed=1&${hash}`
    .replaceAll('&', '&amp;')
    .replaceAll('"', '&quot;')
  return `<iframe src="${source}" width="${FRAME.width}" height="${FRAME.height}" title="Optimizer race" loading="lazy" style="border:0"></iframe>`
}

/** The line below the map: the way into the story, the link and the code for embedding. */
export function makeShare(session: Session, announce: (text: string) => void): HTMLElement {
  const share = h('button', { type: 'button', textContent: 'Copy link' })
  const embed = h('button', { type: 'button', textContent: 'Embed' })
  share.addEventListener('click', async () => {
    history.replaceState(null, '', `#${session.hash}`)
    const result = describeResult(session.race)
    const isCopied = await copyText(result === '' ? location.href : `${result}\n${location.href}`)
    announce(
      isCopied
        ? 'The link to this race has been copied.'
        : 'The browser does not allow copying: copy the link from the address bar.',
    )
  })
  embed.addEventListener('click', async () => {
    const frame = writeFrame(location.href, toHash(session.state))
    announce(
      (await copyText(frame))
        ? 'The code for embedding this race has been copied.'
        : `The browser does not allow copying. The code is ${frame}`,
    )
  })
  return h(
    'p',
    { className: 'share' },
    h('a', { href: './story/' }, 'Why do the paths differ? Read the story'),
    share,
    embed,
  )
}
