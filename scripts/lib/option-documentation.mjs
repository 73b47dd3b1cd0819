// What the sources say of rules and their options, read from their syntax trees.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { equationsOf } from './equations.mjs'

/** The names that a place in the sources sees, and the module that it stands in. */
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

  /** Takes in the constants, functions and interfaces among statements. */
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

  /** What an expression stands for, behind names, imports, fields and types: a node with the scope it stands in. */
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

  /** The fields of an interface, or of an object as it is written, with what it takes in by spreads: comments, values. */
  fields(node) {
    if (node.type === 'TSInterfaceDeclaration') {
      const { comments } = this.module
      return new Map(node.body.body.map(({ key, start }) => [key.name, { comment: comments.get(start) }]))
    }
    if (node.type !== 'ObjectExpression') {
      throw new Error(`${this.module.path}: no object: ${this.module.text.slice(node.start, node.end)}`)
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
        throw new Error(`${this.module.path}: nothing known of ${unknown}`)
      }),
    )
  }
}

/**
 * @param folder of the rules, each of which calls `define` of its `define.ts`, or a function that returns such a call
 * @returns by rule, the fields of what it declares, and the module's scope
 */
function rulesIn(folder) {
  const modules = new Map()
  const moduleAt = (path) => {
    if (!modules.has(path)) modules.set(path, readModule(path, moduleAt))
    return modules.get(path)
  }
  const define = moduleAt(join(folder, 'define.ts')).named('define').node

  /** The rule that a call declares, if it does. */
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
 * Those of `numbers` and `Flags` in its `options.ts` are options that rules take in by their names, with a value instead
 * of a kind.
 *
 * @returns by rule, what the comments on each of its options say: on the shared one, and the rule's own
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

/** Where a rule comes from: the first words in brackets that have a year. */
const SOURCE = /\(([^()]*\b(?:18|19|20)\d\d\b[^()]*)\)/

/**
 * @returns by rule, what the comment on its function says, the equations of its loops, and the comment on its
 * definition, which is about their coefficients
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
        source: SOURCE.exec(paragraphs[0])?.[1],
        state: all.find(isState),
        equations: equationsIn(fields.get('kernels').value()),
        coefficients: coefficients && inOneLine(coefficients),
      },
    ]
  })
  return Object.fromEntries(rules)
}

/** The equations of kernels' loops, each after the comment on it, which has to say all where they are none. */
function equationsIn({ node, scope }) {
  // What a function adds to the kernels of many rules is none's own.
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

/** A comment's words. */
const inOneLine = (comment) => comment.replaceAll(/\s+(\* ?)?/g, ' ').trim()

/** A module's scope, with comments by where what they stand before begins, and those on constants. */
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
