/** Values that an option takes, and others that it refuses. */
export function examplesOf(
  option: { readonly expected: string; readonly schedulable: boolean },
  antigrad: object,
): { readonly accepted: readonly unknown[]; readonly refused: readonly unknown[] }
