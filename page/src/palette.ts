/** The colors themselves. */

export interface Theme {
  readonly isDark: boolean
  readonly racers: readonly string[]
  /** The lowest and the highest places of the picture. */
  readonly low: string
  readonly high: string
  readonly contour: string
  readonly text: string
  readonly muted: string
  readonly grid: string
  readonly surface: string
  readonly star: string
}

// Okabe and Ito's colors (2008), which most color-blind people tell apart; the light ones are
// darkened until they stand out from white by 3 : 1, and the dark ones lightened against black.
export const light: Theme = {
  isDark: false,
  racers: ['#0072b2', '#d55e00', '#007a58', '#3b9bd9', '#000000', '#b8478c', '#6b4fbb', '#a87400'],
  low: '#ffffff',
  high: '#b9c7d8',
  contour: '#7d8fa6',
  text: '#1c2430',
  muted: '#56616f',
  grid: '#dde3ea',
  surface: '#ffffff',
  star: '#d35400',
}

export const dark: Theme = {
  isDark: true,
  racers: ['#56b4e9', '#ff8a3d', '#1fc995', '#f0e442', '#ffffff', '#f29ccb', '#b49cff', '#d6a100'],
  low: '#11161d',
  high: '#33445a',
  contour: '#62758d',
  text: '#e8edf3',
  muted: '#a7b2c0',
  grid: '#2a333f',
  surface: '#151a21',
  star: '#ffb000',
}

/** By turns; whoever shares one has another color. */
export const dashes: readonly (readonly number[])[] = [[], [9, 4], [2, 4], [10, 4, 2, 4]]
