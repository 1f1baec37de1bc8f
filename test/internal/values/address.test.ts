import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as net from "node:net"
import * as os from "node:os"
import { tcpCarrierWith } from "../../../src/internal/transport/tcp.ts"
import {
  bare,
  formatAddress,
  hostOf,
  inScopes,
  isLabel,
  isLoopback,
  isNameOfLoopback,
  isWildcard,
  parseAddress,
  readLabel,
  splitAddresses,
  writeLabel,
  wrongAdvertised,
  wrongBind,
  wrongSeed
} from "../../../src/internal/values/address.ts"

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
      ["::1", "::1", 0],
      ["fd00:10:244::5", "fd00:10:244::5", 0],
      ["fe80::1%eth0", "fe80::1%eth0", 0],
      ["::", "::", 0],
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
        "::1:*",
        "::1:40400",
        "1:2:3:4:5:6:7:8:4040",
        "[::1",
        "[]:1",
        "[::1]4040",
        "a b:1",
        "host:1:2",
        "host:1 ",
        "host:1,host:2",
        "**:1",
        "ho*st:1",
        "[host]:1",
        "[10.0.0.1]:1",
        "[::1%]:1",
        "me@host:1",
        "host:1@",
        "ho\0st:1"
      ]
    ) {
      assert.isUndefined(parseAddress(text, "this-host"), text)
    }
  })

  it("is written with brackets around colons alone", () => {
    assert.strictEqual(formatAddress({ host: "10.0.0.1", port: 4040 }), "10.0.0.1:4040")
    assert.strictEqual(formatAddress({ host: "::1", port: 4040 }), "[::1]:4040")
  })

  const Host = Schema.Literals([
    "10.0.0.1",
    "example.org",
    "::1",
    "::",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "fe80::1%br-0.5",
    "2001:db8::2",
    "*"
  ])
  const Port = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 65_535 }))
  const Label = Schema.UndefinedOr(Schema.Literals(["vpn", "a-b_C", "4040", "-"]))
  it.effect.prop(
    "is read as it was written",
    [Host, Port, Label],
    ([host, port, label]) =>
      Effect.sync(() => {
        const text = writeLabel({ address: formatAddress({ host, port }), label })
        const read = readLabel(text)
        assert.strictEqual(read.label, label)
        assert.deepStrictEqual(parseAddress(read.address, "x"), { host, port })
      })
  )

  // What operators write, in all orders that make sense and in those that make none.
  const Part = Schema.Literals([
    "",
    "*",
    ":",
    "@",
    "%",
    "[",
    "]",
    ",",
    " ",
    ".",
    "0",
    "4040",
    "65535",
    "65536",
    "127.0.0.1",
    "0.0.0.0",
    "::",
    "::1",
    "[::1]",
    "[::]",
    "fe80::1%lo",
    "localhost",
    "no.invalid",
    "vpn"
  ])
  const Text = Schema.Array(Part).check(Schema.isMaxLength(6))

  it.effect.prop(
    "that is accepted in some place has a host, a port and perhaps a label, which make it again",
    [Text],
    ([
      parts
    ]) =>
      Effect.sync(() => {
        const text = parts.join("")
        const address = parseAddress(readLabel(text).address, "localhost")
        assert.strictEqual(wrongBind(text, [bare]) === undefined, address !== undefined, text)
        for (const problem of [wrongSeed(text, [bare]), wrongAdvertised(text, [bare])]) {
          if (address === undefined) assert.isDefined(problem, text)
          if (problem !== undefined) assert.include(problem, JSON.stringify(text))
        }
        if (address === undefined) return
        const { label } = readLabel(text)
        assert.isTrue(label === undefined || isLabel(label), text)
        assert.isTrue(net.isIP(address.host) !== 0 || /^(?:\*|[^\s:[\]@,*]+)$/.test(address.host), text)
        assert.deepStrictEqual(parseAddress(formatAddress(address), "x"), address, text)
        assert.deepStrictEqual(splitAddresses([text]), [text])
      })
  )

  const carrier = tcpCarrierWith({
    lookup: (name, _options, done) =>
      name === "localhost"
        ? done(null, [{ address: "127.0.0.1", family: 4 }])
        : done(Object.assign(new Error(name), { code: "ENOTFOUND" }), [])
  })

  it.live.prop(
    "that is accepted as a bind is listened on, or refused by its name",
    [Text],
    ([parts]) => {
      const text = readLabel(parts.join("")).address
      if (parseAddress(text, os.hostname()) === undefined) return Effect.void
      return Effect.scoped(Effect.match(carrier.listen(text, () => {}, "node"), {
        onSuccess: (addresses) => {
          assert.isNotEmpty(addresses)
          for (const address of addresses) assert.isUndefined(wrongAdvertised(address, [bare]), `${text}: ${address}`)
        },
        onFailure: (error) => {
          assert.strictEqual(error.reason, "listen_failed")
          const { host, port } = parseAddress(text, os.hostname())!
          const isNamed = [text, formatAddress({ host, port })].includes(error.peer) || host === "*" ||
            net.isIP(host) === 0
          assert.isTrue(isNamed, `${text}: ${error.message}`)
        }
      }))
    }
  )
})

describe("a label", () => {
  for (
    const [text, address, label] of [
      ["10.0.0.1:4040@vpn", "10.0.0.1:4040", "vpn"],
      ["[::1]:4040@a-b_C9", "[::1]:4040", "a-b_C9"],
      ["*@vpn", "*", "vpn"],
      ["4040@vpn", "4040", "vpn"],
      ["10.0.0.1:4040", "10.0.0.1:4040", undefined],
      ["10.0.0.1:4040@", "10.0.0.1:4040@", undefined],
      ["10.0.0.1:4040@my vpn", "10.0.0.1:4040@my vpn", undefined]
    ] as const
  ) {
    it(`of ${text} is ${label}`, () => {
      assert.deepStrictEqual(readLabel(text), { address, label })
    })
  }

  it("decides who dials an address, and in which order", () => {
    const all = ["p:1", "v:1@vpn", "l:1@lan", "v:2@vpn", "p:2"]
    assert.deepStrictEqual(inScopes(all, []), ["p:1", "p:2"])
    assert.deepStrictEqual(inScopes(all, ["vpn"]), ["v:1", "v:2", "p:1", "p:2"])
    assert.deepStrictEqual(inScopes(all, ["lan", "vpn", "lan"]), ["l:1", "v:1", "v:2", "p:1", "p:2"])
    assert.deepStrictEqual(inScopes(all, ["other"]), ["p:1", "p:2"])
  })
})

describe("what is wrong with an address", () => {
  for (
    const [text, bind, seed, advertised] of [
      ["host:1", true, true, true],
      ["[fe80::1%eth0]:1@vpn", true, true, true],
      ["host", true, false, true],
      ["host:*", true, false, true],
      ["fd00::5", true, false, true],
      ["fd00::5@vpn", true, false, true],
      ["::", true, false, false],
      ["*:1", true, true, false],
      ["*", true, true, false],
      ["*@vpn", true, true, false],
      ["0.0.0.0:1", true, true, false],
      ["[::]:1", true, true, false],
      ["4040", true, true, false],
      ["0", true, false, false],
      ["host:x", false, false, false],
      ["unix:/run/emp.sock", true, true, true],
      ["unix:/run/emp.sock@vpn", true, true, true],
      ["UNIX:/run/emp.sock", true, true, true],
      // What follows is for the transport to say.
      ["unix:", true, true, true],
      ["unix:/run/a b", false, false, false],
      ["pigeon:coop", false, false, false],
      ["unix:4040", true, true, true]
    ] as const
  ) {
    it(`is${bind ? " not" : ""} to bind, is${seed ? " not" : ""} to be a seed, is${advertised ? " not" : ""} to be advertised: ${text}`, () => {
      const found = [wrongBind, wrongSeed, wrongAdvertised].map((wrong) => wrong(text, [bare, "unix"]))
      assert.deepStrictEqual(found.map((problem) => problem === undefined), [bind, seed, advertised])
    })
  }
})

describe("a host", () => {
  it("may be the wildcard, in all its forms", () => {
    for (const host of ["0.0.0.0", "::", "0:0:0:0:0:0:0:0", "::ffff:0.0.0.0"]) assert.isTrue(isWildcard(host), host)
    for (const host of ["*", "10.0.0.1", "::1", "fe80::1%eth0", "host"]) assert.isFalse(isWildcard(host), host)
  })

  it("may be one that leads back, in all its forms", () => {
    for (const host of ["127.0.0.1", "127.0.1.1", "::1", "::ffff:127.0.0.1"]) assert.isTrue(isLoopback(host), host)
    for (const host of ["10.0.0.1", "::", "localhost"]) assert.isFalse(isLoopback(host), host)
    for (const name of ["localhost", "LOCALHOST.", "a.localhost", "localhost.localdomain", "ip6-loopback"]) {
      assert.isTrue(isNameOfLoopback(name), name)
    }
    for (const name of ["box", "localhost.example", "mylocalhost"]) assert.isFalse(isNameOfLoopback(name), name)
  })
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

describe("the host of an address", () => {
  const cases: ReadonlyArray<readonly [string, string | undefined]> = [
    ["10.0.0.1:4040", "10.0.0.1"],
    ["[fe80::1]:4040", "fe80::1"],
    ["ws://10.0.0.1:4040/", "10.0.0.1"],
    ["wss://[::1]:4040/nodes", "::1"],
    ["unix:/run/x.sock", undefined],
    ["nats:node", undefined]
  ]
  for (const [address, host] of cases) it(`${address} is ${host}`, () => assert.strictEqual(hostOf(address), host))
})
