/** Where sources are read. */
export interface Sources {
  filesIn(path: string): string[]
  textOf(file: string): string
}

/** The sources of a commit, whatever the files have become since; `cwd` is in the repository that has it. */
export function sourcesAt(commit: string, cwd?: string): Sources

/** All mistakes that the files of some paths can have, but for those that have been seen; now they are. */
export function sitesIn(
  paths: readonly string[],
  seen?: Set<string>,
  sources?: Sources,
): { file: string; line: number; before: string; after: string }[]
