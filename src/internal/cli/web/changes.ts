/**
 * What changes from one picture of the network to the next: made by the server, and put together again by the pages. It needs nothing
 * but the language, so that browsers can have it.
 *
 * @internal
 */
import type { LinkChange, LinkSummary, NetworkChanges, NodeChange, NodeSummary, Picture } from "./api.ts"

export const emptyPicture: Picture = { at: 0, version: 0, isComplete: false, nodes: new Map(), links: new Map() }

/** By what a link is found in a picture. Names may be any text: no separator would do. */
export const linkKey = (a: string, b: string): string => JSON.stringify([a, b])

/** What somebody has to be told who knows one picture, to know the other. Who knows none is told all of it. */
export const changesBetween = (before: Picture | undefined, after: Picture): NetworkChanges => {
  const known = before ?? emptyPicture
  return {
    full: before === undefined,
    at: after.at,
    version: after.version,
    isComplete: after.isComplete,
    nodes: Array.from(after.nodes.values()).flatMap((node) => {
      const old = known.nodes.get(node.id)
      const change: NodeChange | undefined = old === undefined ? node : changed({ id: node.id }, old, node)
      return change === undefined ? [] : [change]
    }),
    goneNodes: Array.from(known.nodes.keys()).filter((id) => !after.nodes.has(id)),
    links: Array.from(after.links).flatMap(([key, link]) => {
      const old = known.links.get(key)
      const change: LinkChange | undefined = old === undefined ? link : changed({ a: link.a, b: link.b }, old, link)
      return change === undefined ? [] : [change]
    }),
    goneLinks: Array.from(known.links).flatMap(([key, { a, b }]) => after.links.has(key) ? [] : [[a, b] as const])
  }
}

/** The facts that are others than before, with the names that they are found by; nothing, if all are the same. */
const changed = <Name extends object, Whole extends Name>(
  name: Name,
  before: Whole,
  after: Whole
): Name & Partial<Whole> | undefined => {
  if (before === after) return undefined
  const facts = (Object.keys(after) as Array<keyof Whole>).filter((fact) => !areSame(before[fact], after[fact]))
  if (facts.length === 0) return undefined
  return { ...Object.fromEntries(facts.map((fact) => [fact, after[fact]])) as Partial<Whole>, ...name }
}

const areSame = (one: unknown, other: unknown): boolean =>
  one === other ||
  Array.isArray(one) && Array.isArray(other) && one.length === other.length &&
    one.every((item, at) => item === other[at])

/** The picture that somebody knows who knew one, and was told of changes. */
export const applyChanges = (before: Picture, changes: NetworkChanges): Picture => {
  const nodes = new Map(changes.full ? [] : before.nodes)
  const links = new Map(changes.full ? [] : before.links)
  for (const id of changes.goneNodes) nodes.delete(id)
  for (const [a, b] of changes.goneLinks) links.delete(linkKey(a, b))
  // What is not known yet comes with all of its facts.
  for (const node of changes.nodes) nodes.set(node.id, { ...nodes.get(node.id), ...node } as NodeSummary)
  for (const link of changes.links) {
    const key = linkKey(link.a, link.b)
    links.set(key, { ...links.get(key), ...link } as LinkSummary)
  }
  return { at: changes.at, version: changes.version, isComplete: changes.isComplete, nodes, links }
}
