/** The text of the story as HTML, and the pages of its steps. The build writes them, so that they need no script. */

import type { Step } from './step.js'
import { steps } from './steps/index.js'

const escapeHtml = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')

/** The numbers of each step's answer, measured once. */
const measured = new Map(steps.map((step) => [step.id, step.measure()]))
const numbersOf = ({ id }: Step) => measured.get(id) ?? {}

export const answerOf = (step: Step): string => step.answer(numbersOf(step))

/** Name and position of a step, such as `5. Momentum`. */
const headingOf = ({ number, title }: Step) => (number === undefined ? title : `${number}. ${title}`)

function renderStep(step: Step): string {
  const { id, claim, question, paper } = step
  const { best } = numbersOf(step)
  const data = step.isChallenge ? ` data-best="${best}"` : ''
  return `<section id="${id}" class="step" data-step="${id}"${data} aria-labelledby="${id}-title">
  <div class="words">
    <h2 id="${id}-title">${escapeHtml(headingOf(step))}</h2>
    <p class="problems" role="alert" hidden></p>
    <p class="claim">${escapeHtml(claim)}</p>
    <p class="question">${escapeHtml(question)}</p>
    <p class="result" role="status"></p>
    <details class="answer">
      <summary>Answer</summary>
      <p>${escapeHtml(answerOf(step))}</p>
    </details>
    <p class="paper"><a href="${escapeHtml(paper.url)}">${escapeHtml(paper.text)}</a></p>
    <div class="share"></div>
  </div>
  <div class="figure"></div>
</section>`
}

/** Links to the previous and the next step, and to the whole story. */
function renderNeighbors(step: Step): string {
  const at = steps.indexOf(step)
  const link = (other: Step | undefined, name: string) =>
    other === undefined ? '' : `<a href="../${other.id}/">${name}: ${escapeHtml(other.title)}</a>`
  const links = [
    link(steps[at - 1], 'Previous'),
    '<a href="../">The whole story</a>',
    link(steps[at + 1], 'Next'),
  ]
  return `<nav class="neighbors" aria-label="Steps">${links.filter(Boolean).join(' ')}</nav>`
}

/** The addresses that a page needs. */
export interface PageAddresses {
  /** Absolute URL of the folder with all pages, with a slash at the end; '' if it is unknown. */
  readonly site: string
  /** URL of the docs relative to the folder with all pages; undefined if the docs are not published. */
  readonly docs: string | undefined
}

export interface StoryPage {
  /** Path of the page in the folder with all pages. */
  readonly path: string
  readonly title: string
  readonly description: string
  /** Elements of the head that describe the page for search engines and chat applications. */
  readonly head: string
  readonly body: string
}

function renderHead(title: string, description: string, path: string, site: string, card: string): string {
  const meta = (name: string, content: string) =>
    `<meta property="og:${name}" content="${escapeHtml(content)}" />`
  return [
    `<title>${escapeHtml(title)}</title>`,
    `<meta name="description" content="${escapeHtml(description)}" />`,
    ...(site === ''
      ? []
      : [`<link rel="canonical" href="${escapeHtml(site + path)}" />`, meta('url', site + path)]),
    meta('type', 'article'),
    meta('title', title),
    meta('description', description),
    // Without the site's URL, the address of the image is relative, which not every application understands.
    meta('image', site === '' ? card.replace(path, '') : site + card),
    meta('image:width', '1200'),
    meta('image:height', '630'),
    '<meta name="twitter:card" content="summary_large_image" />',
  ].join('\n    ')
}

const renderNavigation = (up: string, docs: string | undefined) =>
  `<nav class="site" aria-label="Site"><a href="${up}">antigrad</a> <a href="${up}story/">Story</a> <a href="${up}fit.html">Fit your data</a>${
    docs === undefined ? '' : ` <a href="${up}${docs}">Docs</a>`
  }</nav>`

const TITLE = 'Run away from the gradient!'
const DESCRIPTION =
  'Nine optimizers of deep learning, from gradient descent to RAdam. Each step of the story has one claim, one figure that you can drag, and one measured answer.'

/** The page with all steps. */
export function renderStory({ site, docs }: PageAddresses): StoryPage {
  const body = `${renderNavigation('../', docs)}
    <main>
      <header>
        <h1>${TITLE}</h1>
        <p>${DESCRIPTION} The antigrad library computes every step in your browser.</p>
        <p><a href="../">Race the optimizers</a></p>
      </header>
      ${steps.map(renderStep).join('\n')}
    </main>`
  const title = 'antigrad: run away from the gradient!'
  return {
    path: 'story/index.html',
    title,
    description: DESCRIPTION,
    head: renderHead(title, DESCRIPTION, 'story/', site, `story/${steps[0].id}/card.png`),
    body,
  }
}

/** The page of one step, to which links point. */
export function renderStepPage(step: Step, { site, docs }: PageAddresses): StoryPage {
  const title = `${step.title}: ${step.question}`
  const path = `story/${step.id}/`
  const body = `${renderNavigation('../../', docs)}
    <main>
      <h1 class="small">${TITLE}</h1>
      ${renderStep(step)}
      ${renderNeighbors(step)}
    </main>`
  return {
    path: `${path}index.html`,
    title,
    description: step.claim,
    head: renderHead(title, step.claim, path, site, `${path}card.png`),
    body,
  }
}

export const renderStepPages = (addresses: PageAddresses): StoryPage[] =>
  steps.map((step) => renderStepPage(step, addresses))
