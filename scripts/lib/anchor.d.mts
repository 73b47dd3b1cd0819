/** The anchor that GitHub generates for a heading. */
export function anchorOf(heading: string): string
