/** Values that an option accepts, and values that it refuses. */
export function examplesOf(
  option: { readonly expected: string; readonly schedulable: boolean },
  antigrad: object,
): { readonly accepted: readonly unknown[]; readonly refused: readonly unknown[] }
