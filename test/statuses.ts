/** What nodes say of themselves, for tests. */
import type { Status } from "../src/internal/node/status.ts"

/** A node of an older version, but for the facts. */
export const status = (facts: Partial<Status> = {}): Status => ({
  nodeId: "a",
  version: "1",
  runtime: "node",
  pid: 1,
  uptime: 1000,
  memory: 123_456_789,
  heap: 1,
  addresses: [],
  ports: 3,
  queuedMessages: 0,
  unsentBytes: 0,
  waitingSenders: 0,
  links: 0,
  peers: [],
  supervisors: [],
  master: null,
  isGlobal: false,
  families: {},
  ...facts
})
