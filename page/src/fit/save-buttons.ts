/** The buttons that share and save the fit. The code that writes files is loaded on demand. */

import { getMessage } from '../../../dist/page.js'
import { copyLink } from '../address.js'
import { h, labeled } from '../dom.js'
import type { DisplayedState } from './displayed-state.js'
import type { PageActions, PageView } from './page-view.js'
import { toHash } from './state-address.js'

type Exporter = typeof import('./export.js')
type ExportInput = Parameters<Exporter['saveCsv']>[0]

export function addSaveButtons(view: PageView, getShown: () => DisplayedState | null): void {
  const add = (title: string, save: (exporter: Exporter, saved: ExportInput) => void | Promise<void>) => {
    const button = h('button', { type: 'button', textContent: title, disabled: true })
    button.addEventListener('click', async () => {
      const shown = getShown()
      if (shown === null || shown.outcome === null) return
      const exporter = await import('./export.js')
      await save(exporter, { shown, outcome: shown.outcome, view, state: shown.state })
    })
    view.saves.append(button)
  }
  add('Save the result', (exporter, saved) => exporter.saveJson(saved))
  add('Save the points', (exporter, saved) => exporter.saveCsv(saved))
  add('Save the plot', (exporter, saved) => exporter.saveSvg(saved))
  add('Save the plot as PNG', (exporter, saved) => exporter.savePng(saved))
  add('Save a program', (exporter, saved) => exporter.saveProgram(saved))
  add('Show the command line', (exporter, saved) => exporter.showCommand(saved))
  add('Print a report', () => window.print())
}

/** The button that copies the link, with the table if the user asks for it. */
export function addShareButton(view: PageView, { getState }: Pick<PageActions, 'getState'>): void {
  const share = h('button', { type: 'button', textContent: 'Copy the link' })
  const withData = h('input', { type: 'checkbox' })
  view.share.prepend(share, labeled('with the data', withData))
  share.addEventListener('click', async () => {
    const isWhole = withData.checked
    const state = getState()
    try {
      const packed = isWhole ? `&table=${await (await import('./packed-table.js')).pack(view.data.text)}` : ''
      view.copied.textContent = await copyLink(
        `${toHash(state)}${packed}`,
        isWhole || state.example !== '' ? 'fit' : 'fit (without the data)',
      )
    } catch (thrown) {
      view.copied.textContent = getMessage(thrown)
    }
  })
}
