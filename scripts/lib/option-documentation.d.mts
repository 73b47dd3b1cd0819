/** By rule, what the comment on each of its options says, from the sources in that folder. */
export function optionDocumentation(folder: string): Record<string, Record<string, string>>
/** What is said of a rule: paragraphs, where it comes from, its state, its equations by kernel, their coefficients. */
export interface RuleDocumentation {
  readonly paragraphs: readonly string[]
  readonly source?: string
  readonly state?: string
  readonly equations: readonly string[]
  readonly coefficients?: string
}
/** By rule. */
export function ruleDocumentation(folder: string): Record<string, RuleDocumentation>
