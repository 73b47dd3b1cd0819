/** Runs a page's main module and shows an error if it fails, because not every browser reports module errors. */

try {
  Intl.getCanonicalLocales(navigator.language)
} catch {
  // In containers with the plain locale, WebKit reports the language 'C', with which number formats throw.
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
