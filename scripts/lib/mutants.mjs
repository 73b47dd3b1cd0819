// Generates single mutants of the sources, and prepares a worktree for them.
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

// Excluded files: generated code, code for other machines, and files with declarations only.
export const left =
  /manifest\.(ts|rs)$|arena\/layout\.ts$|documentation|package\.ts|webassembly\/|neon|simd128|index\.ts$/

/** All files below a path in the working tree. */
export const filesIn = (path) =>
  statSync(join(root, path)).isDirectory()
    ? readdirSync(join(root, path))
        .filter((name) => name !== 'node_modules')
        .sort((a, b) => (a < b ? -1 : 1))
        .flatMap((name) => filesIn(`${path}/${name}`))
    : [path]

/** Sorts paths by their parts, as in the working tree, so that a seed draws the same mutants. */
const byParts = (a, b) => {
  const [left, right] = [a, b].map((path) => path.split('/'))
  const k = left.findIndex((part, i) => part !== right[i])
  return left[k] < right[k] ? -1 : 1
}

/** The sources of a commit, independent of the working tree. */
export function sourcesAt(commit, cwd = root) {
  const git = (...args) => execFileSync('git', args, { cwd, encoding: 'utf8', maxBuffer: 1 << 26 })
  return {
    filesIn: (path) => git('ls-tree', '-r', '--name-only', commit, path).trimEnd().split('\n').sort(byParts),
    textOf: (file) => git('show', `${commit}:${file}`),
  }
}

const here = { filesIn, textOf: (file) => readFileSync(join(root, file), 'utf8') }

const flips = [
  ...[' < ', ' <= '].map((from, i) => [from, [' <= ', ' < '][i]]),
  ...[' > ', ' >= '].map((from, i) => [from, [' >= ', ' > '][i]]),
  ...[' + ', ' - '].map((from, i) => [from, [' - ', ' + '][i]]),
  ...[' * ', ' / '].map((from, i) => [from, [' / ', ' * '][i]]),
  ...[' === ', ' !== '].map((from, i) => [from, [' !== ', ' === '][i]]),
  ...[' == ', ' != '].map((from, i) => [from, [' != ', ' == '][i]]),
  ...[' && ', ' || '].map((from, i) => [from, [' || ', ' && '][i]]),
  ...[' += ', ' -= '].map((from, i) => [from, [' -= ', ' += '][i]]),
]

/** All mutants of a file, as [line, original, replacement]. */
function sitesOf(file, text) {
  const isRust = file.endsWith('.rs')
  // Comments and strings are blanked out, which keeps the columns.
  const blank = (found) => found.replaceAll(/[^\n]/g, '\0')
  const code = text
    .split(isRust ? '#[cfg(test)]' : '\0')[0]
    .replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, blank)
    .replaceAll(isRust ? /"(\\.|[^"\\\n])*"/g : /'(\\.|[^'\\\n])*'|`(\\.|[^`\\])*`/g, blank)
  const lines = text.split('\n')
  const masked = code.split('\n')
  const sites = []
  masked.forEach((line, i) => {
    if (/^\s*(import|export (type|interface|\{|\*)|type |interface |use |impl|where|fn |pub |#)/.test(line))
      return
    const add = (column, length, instead) => {
      const before = lines[i]
      sites.push([i + 1, before, before.slice(0, column) + instead + before.slice(column + length)])
    }
    for (const [from, to] of flips) {
      for (let at = line.indexOf(from); at >= 0; at = line.indexOf(from, at + 1)) add(at, from.length, to)
    }
    for (const { 0: number, index } of line.matchAll(/(?<![\w.])\d+(\.\d+)?(e-?\d+)?(?![\w.])/g)) {
      add(
        index,
        number.length,
        number.includes('.') || number.includes('e')
          ? `${Number(number) * 2 || 1}${isRust ? '_f64' : ''}`
          : `${Number(number) + 1}`,
      )
    }
    const condition = isRust ? /\bif (?!let\b)(.*) \{$/.exec(line) : /\bif \((.*)\)( |$)/.exec(line)
    if (condition && balanced(condition[1])) {
      const at = condition.index + condition[0].indexOf(condition[1])
      add(at, condition[1].length, `!(${lines[i].slice(at, at + condition[1].length)})`)
    }
    const isCall = /^\s*[a-z][\w.[\]?!]*(\(| [-+*/|&]?= ).*[^\s,({[:?+*/&|=]$/.test(line) && balanced(line)
    const isWhole = isRust
      ? line.endsWith(';')
      : !/^\s*[.?:&|+*/}\])-]/.test(masked[i + 1] ?? '') && /[;{}\0)\w\]]\s*$|^\s*$/.test(masked[i - 1] ?? '')
    const isDeclaration =
      /^\s*(const|let|return|export|case|if|for|while|else|throw|type|readonly|static)\b/.test(line)
    if (isCall && isWhole && !isDeclaration)
      add(0, lines[i].length, /^\s*/.exec(lines[i])[0] + (isRust ? ';' : 'void 0'))
  })
  return sites
}

function balanced(text) {
  let depth = 0
  for (const character of text) {
    depth += { '(': 1, '[': 1, '{': 1, ')': -1, ']': -1, '}': -1 }[character] ?? 0
    if (depth < 0) return false
  }
  return depth === 0
}

/** All mutants of the files below some paths, except the mutants in `seen`. The new mutants are added to `seen`. */
export function sitesIn(paths, seen = new Set(), sources = here) {
  const files = paths
    .flatMap((path) => sources.filesIn(path))
    .filter((file) => /\.(ts|rs)$/.test(file) && !left.test(file) && !seen.has(file))
  for (const file of files) seen.add(file)
  return files.flatMap((file) =>
    sitesOf(file, sources.textOf(file)).map(([line, before, after]) => ({ file, line, before, after })),
  )
}

/** Draws `count` items from a list and removes them. */
export const drawn = (sites, count, next) =>
  Array.from(
    { length: Math.min(count, sites.length) },
    () => sites.splice(Math.floor(next() * sites.length), 1)[0],
  )

/**
 * Creates a worktree with all build results except the benchmarks' results. Each concurrent run uses another worktree.
 */
export function worktree(commit, name = commit) {
  const folder = join(root, 'target/mutations', name)
  if (existsSync(folder)) return folder
  mkdirSync(join(root, 'target/mutations'), { recursive: true })
  execFileSync('git', ['worktree', 'add', '--force', '--detach', folder, commit], {
    cwd: root,
    stdio: 'ignore',
  })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const ignored = ['ls-files', '--others', '--ignored', '--exclude-standard', '--directory']
  for (const path of execFileSync('git', ignored, { cwd: root, encoding: 'utf8' }).trim().split('\n')) {
    if (/^(target|node_modules|bench)\//.test(path)) continue
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  // Only the addon is mutated, so its hash must stay equal to that of the WebAssembly module and of the manifest.
  cpSync(join(folder, 'crates/kernels/src'), join(folder, 'target/unchanged/src'), { recursive: true })
  const build = join(folder, 'crates/kernels/build.rs')
  const pinned = `fn main() -> io::Result<()> {\n    env::set_current_dir(${JSON.stringify(join(folder, 'target/unchanged'))})?;`
  writeFileSync(build, readFileSync(build, 'utf8').replace('fn main() -> io::Result<()> {', pinned))
  return folder
}
