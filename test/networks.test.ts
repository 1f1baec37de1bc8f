/** Nodes on several hosts: how they are named, how they come to reach each other, and what changes while they run. */
import { assert, describe } from "@effect/vitest"
import { writeFileSync } from "node:fs"
import { networkInterfaces } from "node:os"
import { join } from "node:path"
import { hearEachOther, hearEachOtherAgain, lost, peersOf, runNode, told } from "./chaos/hostedNodes.ts"
import { type Host, onHosts } from "./chaos/namespaces.ts"
import { makeFolder } from "./folders.ts"
import { eventually, type Process, start } from "./processes.ts"
import { onlyFull } from "./size.ts"

const hasIPv6 = Object.values(networkInterfaces()).flat().some((entry) => entry?.address === "::1")
describe("nodes on two hosts", () => {
  for (const wildcard of ["*", ...onlyFull(["0.0.0.0", ...hasIPv6 ? ["[::]"] : []])]) {
    onHosts(
      `that bind ${wildcard} find each other through a seed, and talk directly`,
      { lan: ["a", "b"] },
      async ({ a, b }) => {
        const seed = runNode(a, "seed", ["--bind", `${wildcard}:4040`])
        await seed.sees(new RegExp(`ready, listening on ${a.addresses.lan}:4040$`, "m"))
        const join = (host: Host, nodeId: string) =>
          runNode(host, nodeId, ["--bind", wildcard, "--seed", `${a.addresses.lan}:4040`])
        const nodes = { left: join(a, "left"), right: join(b, "right") }
        await hearEachOther({ seed, ...nodes })
        for (const node of Object.values(nodes)) assert.match(node.stdout, /ready, listening on 10\.213\.1\.\d:\d+$/m)
      }
    )
  }

  for (const wildcard of hasIPv6 ? ["*", ...onlyFull(["[::]"])] : []) {
    onHosts(`that bind ${wildcard} where there is IPv6 alone do so too`, { lan: ["a", "b"] }, async ({ a, b }) => {
      for (const [host, address] of [[a, "fd00::a"], [b, "fd00::b"]] as const) {
        host.ip("addr", "flush", "dev", "lan")
        host.ip("addr", "add", `${address}/64`, "dev", "lan", "nodad")
      }
      const left = runNode(a, "left", ["--bind", `${wildcard}:4040`])
      await left.sees(/ready, listening on \[fd00::a\]:4040$/m)
      const right = runNode(b, "right", ["--bind", wildcard, "--seed", "[fd00::a]:4040"])
      await right.sees(/ready, listening on \[fd00::b\]:\d+$/m)
      await hearEachOther({ left, right })
    })
  }

  onHosts("listen on a bare port where the name of the host says, and are told where that is nowhere for others", {
    lan: ["a", "b"]
  }, async ({ a, b }) => {
    const hosts = join(makeFolder(), "hosts")
    writeFileSync(hosts, `127.0.0.1 localhost\n127.0.1.1 a\n${b.addresses.lan} b\n`)
    for (const host of [a, b]) host.replace("/etc/hosts", hosts)
    const debian = runNode(a, "debian", ["--bind", "4040"])
    await debian.sees(/ready, listening on 127\.0\.1\.1:4040$/m)
    await debian.sees(/WARN .*127\.0\.1\.1/)
    const named = runNode(b, "named", ["--bind", "4040"])
    await named.sees(new RegExp(`ready, listening on ${b.addresses.lan}:4040$`, "m"))
    const guest = runNode(a, "guest", ["--bind", "*", "--seed", "b:4040"])
    await hearEachOther({ named, guest })
    for (const node of [named, guest]) assert.notInclude(node.stderr, "WARN")
  })

  onHosts(
    "reach each other where one side is behind a NAT, by what they advertise",
    { inside: ["b", "gate"], outside: ["gate", "a"] },
    async ({ a, b, gate }) => {
      const doors = [
        [`${gate.addresses.outside}:5050`, `${b.addresses.inside}:4040`],
        [`${gate.addresses.inside}:4040`, `${a.addresses.outside}:4040`]
      ]
      const hosts = join(makeFolder(), "hosts")
      writeFileSync(hosts, `${gate.addresses.outside} gate.test\n`)
      a.replace("/etc/hosts", hosts)
      const proxy = start(["test/fixtures/proxy.ts", ...doors.flat()], {}, gate.run)
      await proxy.sees(/passes[^]*passes/)
      const seed = runNode(a, "seed", [
        "--bind=*:4040",
        `--advertise=${a.addresses.outside},${gate.addresses.inside}:4040`
      ])
      await seed.sees(/is ready/)
      const left = runNode(a, "left", ["--bind", "*", "--seed", `${a.addresses.outside}:4040`])
      // It can reach the seed, and those outside can reach it, only through the gate.
      const behind = ["--bind=*:4040", "--advertise=gate.test:5050", `--seed=${gate.addresses.inside}:4040`]
      const right = runNode(b, "right", behind)
      await hearEachOther({ seed, left, right })
      assert.deepStrictEqual(await told(a, "right", `${a.addresses.outside}:4040`), ["gate.test:5050"])
    }
  )

  onHosts(
    "notice a network that comes later, an address more, and one that goes",
    { lan: ["a", "b"] },
    async ({ a, b }) => {
      const seedAddress = `${a.addresses.lan}:4040`
      b.ip("addr", "flush", "dev", "lan")
      const seed = runNode(a, "seed", ["--bind", "*:4040"])
      await seed.sees(/is ready/)
      const late = runNode(b, "late", ["--bind", "*:4040", "--seed", seedAddress])
      await late.sees(/cannot reach seed/)
      b.ip("addr", "add", `${b.addresses.lan}/24`, "dev", "lan")
      await hearEachOther({ seed, late })
      const tells = (what: string, addresses: ReadonlyArray<string>) =>
        eventually(`${what} is told`, async () => {
          const now = await told(a, "late", seedAddress)
          return JSON.stringify(now) === JSON.stringify(addresses.map((address) => `${address}:4040`))
        })
      await tells("the address that came", [b.addresses.lan])
      b.ip("addr", "add", "10.213.1.77/24", "dev", "lan")
      await tells("the second address", [b.addresses.lan, "10.213.1.77"])
      // Who comes now has no other way than these.
      const next = runNode(a, "next", ["--bind", "*", "--seed", seedAddress])
      await hearEachOther({ seed, late, next })
      b.ip("addr", "del", "10.213.1.77/24", "dev", "lan")
      await tells("that it went", [b.addresses.lan])
      for (const node of [seed, late, next]) assert.notMatch(node.stdout, lost)
    }
  )

  onHosts(
    "outlive an interface that is down for a while, and can be found again",
    { lan: ["a", "b"] },
    async ({ a, b }) => {
      const seed = runNode(a, "seed", ["--bind", "*:4040"])
      await seed.sees(/is ready/)
      const blinking = runNode(b, "blinking", ["--bind", "*:4040", "--seed", `${a.addresses.lan}:4040`])
      await hearEachOther({ seed, blinking })
      const listening = (): string => b.output("ss", "--no-header", "--numeric", "--tcp", "--listening")
      b.ip("link", "set", "lan", "down")
      await eventually("nobody listens", () => !listening().includes(`${b.addresses.lan}:4040`))
      b.ip("link", "set", "lan", "up")
      await eventually("it listens again", () => listening().includes(`${b.addresses.lan}:4040`))
      await hearEachOtherAgain({ seed, blinking })
      const next = runNode(a, "next", ["--bind", "*", "--seed", `${b.addresses.lan}:4040`])
      await hearEachOther({ seed, blinking, next })
      for (const node of [seed, blinking]) assert.notMatch(node.stdout, lost)
    }
  )

  onHosts("find each other again when the address of a host changes", { lan: ["a", "b"] }, async ({ a, b }) => {
    const patience = ["--monitor-timeout", "3"]
    const seed = runNode(a, "seed", ["--bind", "*:4040", ...patience])
    await seed.sees(/is ready/)
    const moving = runNode(b, "moving", ["--bind", "*:4040", "--seed", `${a.addresses.lan}:4040`, ...patience])
    await hearEachOther({ seed, moving })
    b.ip("addr", "del", `${b.addresses.lan}/24`, "dev", "lan")
    b.ip("addr", "add", "10.213.1.99/24", "dev", "lan")
    await Promise.all([seed.sees(/^Down moving$[^]*^hears moving /m), moving.sees(/^Down seed$[^]*^hears seed /m)])
    // Somebody who does not know it from before, and whom it does not know.
    const next = runNode(a, "next", ["--bind", "*", "--seed", `${a.addresses.lan}:4040`, ...patience])
    await hearEachOther({ moving, next })
    assert.deepStrictEqual(await told(a, "moving", `${a.addresses.lan}:4040`), ["10.213.1.99:4040"])
  })
})

describe("nodes on three hosts", () => {
  onHosts(
    "form one network by a name that stands for all of them, as soon and as far as it does",
    { lan: ["a", "b", "c"] },
    async ({ a, b, c }, hub) => {
      const names = start(["test/fixtures/nameServer.ts", hub.addresses.lan], {}, hub.run)
      await names.sees(/^ready$/m)
      const resolver = join(makeFolder(), "resolv.conf")
      writeFileSync(resolver, `nameserver ${hub.addresses.lan}\noptions timeout:1 attempts:1\n`)
      const nodes = Object.fromEntries(
        Object.entries({ a, b, c }).map(([nodeId, host]) => {
          host.replace("/etc/resolv.conf", resolver)
          return [nodeId, runNode(host, nodeId, ["--bind", "*:4040", "--seed", "mp.test:4040"])]
        })
      )
      const { a: first, b: second, c: third } = nodes as Readonly<Record<"a" | "b" | "c", Process>>
      for (const node of Object.values(nodes)) await node.sees(/cannot reach seed mp\.test:4040/)
      const stands = (...addresses: ReadonlyArray<string>): void =>
        void names.child.stdin!.write(`mp.test ${addresses.join(" ")}\n`)
      stands(a.addresses.lan)
      await first.sees(/^node a is ready/m)
      await hearEachOther(nodes)
      assert.include(names.stdout, "mp.test: no such name")
      // The one that it stood for goes; who comes finds the others by what it stands for then. Nobody answers at one of these.
      await first.end("SIGKILL")
      stands("10.213.1.200", b.addresses.lan, c.addresses.lan)
      await Promise.all([second.sees(/^Down a$/m), third.sees(/^Down a$/m)])
      const again = runNode(a, "again", ["--bind", "*:4040", "--seed", "mp.test:4040"])
      await hearEachOther({ b: second, c: third, again })
      for (const node of [second, third]) assert.notMatch(node.stdout, /^misses/m)
    }
  )

  onHosts("dial only what they can: addresses without a label, and those with one of theirs", {
    lan: ["plain", "server", "member"],
    vpn: ["server", "member"]
  }, async ({ member, plain, server }) => {
    const lan = `${server.addresses.lan}:4040`
    const vpn = `${server.addresses.vpn}:4040`
    const seed = runNode(server, "server", ["--bind", `${lan},${vpn}@vpn`])
    await seed.sees(/is ready/)
    const outsider = runNode(plain, "plain", ["--bind", "*", "--seed", lan])
    const insider = runNode(member, "member", ["--bind", "*", "--scope", "vpn", "--seed", `${vpn}@vpn`])
    // It could reach the other network as well, and has no business there.
    const visitor = runNode(member, "visitor", ["--bind", "*", "--seed", `${vpn}@vpn,${lan}`])
    await hearEachOther({ server: seed, plain: outsider, member: insider, visitor })
    const dialled = (host: Host, node: Process) => peersOf(host, node).filter((peer) => peer.endsWith(":4040"))
    assert.deepStrictEqual(dialled(member, insider), [vpn])
    assert.deepStrictEqual(dialled(member, visitor), [lan])
    assert.deepStrictEqual(dialled(plain, outsider), [lan])
    assert.deepStrictEqual(await told(plain, "server", lan), [lan, `${vpn}@vpn`])
    // Two who know each other from the seed alone choose the network that both are in.
    const bound = (host: Host<"lan" | "vpn">): string => `${host.addresses.lan}:5050,${host.addresses.vpn}:5050@vpn`
    const [one, two] = ([["one", server], ["two", member]] as const).map(([nodeId, host]) =>
      runNode(host, nodeId, ["--bind", bound(host), "--scope", "vpn", "--seed", lan])
    )
    await hearEachOther({ one: one!, two: two! })
    const betweenThem = () => peersOf(member, two!).filter((peer) => peer.startsWith(`${server.addresses.vpn}:`))
    await eventually("one link in the network", () => betweenThem().length === 1)
  })
})
