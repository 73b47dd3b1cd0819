/** The descriptions of options that editors show, by exported function, class or method of a module of declarations. */
export function wordsOnOptions(file: string): Record<string, Record<string, string>>
