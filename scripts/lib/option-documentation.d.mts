/** By rule, what the comment on each of its options says, from the sources in that folder. */
export function optionDocumentation(folder: string): Record<string, Record<string, string>>
