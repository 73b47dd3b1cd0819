// Writes the public API as text. Every export of every entry comes with its types, from the published declarations by
// TypeScript's checker. Every option comes with its default, from the option tables in the sources.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
// The newest TypeScript version has no checker API for programs.
import ts from '../../test/types/oldest/node_modules/typescript/lib/typescript.js'
import { entries } from './entries.mjs'

const oneLine = (text) => text.replaceAll(/\s+/g, ' ').trim()

/**
 * @param dist folder of the declarations, such as `dist/node`
 * @param sources folder of the option tables, such as `ts`
 */
export const apiOf = (dist, sources) => `${exportsIn(dist)}\n${tablesIn(sources)}`

/** The entries and their exports, member by member. */
export function exportsIn(dist) {
  const { ModuleKind, ModuleResolutionKind, ScriptTarget, SymbolFlags, TypeFormatFlags } = ts
  const declarationsOf = (path) => join(dist, path.replace(/js$/, 'd.ts'))
  const files = Object.values(entries).map(declarationsOf)
  const program = ts.createProgram(files, {
    ...{ strict: true, exactOptionalPropertyTypes: true, target: ScriptTarget.ES2022, types: [] },
    ...{ module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext },
  })
  const checker = program.getTypeChecker()
  const format = TypeFormatFlags.NoTruncation | TypeFormatFlags.UseAliasDefinedOutsideCurrentScope
  const shown = (type, flags = 0) => oneLine(checker.typeToString(type, undefined, format | flags))
  const exported = (file) => checker.getExportsOfModule(checker.getSymbolAtLocation(file))
  const own = (symbol) => (symbol.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol)

  /** Types that are not exported but occur in exported types, by name. */
  const inner = new Map()
  for (const file of program.getSourceFiles()) {
    if (!file.fileName.startsWith(dist) || !ts.isExternalModule(file)) continue
    for (const symbol of checker.getSymbolsInScope(file, SymbolFlags.Type)) {
      if (symbol.declarations?.some((one) => one.getSourceFile() === file)) {
        inner.set(symbol.name, new Set([...(inner.get(symbol.name) ?? []), symbol]))
      }
    }
  }

  const said = new Set()
  const wanted = []
  const say = (line) => {
    for (const [name] of line.matchAll(/\b[A-Z]\w*/g)) if (inner.has(name)) wanted.push(name)
    return line
  }

  const members = (type) =>
    type
      .getProperties()
      .filter(({ name }) => !/^(__|#)/.test(name))
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .flatMap((member) => {
        const optional = member.flags & SymbolFlags.Optional ? '?' : ''
        const memberType = checker.getTypeOfSymbol(member)
        const line = say(`  ${member.name}${optional}: ${shown(memberType)}`)
        return [line, ...parameters(memberType, '    ')]
      })

  /** Lists the options that a function takes. */
  function parameters(type, indent) {
    const signatures = [...type.getCallSignatures(), ...type.getConstructSignatures()]
    return signatures.flatMap((signature) =>
      signature
        .getParameters()
        .filter(({ name }) => name === 'options')
        .flatMap((parameter) =>
          checker
            .getNonNullableType(checker.getTypeOfSymbol(parameter))
            .getProperties()
            .map((option) => {
              const optional = option.flags & SymbolFlags.Optional ? '?' : ''
              return say(
                `${indent}options.${option.name}${optional}: ${shown(checker.getTypeOfSymbol(option))}`,
              )
            }),
        ),
    )
  }

  function described(name, symbol) {
    if (said.has(symbol)) return []
    said.add(symbol)
    const lines = []
    if (symbol.flags & SymbolFlags.Type && !(symbol.flags & SymbolFlags.TypeParameter)) {
      const type = checker.getDeclaredTypeOfSymbol(symbol)
      const isObject = symbol.flags & (SymbolFlags.Interface | SymbolFlags.Class)
      lines.push(
        say(isObject ? `type ${name}` : `type ${name} = ${shown(type, TypeFormatFlags.InTypeAlias)}`),
      )
      if (isObject) lines.push(...members(type))
    }
    if (symbol.flags & SymbolFlags.Value) {
      const type = checker.getTypeOfSymbol(symbol)
      lines.push(say(`${name}: ${shown(type)}`), ...parameters(type, '  '))
      if (symbol.flags & SymbolFlags.Class)
        lines.push(...members(type).map((line) => line.replace('  ', '  static ')))
    }
    return lines
  }

  const sections = Object.entries(entries).map(([entry, path]) => {
    const symbols = exported(program.getSourceFile(declarationsOf(path)))
    const lines = symbols
      .map((symbol) => [symbol.name, own(symbol)])
      .flatMap(([name, symbol]) => described(name, symbol))
    return [`# ${entry}`, ...lines]
  })
  const others = []
  for (const name of wanted) for (const symbol of inner.get(name)) others.push(described(name, own(symbol)))
  others.sort(([a], [b]) => (a < b ? -1 : 1))
  return [...sections, ['# of these types', ...others.flat()]].flat().join('\n')
}

/** Lists the option tables: objects of option kinds, with the source text of each kind. */
export function tablesIn(sources) {
  const lines = []
  const constants = new Map()
  const uses = []
  for (const file of readdirSync(sources, { recursive: true }).sort()) {
    if (!file.endsWith('.ts') || /command-line|documentation|-text|webassembly/.test(file)) continue
    const text = readFileSync(join(sources, file), 'utf8')
    const { program } = parseSync(file, text)
    const makers = program.body.flatMap(({ type, source, specifiers }) =>
      type === 'ImportDeclaration' &&
      /(options\/(kinds|read)|\/(kind|options?|kinds|read))\.js$/.test(source.value)
        ? specifiers.map(({ local }) => local.name)
        : [],
    )
    const textOf = ({ start, end }) =>
      oneLine(text.slice(start, end).replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*/g, ''))
    walk(program, (node, parent) => {
      const isKind = makers.includes(node.init?.callee?.name) || /^[A-Z][A-Z_]+$/.test(node.id?.name)
      if (node.type === 'VariableDeclarator' && node.init && isKind) {
        constants.set(node.id.name, textOf(node.init))
      }
      if (node.type !== 'ObjectExpression') return
      const isOfRule =
        parent?.type === 'Property' && parent.key.name === 'options' && file.startsWith('rules/')
      const isOfKinds = node.properties.some(
        ({ value }) => value?.type === 'CallExpression' && makers.includes(value.callee.name),
      )
      if (!isOfRule && !isOfKinds) return
      const table = node.properties.map((property) => `  ${textOf(property)}`)
      uses.push(...table)
      lines.push(`${file}`, ...table)
    })
  }
  const named = [...constants].filter(([name]) => uses.some((line) => new RegExp(`\\b${name}\\b`).test(line)))
  return ['# defaults', ...lines, ...named.map(([name, value]) => `${name} = ${value}`).sort(), ''].join('\n')
}

function walk(node, visit, parent = null) {
  visit(node, parent)
  for (const [key, child] of Object.entries(node)) {
    if (key === 'parent') continue
    for (const one of Array.isArray(child) ? child : [child]) {
      if (typeof one?.type === 'string') walk(one, visit, node)
    }
  }
}
