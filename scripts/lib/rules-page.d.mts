/** What a rule's comment says: its paragraphs, where the rule comes from, and its state. */
export interface About {
  readonly paragraphs: readonly string[]
  readonly source?: string
  readonly state?: string
}
/** By name. */
export function aboutRules(): Readonly<Record<string, About>>
/** By name, bytes alone and beside adamw, as the page has them. */
export type Sizes = Readonly<Record<string, readonly number[]>>
export function sizesIn(page: string): Sizes
/** The text of docs/rules.md, from the package's exports, all declarations, and the words on options. */
export function rulesPage(antigrad: object, definitions: object, documentation: object, sizes: Sizes): string
/** The README's text, with a line for each rule. */
export function withRules(readme: string, definitions: object): string
