/** What editors say of each option, by function, class or method that a module of declarations exports. */
export function wordsOnOptions(file: string): Record<string, Record<string, string>>
