// Rewrites the published declarations, so that editors show each option with its description, range and default.
//
// The sources derive the types of options from tables (`GivenOf<typeof table>`). TypeScript's server shows no comment
// on a property of such a mapped type, and shows the name of the helper type in hovers. Therefore each such type is
// replaced by an interface with members.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
// The newest TypeScript version has no checker API for programs.
import ts from '../../test/types/oldest/node_modules/typescript/lib/typescript.js'

const DERIVED = /\b(GivenOf|ValuesOf|Options)<|\bPartial<\w+Values>/

/**
 * @param dist folder of the declarations
 * @param entries the modules that users import, such as `index`
 * @param optionOf function that returns the range and the default of an option, from the name of its rule or schedule
 */
export function explainOptions(dist, entries, optionOf) {
  const { ModuleKind, ModuleResolutionKind, ScriptTarget } = ts
  const files = readdirSync(dist, { recursive: true })
    .map((file) => join(dist, String(file)))
    .filter((file) => file.endsWith('.d.ts'))
  const program = ts.createProgram(files, {
    ...{ strict: true, exactOptionalPropertyTypes: true, target: ScriptTarget.ES2022, types: [] },
    ...{ module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext },
  })
  const checker = program.getTypeChecker()
  /** The names of the interfaces in front of functions. */
  const made = new Set()
  const visible = new Set(
    entries.flatMap((entry) => filesOf(program.getSourceFile(join(dist, `${entry}.d.ts`)))),
  )
  for (const file of files) {
    const source = program.getSourceFile(file)
    const edits = source.statements.flatMap((statement) => [
      ...(ts.isInterfaceDeclaration(statement) ? inInterface(statement) : []),
      ...(ts.isVariableStatement(statement) ? inFunction(statement) : []),
      ...(ts.isTypeAliasDeclaration(statement) ? inAlias(statement) : []),
    ])
    edits.push(...source.statements.filter(ts.isInterfaceDeclaration).flatMap(inRule))
    const text = readFileSync(file, 'utf8')
    if (edits.length > 0) writeFileSync(file, edited(text, edits))
    // No editor shows the comments of internal modules, and they are a tenth of the package. Tables of options are
    // shared by public types.
    else if (!visible.has(source) && !/\bOption</.test(text))
      writeFileSync(file, text.replaceAll(/^[ \t]*\/\*\*[\s\S]*?\*\/\n/gm, ''))
  }

  /** The files that declare the exports of an entry and their members. */
  function filesOf(entry) {
    return checker.getExportsOfModule(checker.getSymbolAtLocation(entry)).flatMap((symbol) => {
      const own = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
      const types = [checker.getDeclaredTypeOfSymbol(own), checker.getTypeOfSymbol(own)]
      const members = types.flatMap((type) => type.getProperties())
      return [own, ...members].flatMap(({ declarations = [] }) =>
        declarations.map((one) => one.getSourceFile()),
      )
    })
  }

  /** Replaces a derived type that an interface extends by members. */
  function inInterface(node) {
    const [clause] = node.heritageClauses ?? []
    const derived = clause?.types.filter((type) => DERIVED.test(type.getText())) ?? []
    if (derived.length === 0 || node.typeParameters !== undefined) return []
    const left = clause.types.filter((type) => !derived.includes(type)).map((type) => type.getText())
    return [
      {
        begin: clause.getStart(),
        end: clause.end,
        text: left.length > 0 ? `extends ${left.join(', ')}` : '',
      },
      {
        begin: node.members.pos,
        end: node.members.pos,
        text: derived.flatMap((type) => membersOf(type, type.getText(), '')).join(''),
      },
    ]
  }

  /** Replaces the derived type of a function's parameter `options` by an interface in front of the function. */
  function inFunction(statement) {
    const edits = []
    const visit = (node) => {
      const isDerived =
        ts.isParameter(node) && node.name.getText() === 'options' && DERIVED.test(node.type?.getText() ?? '')
      if (!isDerived) return ts.forEachChild(node, visit)
      const name = `${node.parent.type.getText()}Options`
      made.add(name)
      const text = node.type.getText().replace(/ \| undefined$/, '')
      if (edits.length === 0) {
        const [declaration] = statement.declarationList.declarations
        const members = membersOf(node.type, text, declaration.name.getText())
        edits.push({
          begin: statement.pos,
          end: statement.pos,
          text: `\n/** The options of {@link ${declaration.name.getText()}}. */\nexport interface ${name} {${members.join('')}\n}`,
        })
      }
      edits.push({ begin: node.type.getStart(), end: node.type.end, text: name })
    }
    visit(statement)
    return edits
  }

  /** Gives the type of a rule the interface of its options, which `set` and groups accept. */
  function inRule(node) {
    const type = node.heritageClauses?.[0].types.find((type) => /^RuleOf<[^,]*>$/.test(type.getText()))
    const name = `${node.name.text}Options`
    return type !== undefined && made.has(name)
      ? [{ begin: type.end - 1, end: type.end - 1, text: `, ${name}` }]
      : []
  }

  /** Replaces an alias of some of the options of an interface by an interface. */
  function inAlias(node) {
    if (!/Options$/.test(node.name.text) || !/^(Omit|Pick)</.test(node.type.getText())) return []
    const parameters = node.typeParameters?.map((parameter) => parameter.getText()).join(', ')
    const generic = parameters === undefined ? '' : `<${parameters}>`
    const whole = node.type.typeArguments[0].getText()
    const members = membersOf(node.type, whole, '').join('')
    return [
      {
        begin: node.getStart(),
        end: node.end,
        text: `export interface ${node.name.text}${generic} {${members}\n}`,
      },
    ]
  }

  /** The members of a derived type, with comments. */
  function membersOf(node, text, owner) {
    const type = checker.getNonNullableType(checker.getTypeFromTypeNode(node))
    return type.getProperties().map((property) => {
      const value = typeOf(property, text, node)
      const words = ts.displayPartsToString(property.getDocumentationComment(checker))
      const comment = [words, detailsOf(owner, property.name, words, property)]
      const lines = comment.filter(Boolean).join('\n').replaceAll('*/', '*\\/').split('\n')
      const shown =
        lines.length === 1
          ? `/** ${lines[0]} */`
          : `/**\n${lines.map((line) => `     * ${line}\n`).join('')}     */`
      return `\n    ${shown}\n    readonly ${property.name}${isOptional(property) ? '?' : ''}: ${value};`
    })
  }

  /** The type of a member: spelled out if it is short and names no other type, otherwise looked up in `text`. */
  function typeOf(property, text, node) {
    const type = checker.getTypeOfSymbol(property)
    const written = checker.typeToString(type, node, ts.TypeFormatFlags.NoTruncation)
    const isPlain = /^[\w'" |.-]*$/.test(written) && !/[A-Z]/.test(written.replaceAll(/'[^']*'|"[^"]*"/g, ''))
    const indexed = `(${text})['${property.name}']`
    if (!isOptional(property) || takesUndefined(property)) return isPlain ? written : indexed
    // The type of an optional member includes undefined, although exactOptionalPropertyTypes forbids it as a value.
    const own = property.declarations?.[0]?.type.getText() ?? ''
    const isParameter = /^\w+$/.test(own) && new RegExp(`\\b${own}\\b`).test(text)
    if (isParameter) return own
    return isPlain ? written.replace(/ \| undefined$/, '') : `Exclude<${indexed}, undefined>`
  }

  function isOptional(property) {
    return (property.flags & ts.SymbolFlags.Optional) !== 0
  }

  /** Whether the declared type of an optional member accepts undefined. Types that are derived from tables always do. */
  function takesUndefined(property) {
    const [declaration] = property.declarations ?? []
    if (
      declaration === undefined ||
      !ts.isPropertySignature(declaration) ||
      declaration.questionToken === undefined
    )
      return true
    const type = checker.getTypeFromTypeNode(declaration.type)
    const parts = type.isUnion() ? type.types : [type]
    return parts.some(({ flags }) => (flags & (ts.TypeFlags.Undefined | ts.TypeFlags.Any)) !== 0)
  }

  /** The range of an option if it is known, and its default. */
  function detailsOf(owner, name, words, property) {
    const option = optionOf(owner, name) ?? {
      default: /default/i.test(words) ? undefined : defaultIn(property),
    }
    const range = (option.expected ?? '') === '' ? [] : [`Range: ${option.expected}.`]
    const value = option.default
    const [first, ...others] = Array.isArray(value) ? value : [value]
    const known = first === undefined ? [] : [`Default: ${[first, ...others].join('; ')}.`]
    return [...range, ...known].join(' ')
  }

  /** The default of an option whose type says it: the second argument of `Option<number, 10>`. */
  function defaultIn(property) {
    const [declaration] = property.declarations ?? []
    const { type } = declaration ?? {}
    if (type === undefined || !/\b(Option|ScheduleField)<[^<>]*>$/.test(type.getText())) return undefined
    const text = type.typeArguments?.at(-1)?.getText()
    return /^(-?[\d.e+-]+|true|false|null|"[^"]*")$/.test(text ?? '') ? text : undefined
  }
}

function edited(text, edits) {
  let result = text
  for (const { begin, end, text: replacement } of edits.sort((a, b) => b.begin - a.begin || b.end - a.end))
    result = result.slice(0, begin) + replacement + result.slice(end)
  return result
}
