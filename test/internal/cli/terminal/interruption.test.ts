import { assert, it } from "@effect/vitest"
import { onTestFinished, vi } from "vitest"
import { Ending } from "../../../../src/internal/cli/terminal/interruption.ts"

it("who is to end in order gets one signal, however often it is asked: a second one would end it at once", () => {
  const kill = vi.spyOn(process, "kill").mockReturnValue(true)
  onTestFinished(() => kill.mockRestore())
  const ending = new Ending()
  ending.endInOrder()
  ending.endInOrder()
  assert.deepStrictEqual(kill.mock.calls, [[process.pid, "SIGTERM"]])
})
