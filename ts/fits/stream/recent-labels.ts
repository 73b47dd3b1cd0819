import type { GroupLabel } from '../problem/shared-parameters.js'

/** Number of next labels among which a label must not occur again. The limit keeps the memory constant. */
const REMEMBERED_LABELS = 4096

/** Finds labels that occur again. Labels are remembered for a time between the limit and twice the limit. */
export class RecentLabels {
  #current = new Set<GroupLabel>()
  #previous: ReadonlySet<GroupLabel> = this.#current
  /** While labels are ascending numbers, the last label tells that no label has occurred before. */
  #last: number | undefined = -Infinity
  /** The latest of the ascending labels, for the first label that is not in order. */
  #ascending: number[] = []

  /** @returns false for a label that is among the latest labels; such a label is not added */
  add(label: GroupLabel): boolean {
    if (this.#last !== undefined) {
      if (typeof label === 'number' && label > this.#last) {
        this.#last = label
        if (this.#ascending.push(label) === 2 * REMEMBERED_LABELS)
          this.#ascending = this.#ascending.slice(REMEMBERED_LABELS)
        return true
      }
      this.#last = undefined
      this.#previous = new Set(this.#ascending)
      this.#ascending = []
    }
    if (this.#current.has(label) || this.#previous.has(label)) return false
    this.#current.add(label)
    if (this.#current.size === REMEMBERED_LABELS) {
      this.#previous = this.#current
      this.#current = new Set()
    }
    return true
  }
}
