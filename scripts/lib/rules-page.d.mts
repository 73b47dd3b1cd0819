import type { RuleDocumentation } from './option-documentation.mjs'

/** By name. */
export function aboutRules(): Readonly<Record<string, RuleDocumentation>>
/** By name, bytes alone and beside adamw, as the page has them. */
export type Sizes = Readonly<Record<string, readonly number[]>>
export function sizesIn(page: string): Sizes
/** The text of docs/rules.md, from the package's exports, all declarations, and the words on options. */
export function rulesPage(antigrad: object, definitions: object, documentation: object, sizes: Sizes): string
/** The README's text, with a line for each rule. */
export function withRules(readme: string, definitions: object): string
/** What there is to say of one rule; `operations` writes the equations of its passes, else they are a list. */
export function rulePage(
  antigrad: object,
  definition: object,
  documentation: object,
  operations?: (equations: readonly string[]) => string,
): string
