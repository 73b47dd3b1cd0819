/** Colors of the map from the lowest to the highest value. */

import type { Theme } from '../palette.js'
import { makeRamp } from './ramp.js'

const light = makeRamp([
  [0.985, 0.02, 100],
  [0.92, 0.07, 135],
  [0.83, 0.085, 190],
  [0.7, 0.1, 255],
])

const dark = makeRamp([
  [0.19, 0.025, 265],
  [0.28, 0.07, 265],
  [0.38, 0.08, 225],
  [0.47, 0.085, 180],
])

// The palette does not contain these colors, because the fit page has no map.
export const heightColors = ({ isDark }: Pick<Theme, 'isDark'>): readonly string[] => (isDark ? dark : light)
