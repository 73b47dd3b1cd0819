/** Helpers that create SVG. */

const NS = 'http://www.w3.org/2000/svg'

export function s(
  tag: string,
  attributes: Record<string, string | number>,
  ...children: (Node | string)[]
): SVGElement {
  const element = document.createElementNS(NS, tag)
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value))
  element.append(...children)
  return element
}

/** A pixel coordinate for an attribute, limited to the range that SVG can draw. */
export const px = (x: number) => Math.round(10 * Math.min(1e5, Math.max(-1e5, x))) / 10
