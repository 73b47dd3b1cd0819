/** What GitHub makes of a heading, which links of the docs have. */
export function anchorOf(heading: string): string
