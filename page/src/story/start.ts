/** Loads the story: first its text, and then each figure as it scrolls into view. */

import './style.css'
import type { Step } from './step.js'

/** The code of the figures, and the data of the steps, which are loaded on demand. */
const modules = import.meta.glob<Record<string, Step>>(['./steps/*.ts', '!./steps/index.ts'])

async function load(section: HTMLElement): Promise<void> {
  const id = section.dataset.step as string
  const isAlone = document.body.dataset.alone !== undefined
  try {
    const [{ StepView }, { readLink }, module] = await Promise.all([
      import('./view.js'),
      import('./links.js'),
      modules[`./steps/${id}.ts`](),
    ])
    const step = module[id]
    const link = readLink(step, isAlone ? location.hash : '', Number(section.dataset.best ?? 1))
    showNotes(section, link.problems, link.score)
    new StepView(section, step, link).play()
  } catch (thrown) {
    const figure = section.querySelector('.figure') as HTMLElement
    figure.textContent = `The figure could not be loaded: ${thrown}. Reload the page, or try another browser.`
  }
}

function showNotes(section: HTMLElement, problems: readonly string[], score: number | null): void {
  const note = section.querySelector('.problems') as HTMLElement
  const sentences = [
    ...(problems.length > 0
      ? [`Part of the link is invalid (${problems.join(', ')}); defaults are used instead.`]
      : []),
    ...(score === null
      ? []
      : [`The sender of this link arrived after ${score} updates. Can you arrive earlier?`]),
  ]
  note.hidden = sentences.length === 0
  note.textContent = sentences.join(' ')
}

const hash = location.hash
if (document.body.dataset.alone !== undefined && /[#&]embed=1(&|$)/.test(hash))
  document.body.classList.add('embed')
// Another link to the same file changes only the part after the #.
addEventListener('hashchange', () => document.body.dataset.alone !== undefined && location.reload())

const observer = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue
      observer.unobserve(target)
      void load(target as HTMLElement)
    }
  },
  { rootMargin: '100px' },
)
for (const section of document.querySelectorAll<HTMLElement>('[data-step]')) observer.observe(section)
