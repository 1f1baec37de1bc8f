/**
 * Where one is: the part of the address after `#`, for each page a link that can be kept and sent.
 *
 * @internal
 */

export const pages = ["mesh", "supervisors", "cluster", "groups", "timeline", "charts"] as const

export type Route =
  | { readonly page: Exclude<(typeof pages)[number], "charts"> }
  /** Of one node, or of the network. */
  | { readonly page: "charts"; readonly nodeId: string | undefined }
  | { readonly page: "node"; readonly nodeId: string }

export const titles: Readonly<Record<Route["page"], string>> = {
  mesh: "Mesh",
  node: "Node",
  supervisors: "Supervisors",
  cluster: "Cluster",
  groups: "Groups",
  timeline: "Timeline",
  charts: "Charts"
}

export const href = (page: (typeof pages)[number]): string => `#/${page}`

/** Half characters cannot stand in an address: the page of such a node is found by what `isSameName` makes of them. */
const escaped = (nodeId: string): string => encodeURIComponent(nodeId.toWellFormed())

export const nodeHref = (nodeId: string): string => `#/node/${escaped(nodeId)}`

export const chartsHref = (nodeId: string): string => `${href("charts")}/${escaped(nodeId)}`

export const isSameName = (one: string, other: string): boolean => one.toWellFormed() === other.toWellFormed()

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

export const routeOf = (hash: string): Route => {
  const path = hash.replace(/^#\/?/, "")
  if (path.startsWith("node/")) return { page: "node", nodeId: decoded(path.slice("node/".length)) }
  if (path.startsWith("charts/")) return { page: "charts", nodeId: decoded(path.slice("charts/".length)) }
  const page = pages.find((page) => page === path) ?? "mesh"
  return page === "charts" ? { page, nodeId: undefined } : { page }
}
