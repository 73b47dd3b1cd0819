/** Mistakes that the tests of one file do not find, of those with these numbers; `tell` hears of the others. */
export function triedBy(
  folder: string,
  file: string,
  env: Record<string, string>,
  numbers: readonly number[],
  tell: (number: number, outcome: string) => void,
): Promise<number[]>
