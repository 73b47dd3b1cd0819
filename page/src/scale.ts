/** Converts positions of sliders to values of at most three digits, and back. */

export interface SliderScale {
  readonly from: number
  readonly to: number
  value(place: number): number
  place(value: number): number
}

export const rates: SliderScale = {
  from: -5,
  to: 1,
  value: (place) => Number((10 ** place).toPrecision(3)),
  place: (value) => Math.log10(value),
}

/** Logarithmic scale of a factor from a tenth to ten. */
export const factors: SliderScale = { ...rates, from: -1 }

/** Logarithmic scale of 1 − value, the fraction that is lost per update, from 1 to a thousandth. */
export const carries: SliderScale = {
  from: 0,
  to: 3,
  value: (place) => Number((1 - 10 ** -place).toPrecision(3)),
  place: (value) => -Math.log10(1 - value),
}
