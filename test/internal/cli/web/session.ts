/** What a command is told, for nodes that a test makes itself. */
import type { Session } from "../../../../src/internal/cli/network/session.ts"

export const session: Session = {
  sources: { document: {}, file: "", hostname: "", words: { values: {} }, environment: [], flags: { values: {} } },
  nodeId: "emp/web",
  timeoutSeconds: 5,
  endsAtMillis: undefined,
  json: false
}
