import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { formatAddress, parseAddress, reachable, splitAddresses } from "../../../src/internal/values/address.ts"

describe("an address", () => {
  for (
    const [text, host, port] of [
      ["10.0.0.1:4040", "10.0.0.1", 4040],
      ["example.org:1", "example.org", 1],
      ["example.org", "example.org", 0],
      ["example.org:*", "example.org", 0],
      ["my-host_1:65535", "my-host_1", 65_535],
      ["[::1]:4040", "::1", 4040],
      ["[fe80::1%eth0]:80", "fe80::1%eth0", 80],
      ["[::ffff:10.0.0.1]:80", "::ffff:10.0.0.1", 80],
      ["[::]", "::", 0],
      ["[::]:*", "::", 0],
      ["*", "*", 0],
      ["*:*", "*", 0],
      ["*:4040", "*", 4040],
      ["4040", "this-host", 4040],
      ["0", "this-host", 0]
    ] as const
  ) {
    it(`of ${text} is port ${port} of ${host}`, () => {
      assert.deepStrictEqual(parseAddress(text, "this-host"), { host, port })
    })
  }

  it("that is none is refused", () => {
    for (
      const text of [
        "",
        ":",
        ":4040",
        "host:",
        "host:x",
        "host:-1",
        "host:1.5",
        "host:65536",
        "host:123456",
        "65536",
        "123456",
        "::1",
        "::1:4040",
        "[::1",
        "[]:1",
        "[::1]4040",
        "a b:1",
        "host:1:2",
        "host:1 ",
        "host:1,host:2"
      ]
    ) {
      assert.isUndefined(parseAddress(text, "this-host"), text)
    }
  })

  it("is written with brackets around colons alone", () => {
    assert.strictEqual(formatAddress({ host: "10.0.0.1", port: 4040 }), "10.0.0.1:4040")
    assert.strictEqual(formatAddress({ host: "::1", port: 4040 }), "[::1]:4040")
  })

  const Host = Schema.Literals(["10.0.0.1", "example.org", "::1", "fe80::1%eth0", "*"])
  const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))
  it.effect.prop(
    "is read as it was written",
    [Host, Port],
    ([host, port]) =>
      Effect.sync(() => assert.deepStrictEqual(parseAddress(formatAddress({ host, port }), "x"), { host, port }))
  )
})

describe("a list of addresses", () => {
  it("has elements that hold several, separated by commas", () => {
    assert.deepStrictEqual(splitAddresses(["a:1,b:2", "c:3", " d:4 , ", "", ",e:5"]), [
      "a:1",
      "b:2",
      "c:3",
      "d:4",
      "e:5"
    ])
  })
})

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
