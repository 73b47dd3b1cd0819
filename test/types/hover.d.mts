/**
 * The documentation that editors show for each option, by exported function, class or method of a declaration module.
 */
export function wordsOnOptions(file: string): Record<string, Record<string, string>>
