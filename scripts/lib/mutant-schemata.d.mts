export interface Mistake {
  readonly number: number
  readonly line: number
  /** The original line and the mutated line. */
  readonly before: string
  readonly after: string
}
export function switched(
  file: string,
  text: string,
  mistakes: readonly Mistake[],
): { readonly text: string; readonly left: readonly (Mistake & { readonly isAlone: boolean })[] }
