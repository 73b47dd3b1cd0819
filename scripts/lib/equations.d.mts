/** The equations of a kernel's loop, from the syntax tree of the function that makes it; null if it is no such loop. */
export function equationsOf(loop: object): string | null
