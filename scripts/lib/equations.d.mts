/** What a kernel's loop computes, from the syntax tree of the function that makes it; null where it is no equations. */
export function equationsOf(loop: object): string | null
