// Imported by URL, so that VitePress does not bundle the library.
const rules = new URL('../.vitepress/rules.mjs', import.meta.url).href

export default { paths: async () => (await import(rules)).rulePages() }
