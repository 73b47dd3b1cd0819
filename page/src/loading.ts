/** Runs a page's main part, and says it if that fails: not every browser reports a module that throws. */

try {
  Intl.getCanonicalLocales(navigator.language)
} catch {
  // 'C' in WebKit under the plain locale of containers: formats of numbers throw at such a language.
  Object.defineProperty(navigator, 'language', { value: 'en' })
}

export function run(main: Promise<{ start(): Promise<void> }>): void {
  main
    .then(({ start }) => start())
    .catch((thrown: unknown) => {
      const problems = document.getElementById('problems') as HTMLElement
      problems.hidden = false
      problems.textContent = `The page could not be loaded: ${thrown}. Reload it, or try another browser.`
    })
}
