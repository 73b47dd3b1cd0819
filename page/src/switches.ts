/** The switches on the map: paths, basins and surface. */

import { h } from './dom.js'

export interface Switches {
  readonly element: HTMLElement
  set(name: SwitchName, isOn: boolean): void
}

export type SwitchName = 'Paths' | 'Basins' | 'Surface'

const titles: Readonly<Record<SwitchName, string>> = {
  Paths: 'Show the paths of the optimizers',
  Basins: 'Color each starting point by the minimum that the selected optimizer reaches from it',
  Surface: 'Show the function as a surface',
}

/** @param onChange called when the user turns a switch */
export function makeSwitches(onChange: (name: SwitchName, isOn: boolean) => void): Switches {
  const buttons = (Object.keys(titles) as SwitchName[]).map((name) => {
    const button = h('button', { type: 'button', textContent: name, title: titles[name] })
    button.setAttribute('aria-pressed', String(name === 'Paths'))
    button.addEventListener('click', () => {
      const isOn = button.getAttribute('aria-pressed') !== 'true'
      button.setAttribute('aria-pressed', String(isOn))
      onChange(name, isOn)
    })
    return button
  })
  const element = h(
    'div',
    { className: 'switches', role: 'group', 'aria-label': 'Layers of the map' },
    ...buttons,
  )
  return {
    element,
    set: (name, isOn) =>
      buttons.find(({ textContent }) => textContent === name)?.setAttribute('aria-pressed', String(isOn)),
  }
}
