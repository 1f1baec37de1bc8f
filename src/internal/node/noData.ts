/**
 * What nodes say to each other of streams of bytes, and what a node answers of which no program has anything to do with them.
 *
 * @internal
 */
import type { DataConnections, DataHost } from "./dataConnections.ts"

/** Requests among our own kind. `NUMBER` is what the two nodes call the connection; nobody else knows it. */
export const dataRequests = {
  /** `emp_bytes ID NUMBER`: the sender of this would send bytes to the receiver's place of this ID. */
  begin: "emp_bytes",
  /** `emp_bytes_dial NUMBER [WHY]`: the receiver of this is to dial; the sender expects it, and could not dial itself, if it says why. */
  dial: "emp_bytes_dial",
  /** `emp_bytes_off NUMBER REASON [DETAIL]`: nothing will come of it. */
  off: "emp_bytes_off"
} as const

/** The streams of bytes of a node, as the node sees them. */
export type Data = Omit<DataConnections, "expect" | "forget" | "send">

/** Those of a node that has none. */
export const noData = (host: DataHost): Data => ({
  count: 0,
  isIdle: true,
  awaitIdle: (act) => act(),
  isOpenToGuests: () => false,
  countWith: () => 0,
  begins: ({ nodeId }, _id, number) =>
    host.request(nodeId, dataRequests.off, number, host.drains(host.nodeId) ? "draining" : "not_expected"),
  dials: ({ nodeId }, number) => host.request(nodeId, dataRequests.off, number, "not_expected"),
  off: () => {},
  isExpected: () => false,
  attach: () => undefined,
  wentDown: () => {}
})
