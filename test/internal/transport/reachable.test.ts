import { assert, describe, it } from "@effect/vitest"
import { reachable } from "../../../src/internal/transport/reachable.ts"

describe("the addresses of all interfaces", () => {
  it("are those that other machines can dial, IPv4 first", () => {
    const all = [
      "127.0.0.1",
      "127.8.0.1",
      "::1",
      "fe80::1",
      "2001:db8::2",
      "fd00::3",
      "10.0.0.4",
      "192.0.2.5",
      "ff02::1",
      "::",
      "fe80::1%eth0",
      "what"
    ]
    assert.deepStrictEqual(reachable(all), ["10.0.0.4", "192.0.2.5", "2001:db8::2", "fd00::3"])
  })
})
