/** Places labels next to points without overlap. */

export interface LabelRect {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/** A point, the size of its label, and the label's previous position relative to the point. */
export interface LabeledPoint {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
  readonly before?: readonly [dx: number, dy: number] | null
}

const overlap = (a: LabelRect, b: LabelRect) =>
  a.left < b.left + b.width &&
  b.left < a.left + a.width &&
  a.top < b.top + b.height &&
  b.top < a.top + a.height

/** Candidate distances of labels from their points. Farther labels are connected by a line. */
const RINGS = [10, 22, 36, 52, 70, 90, 112, 136, 162, 190]
const ANGLES = 16

/**
 * Computes the upper left corner of each label: inside the box, clear of all points and other labels, as close to the
 * point as possible. Labels keep their previous relative position if it is free. Null if there is no room.
 */
export function placeLabels(
  names: readonly LabeledPoint[],
  box: LabelRect,
  others: readonly LabelRect[] = [],
): (readonly [left: number, top: number] | null)[] {
  const points = names.map(({ x, y }) => ({ left: x - 8, top: y - 8, width: 16, height: 16 }))
  const taken: LabelRect[] = [...others, ...points]
  return names.map(({ x, y, width, height, before }) => {
    const isFree = ([left, top]: readonly [number, number]) => {
      const rect = { left, top, width, height }
      const isInside =
        left >= box.left &&
        top >= box.top &&
        left + width <= box.left + box.width &&
        top + height <= box.top + box.height
      return isInside && !taken.some((other) => overlap(rect, other))
    }
    const stays = before ? ([x + before[0], y + before[1]] as const) : null
    const found = stays && isFree(stays) ? stays : (candidates(x, y, width, height).find(isFree) ?? null)
    if (found) taken.push({ left: found[0] - 1, top: found[1] - 1, width: width + 2, height: height + 2 })
    return found
  })
}

function candidates(x: number, y: number, width: number, height: number): (readonly [number, number])[] {
  return RINGS.flatMap((radius) =>
    Array.from({ length: ANGLES }, (_, i) => {
      const angle = (2 * Math.PI * i) / ANGLES
      // The nearest side of the label touches the ring.
      const [dx, dy] = [Math.cos(angle), -Math.sin(angle)]
      return [x + radius * dx + (dx - 1) * (width / 2), y + radius * dy + (dy - 1) * (height / 2)] as const
    }),
  )
}

/** Short distinct names of racers: the rule's name, or the full name if several racers have the same rule. */
export function shortNames(names: readonly string[]): string[] {
  const rules = names.map((name) => name.split(' ')[0])
  return names.map((name, i) => (rules.filter((rule) => rule === rules[i]).length > 1 ? name : rules[i]))
}

/** Names of rules as in the literature. Other rules are named as in the library. */
const titles: Readonly<Record<string, string>> = {
  gradientDescent: 'gradient descent',
  nesterov: 'Nesterov',
  adagrad: 'Adagrad',
  rmsprop: 'RMSProp',
  adam: 'Adam',
  adamw: 'AdamW',
  radam: 'RAdam',
  nadam: 'NAdam',
  sgd: 'SGD',
  lbfgs: 'L-BFGS',
  newton: 'Newton',
  lion: 'Lion',
}

/** Short distinct names of racers for readers. */
export const readableNames = (names: readonly string[]): string[] =>
  shortNames(names).map((name) => name.replace(/^\S+/, (rule) => titles[rule] ?? rule))
