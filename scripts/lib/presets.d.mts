/** The text of docs/presets.md, from the package's exports and the names of its rules. */
export function presetsPage(antigrad: object, names: readonly string[]): string
