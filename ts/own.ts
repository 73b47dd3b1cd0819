/** Own properties, each read once: what somebody has put on every object is none of them. */
export function own(given: object): Record<string, unknown> {
  return { __proto__: null, ...given }
}
