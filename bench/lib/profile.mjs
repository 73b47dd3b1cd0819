/** Prints the functions of a CPU profile of the DevTools protocol by their own time, and by the time below them. */

const COUNT = 25

export function printProfile({ nodes, samples, timeDeltas }) {
  const byId = new Map(nodes.map((node) => [node.id, node]))
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id])))
  const [own, total] = [new Map(), new Map()]
  const nameOf = ({ callFrame: { functionName, url, lineNumber } }) =>
    `${functionName || '(anonymous)'} ${url.split('/').pop()}:${lineNumber + 1}`
  const add = (times, name, time) => times.set(name, (times.get(name) ?? 0) + time)
  for (const [i, id] of samples.entries()) {
    add(own, nameOf(byId.get(id)), timeDeltas[i])
    const names = new Set()
    for (let at = id; at !== undefined; at = parents.get(at)) names.add(nameOf(byId.get(at)))
    for (const name of names) add(total, name, timeDeltas[i])
  }
  for (const [title, times] of Object.entries({ own, total })) {
    console.log(`${title} time in milliseconds`)
    for (const [name, time] of [...times].sort((a, b) => b[1] - a[1]).slice(0, COUNT))
      console.log(`  ${(time / 1000).toFixed(1).padStart(8)}  ${name}`)
  }
}
