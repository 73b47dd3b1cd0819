/** Fills an array with numbers of both signs between 2⁻⁷ and 1, so that no moment becomes subnormal in long runs. */
export function noise(array, seed = 1) {
  let state = seed
  for (let i = 0; i < array.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    const size = 2 ** -7 + ((state >>> 8) / 2 ** 24) * (1 - 2 ** -7)
    array[i] = state & 1 ? size : -size
  }
  return array
}
