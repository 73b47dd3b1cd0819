// Reads the option --site of the scripts that build pages.

/**
 * @param args command-line arguments, such as `['--build', '--site', 'https://example.org/race']`
 * @returns the absolute URL after `--site`, which ends with a slash; undefined without the option
 * @throws Error if the URL is missing or not absolute
 */
export function siteOf(args) {
  const at = args.findIndex((arg) => arg === '--site' || arg.startsWith('--site='))
  if (at < 0) return undefined
  const text = args[at].startsWith('--site=') ? args[at].slice('--site='.length) : args[at + 1]
  const url = URL.canParse(text ?? '') ? new URL(text) : null
  if (!url || !/^https?:$/.test(url.protocol))
    throw new Error(`--site: expected an absolute URL such as https://example.org/race/, got ${text}`)
  return url.href.replace(/\/?$/, '/')
}
