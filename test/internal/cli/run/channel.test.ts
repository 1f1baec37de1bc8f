import { assert, it } from "@effect/vitest"
import { mark, readFromNode, readFromWatchdog } from "../../../../src/internal/cli/run/channel.ts"

it.each([null, undefined, 7, "ready", [], {}, { ready: true }, { [mark]: null }, { [mark]: "ready" }, { [mark]: 7 }])(
  "what is not said by the other side says nothing: %o",
  (message) => {
    assert.isUndefined(readFromNode(message).ready)
    assert.isUndefined(readFromWatchdog(message).stop)
  }
)

it("what is said is heard", () => {
  assert.isTrue(readFromNode({ [mark]: { ready: true } }).ready)
  assert.isTrue(readFromWatchdog({ [mark]: { stop: true } }).stop)
})
