/** Per rule, the comment on each of its options, from the sources in that folder. */
export function optionDocumentation(folder: string): Record<string, Record<string, string>>
/** Documentation of a rule: paragraphs, state, equations per kernel, and their coefficients. */
export interface RuleDocumentation {
  readonly paragraphs: readonly string[]
  readonly state?: string
  readonly equations: readonly string[]
  readonly coefficients?: string
}
/** The documentation of each rule. */
export function ruleDocumentation(folder: string): Record<string, RuleDocumentation>
