import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defineConfig, type SiteConfig } from 'vitepress'
import { anchorOf } from '../../scripts/lib/anchor.mjs'

// Imported by URL, so that VitePress does not bundle the library.
const { ruleNames } = await import(new URL('./rules.mjs', import.meta.url).href)

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))

/** Every page of docs/, by topic. A page that is missing here is an error. */
const sections: Readonly<Record<string, readonly string[]>> = {
  Begin: ['start', 'which', 'coming-from', 'coming-from-fits', 'recipes', 'charts', 'not-here'],
  Optimizers: [
    'optimizer',
    'models',
    'rows',
    'schedules',
    'rules',
    'rules-a-f',
    'rules-g-n',
    'rules-o-z',
    'equations',
  ],
  'Functions to minimize': [
    'minimize',
    'minima',
    'constraints',
    'objectives',
    'expressions',
    'functions',
    'recurrences',
    'sweep',
  ],
  Fits: [
    'fits',
    'fits-models',
    'fits-errors',
    'fits-error-models',
    'fits-functions',
    'odes',
    'fits-shared',
    'fits-compare',
    'fits-unknowns',
    'fits-outliers',
    'fits-tables',
    'fits-command-line',
    'fits-method',
  ],
  Engines: ['engines', 'same-bits', 'threads', 'everywhere', 'rivals'],
  'Many machines': ['chunks', 'chunks-engines'],
  'At work': ['command-line', 'page', 'files', 'tfjs', 'errors'],
  'How it is made': ['how-it-works', 'numerics', 'performance', 'reliability', 'releasing'],
}

const { indexOptions, searchOptions } = await import(new URL('./search.mjs', import.meta.url).href)

const text = (page: string) => readFileSync(new URL(`../${page}.md`, import.meta.url), 'utf8')
const titleOf = (page: string) => /^# (.*)$/m.exec(text(page))?.[1] ?? page
const link = (page: string) => `/docs/${page}`

/** Turns empty header cells of tables into ordinary cells, because an empty header has no meaning. */
function emptyHeaders({ tokens }: { tokens: { type: string; tag: string; content: string }[] }): void {
  tokens.forEach((token, i) => {
    if (token.type === 'th_open' && tokens[i + 1].content === '') token.tag = tokens[i + 2].tag = 'td'
  })
}

/** Writes llms.txt, a list of all pages, and llms-full.txt, the text of all pages. */
function writeTexts({ outDir, pages }: SiteConfig): void {
  const listed = Object.values(sections).flat()
  const lost = pages.filter(
    (page) =>
      /^docs\/[\w-]+\.md$/.test(page) && page !== 'docs/index.md' && !listed.includes(page.slice(5, -3)),
  )
  if (lost.length > 0) throw new Error(`${lost} is in no list of .vitepress/config.mts`)
  const about =
    'antigrad: optimizers, minimization and curve fitting for TypeScript, with the same bits everywhere.'
  const lines = Object.entries(sections).map(
    ([title, names]) =>
      `## ${title}\n\n${names.map((name) => `- [${titleOf(name)}](${link(name).slice(1)}.html)`).join('\n')}`,
  )
  // The example programs that pages link to.
  cpSync(new URL('../../examples', import.meta.url), join(outDir, 'examples'), {
    recursive: true,
    filter: (path) => !/\.(md|checkpoints?)$/.test(path),
  })
  cpSync(new URL('../api.txt', import.meta.url), join(outDir, 'docs/api.txt'))
  writeFileSync(join(outDir, 'llms.txt'), `# antigrad\n\n> ${about}\n\n${lines.join('\n\n')}\n`)
  writeFileSync(join(outDir, 'llms-full.txt'), listed.map(text).join('\n\n'))
  writeFileSync(
    join(outDir, 'index.html'),
    '<!doctype html><title>antigrad</title><meta http-equiv="refresh" content="0; url=docs/">',
  )
}

const plainCode = (code: string) =>
  `<pre><code>${code.replaceAll('&', '&#x26;').replaceAll('<', '&#x3C;')}</code></pre>`

interface Environment {
  readonly frontmatter?: { readonly search?: boolean }
}

/** Renders a page for the search index, which contains no colors. (Highlighting takes most of the time.) */
function renderForSearch(
  source: string,
  env: Environment,
  renderer: { options: object; render(source: string, env: Environment): string },
): string {
  Object.assign(renderer.options, { highlight: plainCode })
  const html = renderer.render(source, env)
  return env.frontmatter?.search === false ? '' : html
}

/** Makes Vue external: Vite cannot resolve it for pages of dynamic routes, which are no files. */
const vueOfOurs = {
  ...{ name: 'vue-of-ours', enforce: 'pre' as const },
  resolveId: (id: string, _: unknown, { ssr }: { ssr?: boolean }) =>
    ssr && /^vue(\/|$)/.test(id) ? { id, external: true } : null,
}

export default defineConfig({
  ...{
    title: 'antigrad',
    lang: 'en',
    description: 'Optimizers, minimization and curve fitting for TypeScript, the same bits everywhere',
  },
  // URLs equal the paths in the repository, so that links work in both.
  ...{ srcDir: '..', outDir: './dist', cacheDir: './.vitepress/cache' },
  srcExclude: [
    'README.md',
    '**/node_modules/**',
    'target/**',
    'dist/**',
    'docs/dist/**',
    'examples/mnist.checkpoints/**',
    'test/**',
    'crates/**',
    'page/**',
    'native/**',
    'npm/**',
    'wasm/**',
    'bench/peers/**',
    '.ci/**',
  ],
  head: [['link', { rel: 'icon', href: 'data:,' }]],
  markdown: {
    anchor: { slugify: anchorOf },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: (md) => void md.core.ruler.push('empty-headers', emptyHeaders),
  },
  vite: { plugins: [vueOfOurs] },
  buildEnd: writeTexts,
  themeConfig: {
    logoLink: '/docs/',
    siteTitle: `antigrad ${version}`,
    search: {
      provider: 'local',
      options: {
        _render: renderForSearch,
        miniSearch: { options: indexOptions, searchOptions },
      },
    },
    outline: [2, 3],
    nav: [
      { text: 'Start', link: link('start') },
      { text: 'Rules', link: link('rules') },
      { text: 'Fits', link: link('fits') },
      // The pages are built separately, so the browser loads them as files.
      { text: 'Race', link: '/race/index.html', target: '_self' },
      { text: 'Story', link: '/race/story/index.html', target: '_self' },
      { text: 'Fit your data', link: '/race/fit.html', target: '_self' },
      { text: 'API', link: '/docs/api/' },
      { text: 'Changes', link: '/CHANGELOG' },
    ],
    sidebar: {
      '/docs/rules/': [
        { text: 'All pages', items: [{ text: 'Rules', link: link('rules') }] },
        {
          text: 'Each rule',
          items: ruleNames.map((name: string) => ({ text: name, link: `/docs/rules/${name}` })),
        },
      ],
      '/': Object.entries(sections).map(([section, pages]) => ({
        text: section,
        items: pages.map((page) => ({ text: titleOf(page), link: link(page) })),
      })),
    },
  },
})
