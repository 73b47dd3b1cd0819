// Extracts the documentation of rules and their options from the syntax trees of the sources.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { equationsOf } from './equations.mjs'

/** The names that are visible at a place in the sources, and the module of that place. */
class Scope {
  #names = new Map()
  #outer

  constructor(module, outer = null) {
    this.module = module
    this.#outer = outer
  }

  bind(name, found) {
    this.#names.set(name, found)
  }

  /** Declares the constants, functions and interfaces among statements. */
  declare(statements) {
    for (const statement of statements) {
      const declaration = statement.declaration ?? statement
      if (/^(Function|TSInterface)Declaration$/.test(declaration.type)) {
        this.bind(declaration.id.name, () => ({ node: declaration, scope: this }))
      }
      if (declaration.type !== 'VariableDeclaration') continue
      for (const { id, init } of declaration.declarations) {
        if (id.type !== 'Identifier' || init === null) continue
        this.bind(id.name, () => this.resolve(init))
        this.module.documented.set(init, this.module.comments.get(statement.start))
      }
    }
    return this
  }

  named(name) {
    return this.#names.get(name)?.() ?? this.#outer?.named(name)
  }

  /** Resolves names, imports, fields and types of an expression to a node and its scope. */
  resolve(node) {
    switch (node.type) {
      case 'Identifier':
        return this.named(node.name)
      case 'TSAsExpression':
      case 'TSSatisfiesExpression':
        return this.resolve(node.expression)
      case 'MemberExpression': {
        const object = node.computed ? undefined : this.resolve(node.object)
        return object?.scope.fields(object.node).get(node.property.name)?.value()
      }
      default:
        return { node, scope: this }
    }
  }

  /** The fields of an interface or object literal, including spreads, with their comments and values. */
  fields(node) {
    if (node.type === 'TSInterfaceDeclaration') {
      const { comments } = this.module
      return new Map(node.body.body.map(({ key, start }) => [key.name, { comment: comments.get(start) }]))
    }
    if (node.type !== 'ObjectExpression') {
      throw new Error(`${this.module.path}: not an object: ${this.module.text.slice(node.start, node.end)}`)
    }
    return new Map(
      node.properties.flatMap((property) => {
        if (property.type === 'Property') {
          const comment = this.module.comments.get(property.start)
          const value = () => this.resolve(property.value)
          return [[property.key.name ?? property.key.value, { comment, value }]]
        }
        const spread = this.resolve(property.argument)
        if (spread !== undefined) return [...spread.scope.fields(spread.node)]
        const unknown = this.module.text.slice(property.start, property.end)
        throw new Error(`${this.module.path}: cannot resolve ${unknown}`)
      }),
    )
  }
}

/**
 * @param folder folder of the rules. Each rule calls `define` of `define.ts`, or a function that returns such a call.
 * @returns per rule, the fields of its declaration and the scope of its module
 */
function rulesIn(folder) {
  const modules = new Map()
  const moduleAt = (path) => {
    if (!modules.has(path)) modules.set(path, readModule(path, moduleAt))
    return modules.get(path)
  }
  const define = moduleAt(join(folder, 'define.ts')).named('define').node

  /** The rule that a call declares; undefined if it declares none. */
  function declared({ node, scope }) {
    const callee = node.type === 'CallExpression' ? scope.resolve(node.callee) : undefined
    if (callee?.node === define) {
      const [name, declaration] = node.arguments.map((argument) => scope.resolve(argument))
      return [name.node.value, declaration.scope.fields(declaration.node)]
    }
    if (callee?.node.type !== 'FunctionDeclaration') return undefined
    const inner = new Scope(callee.scope.module, callee.scope).declare(callee.node.body.body)
    callee.node.params.forEach(({ name }, i) => {
      if (i < node.arguments.length) inner.bind(name, () => scope.resolve(node.arguments[i]))
    })
    const returned = callee.node.body.body.find(({ type }) => type === 'ReturnStatement')?.argument
    return returned && declared(inner.resolve(returned) ?? {})
  }

  const files = readdirSync(folder).filter((file) => file.endsWith('.ts') && file !== 'documentation.ts')
  return files.flatMap((file) => {
    const module = moduleAt(join(folder, file))
    const definition = module.named('definition')
    const rule = definition && declared(definition)
    return rule === undefined ? [] : [[rule[0], { fields: rule[1], module }]]
  })
}

/**
 * Collects the comments on options. The properties of `numbers` and `Flags` in `options.ts` are shared options, which
 * rules include by name, with a value instead of a kind.
 *
 * @returns per rule, the comments on each option: the comment on the shared option, and the rule's own
 */
export function optionDocumentation(folder) {
  const common = readModule(join(folder, 'options.ts'))
  const shared = new Map(['numbers', 'Flags'].flatMap((name) => [...common.fields(common.named(name).node)]))
  const rules = rulesIn(folder).map(([name, { fields }]) => {
    const options = fields.get('options').value()
    const words = [...options.scope.fields(options.node)].map(([option, { comment, value }]) => {
      const isShared = value().node.type === 'Literal' && shared.has(option)
      const comments = [isShared ? shared.get(option).comment : undefined, comment].filter(Boolean)
      if (comments.length === 0) throw new Error(`${name}: no comment on ${option}`)
      return [option, comments.map(inOneLine).join('; ')]
    })
    return [name, Object.fromEntries(words)]
  })
  return Object.fromEntries(rules)
}

/**
 * @returns per rule, the comment on its function, the equations of its loops, and the comment on its definition, which
 * describes their coefficients
 */
export function ruleDocumentation(folder) {
  const rules = rulesIn(folder).map(([name, { fields, module }]) => {
    const commentOn = (exported) => module.module.documented.get(module.named(exported).node)
    const [comment] = commentOn(name).split('@throws')
    const all = comment
      .replaceAll(/\{@link (\w+)\}/g, '`$1`')
      .split(/\n[ *]*\n/)
      .map(inOneLine)
    const isState = (paragraph) => /^(State: |No state\.)/.test(paragraph)
    const paragraphs = all.filter((paragraph) => paragraph !== '' && !isState(paragraph))
    const coefficients = commentOn('definition')
    return [
      name,
      {
        paragraphs,
        state: all.find(isState),
        equations: equationsIn(fields.get('kernels').value()),
        coefficients: coefficients && inOneLine(coefficients),
      },
    ]
  })
  return Object.fromEntries(rules)
}

/**
 * The equations of kernels' loops, each preceded by the loop's comment. Loops without equations must have a comment.
 */
function equationsIn({ node, scope }) {
  // Kernels that a shared function adds to many rules do not count as the rule's own.
  const own = node.elements.find(({ type }) => type === 'SpreadElement')
  if (own !== undefined) return equationsIn(scope.resolve(own.argument))
  return node.elements.map((element) => {
    const { node: call, scope: inner } = scope.resolve(element)
    const twins = inner.resolve(call.arguments[1])
    const loop = twins.scope.resolve(twins.node.arguments[0])
    const comment = twins.scope.module.documented.get(twins.node)
    const parts = [comment && inOneLine(comment).replace(/\.$/, ''), equationsOf(loop.node)].filter(Boolean)
    if (parts.length === 0)
      throw new Error(`${twins.scope.module.path}: a loop that has neither equations nor a comment`)
    return parts.join(': ')
  })
}

/** The text of a comment in one line. */
const inOneLine = (comment) => comment.replaceAll(/\s+(\* ?)?/g, ' ').trim()

/** Reads a module: its scope, the comments by position of the following code, and the comments on constants. */
function readModule(path, moduleAt) {
  const text = readFileSync(path, 'utf8')
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  const before = comments.flatMap(({ type, value, end }) => {
    if (type !== 'Block' || !value.startsWith('*')) return []
    return [[end + text.slice(end).search(/\S/), value.slice(1)]]
  })
  const scope = new Scope({ path, text, comments: new Map(before), documented: new Map() }).declare(
    program.body,
  )
  for (const { source, specifiers = [] } of program.body.filter(({ type }) => type === 'ImportDeclaration')) {
    if (!source.value.startsWith('.')) continue
    const from = join(path, '..', source.value.replace(/\.js$/, '.ts'))
    for (const { imported, local } of specifiers) {
      if (imported !== undefined) scope.bind(local.name, () => moduleAt(from).named(imported.name))
    }
  }
  return scope
}
