/** A failover service in processes of its own: who runs it at which time, by the clock that they share. */
import { assert, describe, it } from "@effect/vitest"
import { freePort, start } from "./processes.ts"
import { isFull } from "./size.ts"

const timeOf = (line: RegExpExecArray): bigint => BigInt(line[1] ?? "")

describe("a failover service with voters, in processes", () => {
  it.runIf(isFull)(
    "runs elsewhere when a process has ended that was told to, though the service does not stop there",
    async () => {
      const ids = ["a", "b", "c"]
      const ports = await Promise.all(ids.map(() => freePort()))
      const addresses = Object.fromEntries(ids.map((id, at) => [id, `127.0.0.1:${ports[at]}`]))
      const [a, b] = ids.map((id) => start(["test/fixtures/lateService.ts", JSON.stringify({ id, addresses })]))
      await a!.sees(/^began a \d+$/m)
      await a!.end("SIGTERM")
      const ended = timeOf(await b!.sees(/^began b (\d+)$/m)) - timeOf(/^ended a (\d+)$/m.exec(a!.stdout)!)
      assert.isTrue(ended > 0n, `${ended} ns after it`)
    }
  )
})
