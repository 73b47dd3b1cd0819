import type { RuleDocumentation } from './option-documentation.mjs'

/** The documentation of each rule, by name. */
export function aboutRules(): Readonly<Record<string, RuleDocumentation>>
/** Bundle sizes per rule: bytes with the rule alone, and additional bytes if the page already has adamw. */
export type Sizes = Readonly<Record<string, readonly number[]>>
export function sizesIn(page: string): Sizes
/**
 * The texts of docs/rules.md and of the pages of its sections, by file name, from the package's exports, the rules'
 * declarations, and the option documentation.
 */
export function rulesPages(
  antigrad: object,
  definitions: object,
  documentation: object,
  sizes: Sizes,
): Readonly<Record<string, string>>
/** The documentation of one rule; `operations` formats the equations of its passes, by default as a list. */
export function rulePage(
  antigrad: object,
  definition: object,
  documentation: object,
  operations?: (equations: readonly string[]) => string,
): string
