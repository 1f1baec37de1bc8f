import { assert, describe, it } from "@effect/vitest"
import * as net from "node:net"
import { onTestFinished } from "vitest"
import { empHere } from "./empHere.ts"

describe("a command", () => {
  it("waits as long as EMP_TIMEOUT says, unless --timeout does", async () => {
    const server = net.createServer()
    onTestFinished(() => void server.close())
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as net.AddressInfo
    const ends = async (EMP_TIMEOUT: string, ...words: ReadonlyArray<string>) => {
      const { code, stderr } = await empHere([...words, "--seed", `127.0.0.1:${port}`], { EMP_TIMEOUT })
      return [code, /[^\n]*\n$/.exec(stderr)?.[0]]
    }
    const late = (seconds: string) => `emp: no seed has answered: 127.0.0.1:${port} (after ${seconds} s)\n`
    assert.deepStrictEqual(await ends("0.5", "status"), [3, late("0.5")])
    assert.deepStrictEqual(await ends("0.5", "stop", "a"), [3, late("0.5")])
    assert.deepStrictEqual(await ends("600", "status", "--timeout", "0.3"), [3, late("0.3")])
    for (const none of ["x", "0", "-1", "Infinity"]) {
      for (const words of [["status"], ["stop", "a"]]) {
        assert.deepStrictEqual(
          await ends(none, ...words),
          [2, `emp: EMP_TIMEOUT: "${none}" is no number of seconds, more than 0\n`]
        )
      }
    }
  })
})
