/** The colors of the light and the dark theme. */

export interface Theme {
  readonly isDark: boolean
  readonly racers: readonly string[]
  readonly contour: string
  readonly text: string
  readonly muted: string
  readonly grid: string
  readonly surface: string
  readonly star: string
}

// Colors of Okabe and Ito (2008), which most color-blind people can distinguish. In the light theme they are darkened
// to a contrast of 3 : 1 against white, in the dark theme they are lightened to 3 : 1 against black. On the map, each
// path has an edge in the color of the surface.
export const light: Theme = {
  isDark: false,
  racers: ['#0072b2', '#d55e00', '#007a58', '#3b9bd9', '#000000', '#b8478c', '#6b4fbb', '#a87400'],
  contour: '#3d4b5e',
  text: '#1c2430',
  muted: '#56616f',
  grid: '#dde3ea',
  surface: '#ffffff',
  star: '#c24a00',
}

export const dark: Theme = {
  isDark: true,
  racers: ['#56b4e9', '#ff8a3d', '#1fc995', '#f0e442', '#ffffff', '#f29ccb', '#b49cff', '#d6a100'],
  contour: '#b8c4d0',
  text: '#e8edf3',
  muted: '#a7b2c0',
  grid: '#2a333f',
  surface: '#151a21',
  star: '#ffb000',
}

/** Line dashes, which are used in turn. Racers with the same dashes have different colors. */
export const dashes: readonly (readonly number[])[] = [[], [12, 4], [3, 3], [12, 3, 3, 3]]
