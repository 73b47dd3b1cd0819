/** The buttons that save the fit. The code that writes files is loaded on demand. */

import { h } from '../dom.js'
import type { DisplayedState } from './displayed-state.js'
import type { PageView } from './page-view.js'

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
