export const entries: Readonly<Record<string, string>>
export function aliases(fileOf: (entry: string) => string): Record<string, string>
export function moduleAliases(home?: string): Record<string, string>
