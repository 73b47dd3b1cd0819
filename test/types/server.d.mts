/** Hovers of TypeScript's language server at offsets of a program's text, as Markdown. */
export function hoversIn(
  home: string,
  file: string,
  text: string,
  positions: readonly number[],
): Promise<string[]>
