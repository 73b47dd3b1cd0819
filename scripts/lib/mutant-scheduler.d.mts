/** Tries mutants with the tests of one file. `tell` receives the killed mutants; the survivors are returned. */
export function triedBy(
  folder: string,
  file: string,
  env: Record<string, string>,
  numbers: readonly number[],
  tell: (number: number, outcome: string) => void,
): Promise<number[]>
