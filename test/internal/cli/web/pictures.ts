/** Pictures of networks for tests. */
import type { LinkSummary, NodeSummary, Picture } from "../../../../src/internal/cli/web/api.ts"
import { linkKey } from "../../../../src/internal/cli/web/changes.ts"
import { notSeen } from "../../../../src/internal/cli/web/summary.ts"

export const node = (id: string, facts: Partial<NodeSummary> = {}): NodeSummary => ({
  ...notSeen(id, ""),
  problem: null,
  state: "up",
  pid: 1,
  ...facts
})

export const link = (a: string, b: string, facts: Partial<LinkSummary> = {}): LinkSummary => ({
  a,
  b,
  roundTripMillis: null,
  queued: 0,
  bytesPerSecond: null,
  ...facts
})

export const picture = (
  nodes: ReadonlyArray<NodeSummary>,
  links: ReadonlyArray<LinkSummary> = [],
  rest: Partial<Picture> = {}
): Picture => ({
  at: 10_000,
  version: 1,
  isComplete: true,
  nodes: new Map(nodes.map((each) => [each.id, each])),
  links: new Map(links.map((each) => [linkKey(each.a, each.b), each])),
  ...rest
})
