// What the comment on each option of each rule says, read from the syntax trees of the rules' sources.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync } from 'oxc-parser'

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

  /** Takes in the constants and functions among statements. */
  declare(statements) {
    for (const statement of statements) {
      const declaration = statement.declaration ?? statement
      if (declaration.type === 'FunctionDeclaration') {
        this.bind(declaration.id.name, () => ({ node: declaration, scope: this }))
      }
      if (declaration.type !== 'VariableDeclaration') continue
      for (const { id, init } of declaration.declarations) {
        if (id.type === 'Identifier' && init !== null) this.bind(id.name, () => this.resolve(init))
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

  /** The fields of an object as it is written, what it takes in by spreads among them: their values and comments. */
  fields(node) {
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
 * @returns by rule, what the comment on each of its options says
 */
export function optionDocumentation(folder) {
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
      const options = declaration.scope.fields(declaration.node).get('options').value()
      const words = [...options.scope.fields(options.node)].map(([option, { comment }]) => {
        if (comment === undefined) throw new Error(`${name.node.value}: no comment on ${option}`)
        return [option, comment]
      })
      return [name.node.value, Object.fromEntries(words)]
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
  return Object.fromEntries(
    files.flatMap((file) => {
      const definition = moduleAt(join(folder, file)).named('definition')
      const rule = definition && declared(definition)
      return rule === undefined ? [] : [rule]
    }),
  )
}

/** A module's scope, with the words of comments by where what they stand before begins. */
function readModule(path, moduleAt) {
  const text = readFileSync(path, 'utf8')
  const { program, comments, errors } = parseSync(path, text)
  if (errors.length > 0) throw new Error(`${path}: ${errors[0].message}`)
  const before = comments.flatMap(({ type, value, end }) => {
    if (type !== 'Block' || !value.startsWith('*')) return []
    const words = value
      .slice(1)
      .replaceAll(/\s+(\* ?)?/g, ' ')
      .trim()
    return [[end + text.slice(end).search(/\S/), words]]
  })
  const scope = new Scope({ path, text, comments: new Map(before) }).declare(program.body)
  for (const { source, specifiers = [] } of program.body.filter(({ type }) => type === 'ImportDeclaration')) {
    if (!source.value.startsWith('.')) continue
    const from = join(path, '..', source.value.replace(/\.js$/, '.ts'))
    for (const { imported, local } of specifiers) {
      if (imported !== undefined) scope.bind(local.name, () => moduleAt(from).named(imported.name))
    }
  }
  return scope
}
