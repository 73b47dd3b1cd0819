/** Names of the examples. */

export const exampleTitles = {
  decay: 'a decay with its half-life',
  doses: 'a plate: EC50 of eight compounds',
  plate: 'a plate: growth in 96 wells',
  spectrum: 'a spectrum with several peaks',
  standards: 'a standard curve with unknowns',
} as const

export type ExampleName = keyof typeof exampleTitles

export const exampleNames = Object.keys(exampleTitles) as ExampleName[]
