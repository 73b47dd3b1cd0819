export const VARIABLE: string
/** The address of the repository from the environment; throws if it is missing or invalid. */
export function repositoryFrom(env: Readonly<Record<string, string | undefined>>): string
/** The fields of a package.json that name the repository. */
export function metadataOf(repository: string): {
  readonly repository: { readonly type: string; readonly url: string }
  readonly homepage: string
  readonly bugs: { readonly url: string }
}
/** A text of the repository's root with absolute links. */
export function publishedText(text: string, repository: string, version: string): string
/** Completes the packages of the addons in a folder, and adds the main package; returns all folders in order. */
export function completePackages(folder: string, repository: string): string[]
