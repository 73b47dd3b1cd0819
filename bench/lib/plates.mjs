// Simulated plates of dose-response curves: 96 wells of 10 doses, with outliers and with wells that no curve fits.
import { random } from '../../scripts/lib/random.mjs'

export const LOSSES = ['squared', 'softL1', 'huber']
const [ROWS, COLUMNS, DOSES] = [8, 12, 10]

/** Kinds of wells, and the number of wells of each kind per plate. All other wells are 'plain'. */
const KINDS = { flat: 3, steep: 4, 'out of range': 4, 'three points': 1, empty: 1 }

/** Standard normal variate by the method of Box and Muller. */
const normal = (next) => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next())

const curve = ({ bottom, top, ec50, slope }, x) => bottom + (top - bottom) / (1 + (ec50 / x) ** slope)

/** Kinds of all wells of a plate, in random order. */
function shuffledKinds(next) {
  const special = Object.entries(KINDS).flatMap(([kind, count]) => new Array(count).fill(kind))
  const kinds = Array.from({ length: ROWS * COLUMNS }, (_, well) => special[well] ?? 'plain')
  for (let i = kinds.length - 1; i > 0; i--) {
    const other = Math.floor((i + 1) * next())
    ;[kinds[i], kinds[other]] = [kinds[other], kinds[i]]
  }
  return kinds
}

/**
 * A plate: true plateaus `bottom` and `top`, which all wells share, the standard deviation `noise`, and the wells. A
 * well has a label, a kind, its true parameters and its rows x and y. The y of a flat well is noise around `bottom`.
 *
 * @param seed seed of the plate
 * @param outliers probability that a row is an outlier
 */
export function makePlate(seed, outliers) {
  const next = random(seed)
  const between = (low, high) => low + (high - low) * next()
  const power = (low, high) => 10 ** between(Math.log10(low), Math.log10(high))
  const span = power(0.5, 2000)
  const bottom = span * between(-0.05, 0.3)
  const top = bottom + span
  const noise = span * between(0.02, 0.06)
  const factor = between(2, 3.5)
  const doses = Array.from({ length: DOSES }, (_, k) => Number((0.02 * factor ** k).toPrecision(3)))
  const direction = next() < 0.5 ? -1 : 1
  const wells = shuffledKinds(next).map((kind, well) => {
    const [low, high] = [doses[0], doses[DOSES - 1]]
    const ec50 = kind === 'out of range' ? power(high, 30 * high) : power(doses[1], doses[DOSES - 2])
    const slope = direction * (kind === 'steep' ? power(8, 40) : power(0.6, 3))
    const truth = { bottom, top, ec50: kind === 'flat' ? Math.sqrt(low * high) : ec50, slope }
    const few = kind === 'empty' ? 0 : kind === 'three points' ? 3 : DOSES
    const x = doses.filter((_, k) => few === DOSES || (k % 4 === 1 && k / 4 < few))
    const y = x.map((dose) => {
      const value = kind === 'flat' ? bottom : curve(truth, dose)
      const shift = next() < outliers ? (next() < 0.5 ? -1 : 1) * span * between(0.3, 1.5) : 0
      return value + noise * normal(next) + shift
    })
    const label = `${'ABCDEFGH'[Math.floor(well / COLUMNS)]}${String((well % COLUMNS) + 1).padStart(2, '0')}`
    return { label, kind, truth, x, y }
  })
  return { seed, outliers, bottom, top, noise, doses, wells }
}

/** Plates from one seed: every second plate has 2% outliers, and the others have 5%. */
export const makePlates = (seed, count) =>
  Array.from({ length: count }, (_, k) => makePlate(seed + 1000 * k, k % 2 === 0 ? 0.02 : 0.05))
