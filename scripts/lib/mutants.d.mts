/** A source tree that can be read. */
export interface Sources {
  filesIn(path: string): string[]
  textOf(file: string): string
}

/** The sources of a commit, independent of the working tree; `cwd` is a folder in its repository. */
export function sourcesAt(commit: string, cwd?: string): Sources

/** All mutants of the files below some paths, except the mutants in `seen`, to which the new mutants are added. */
export function sitesIn(
  paths: readonly string[],
  seen?: Set<string>,
  sources?: Sources,
): { file: string; line: number; before: string; after: string }[]
