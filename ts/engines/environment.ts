/** An environment variable that is not empty. What may not be read, as in Deno without --allow-env, counts as unset. */
export function environmentVariable(name: string): string | undefined {
  try {
    return process.env[name] || undefined
  } catch {
    return undefined
  }
}
