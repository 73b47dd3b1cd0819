/**
 * Sobol sequence (1967) in the Gray-code order of Antonov and Saleev (1979), with 32 bits per coordinate. The primitive
 * polynomials and the initial direction numbers are the first entries of `new-joe-kuo-6.21201` (Joe and Kuo, 2008,
 * Constructing Sobol sequences with better two-dimensional projections, SIAM J. Sci. Comput. 30, 2635–2654;
 * https://web.maths.unsw.edu.au/~fkuo/sobol/).
 */

const BITS = 32

/** One entry for each dimension after the first: the polynomial, with all coefficients as bits, and m₁, m₂, … */
const TABLE = [
  '3 1',
  '7 1 3',
  '11 1 3 1',
  '13 1 1 1',
  '19 1 1 3 3',
  '25 1 3 5 13',
  '37 1 1 5 5 17',
  '41 1 1 5 5 5',
  '47 1 1 7 11 19',
  '55 1 1 5 1 1',
  '59 1 1 1 3 11',
  '61 1 3 5 5 31',
  '67 1 3 3 9 7 49',
  '91 1 1 1 15 21 21',
  '97 1 3 1 13 27 49',
  '103 1 1 1 15 7 5',
  '109 1 3 1 15 13 25',
  '115 1 1 5 5 19 61',
  '131 1 3 7 11 23 15 103',
  '137 1 3 7 13 13 15 69',
  '143 1 1 3 13 7 35 63',
  '145 1 3 5 9 1 25 53',
  '157 1 3 1 13 9 35 107',
  '167 1 3 1 5 27 61 31',
  '171 1 1 5 11 19 41 61',
  '185 1 3 5 3 3 13 69',
  '191 1 1 7 13 1 19 1',
  '193 1 3 7 5 13 19 59',
  '203 1 1 3 9 25 29 41',
  '211 1 3 5 13 23 1 55',
  '213 1 3 7 3 13 59 17',
  '229 1 3 1 3 5 53 69',
  '239 1 1 5 5 23 33 13',
  '241 1 1 7 7 1 61 123',
  '247 1 1 7 9 13 61 49',
  '253 1 3 3 5 3 55 33',
  '285 1 3 1 15 31 13 49 245',
  '299 1 3 5 15 31 59 63 97',
  '301 1 3 1 11 11 11 77 249',
]

export const SOBOL_DIMENSIONS = TABLE.length + 1

/** The direction numbers v₁, v₂, … of a dimension (counted from 0), as words whose highest bit stands for ½. */
export function directions(dimension: number): Uint32Array {
  const v = new Uint32Array(BITS)
  // The first dimension has no polynomial, and all its mᵢ are 1.
  if (dimension === 0) return v.map((_, k) => 1 << (BITS - 1 - k))
  const [polynomial, ...m] = TABLE[dimension - 1].split(' ').map(Number)
  const degree = m.length
  for (let k = 0; k < BITS; k++) {
    if (k < degree) {
      v[k] = m[k] << (BITS - 1 - k)
      continue
    }
    v[k] = v[k - degree] ^ (v[k - degree] >>> degree)
    for (let i = 1; i < degree; i++) if ((polynomial >>> (degree - i)) & 1) v[k] ^= v[k - i]
  }
  return v
}

/** Calls `visit` with the first coordinates of the Sobol sequence in one dimension, as words XORed with `shift`. */
export function visitSobol(
  dimension: number,
  count: number,
  shift: number,
  visit: (word: number, i: number) => void,
): void {
  const v = directions(dimension)
  let word = shift
  for (let i = 0; i < count; i++) {
    visit(word >>> 0, i)
    // From point i to point i + 1, the Gray code flips the bit at the position of the lowest 0 of i.
    word ^= v[31 - Math.clz32(~i & (i + 1))]
  }
}
