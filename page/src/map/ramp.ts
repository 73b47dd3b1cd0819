/** A perceptually uniform color ramp: equal steps of height are equal steps of color in the OKLab space. */

/** A color in OKLCh: lightness from 0 to 1, chroma, and hue in degrees. */
type Anchor = readonly [lightness: number, chroma: number, hue: number]
type Lab = readonly [L: number, a: number, b: number]

/** Number of colors in a ramp. More could not be told apart. */
const STEPS = 64
/** Points per ramp from which equal distances are measured. */
const FINE = 2000

/** Converts OKLab to a color such as #12ab34 (Ottosson, 2020); components outside sRGB are clamped. */
export function toHex([L, a, b]: Lab): string {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ]
  const channels = linear.map((x) => {
    const c = Math.min(1, Math.max(0, x))
    const value = c <= 0.0031308 ? 12.92 * c : 1.055 * c ** (1 / 2.4) - 0.055
    return Math.round(255 * value)
      .toString(16)
      .padStart(2, '0')
  })
  return `#${channels.join('')}`
}

/** Computes the colors of a ramp through anchors, at equal distances in OKLab. */
export function makeRamp(anchors: readonly Anchor[]): string[] {
  const corners = anchors.map(([L, chroma, hue]): Lab => {
    const angle = (hue * Math.PI) / 180
    return [L, chroma * Math.cos(angle), chroma * Math.sin(angle)]
  })
  const pointAt = (t: number): Lab => {
    const place = Math.min(corners.length - 1 - 1e-9, t * (corners.length - 1))
    const [from, to] = [corners[Math.floor(place)], corners[Math.floor(place) + 1]]
    const part = place - Math.floor(place)
    return [0, 1, 2].map((i) => from[i] + part * (to[i] - from[i])) as unknown as Lab
  }
  const points = Array.from({ length: FINE + 1 }, (_, i) => pointAt(i / FINE))
  const lengths = [0]
  for (let i = 1; i <= FINE; i++) {
    const [p, q] = [points[i - 1], points[i]]
    lengths.push(lengths[i - 1] + Math.hypot(q[0] - p[0], q[1] - p[1], q[2] - p[2]))
  }
  let at = 0
  return Array.from({ length: STEPS }, (_, i) => {
    while (at < FINE && lengths[at] < (lengths[FINE] * i) / (STEPS - 1)) at++
    return toHex(points[at])
  })
}

/** The color of a height from 0 to 1. */
export const colorOf = (ramp: readonly string[], height: number): string =>
  ramp[Math.round(Math.min(1, Math.max(0, height)) * (ramp.length - 1))]
