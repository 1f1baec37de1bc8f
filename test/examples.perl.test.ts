/** The examples, and programs of AnyEvent::MP's introduction at the other end of the link. */
import { assert, describe, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { encodings, joinAsPerl, type PerlPeer, seedAsPerl } from "./perlPeer.ts"
import { type Process, startNode, startRun } from "./processes.ts"

/** A test in real time, with `emp run` of services as the seed. */
const beside = (
  title: string,
  services: ReadonlyArray<string>,
  body: (address: string, node: Process) => Effect.Effect<unknown, unknown, Scope.Scope>
) =>
  it.live(title, () =>
    Effect.flatMap(
      Effect.promise(() => startNode("seed", services.flatMap((service) => ["--service", `examples/${service}`]))),
      ({ address, node }) => body(address, node)
    ))

const sees = (node: Process, pattern: RegExp) => Effect.promise(() => node.sees(pattern))

for (const encoding of encodings) {
  describe(`beside a Perl node that sends ${encoding}`, () => {
    beside(
      "receiver.ts takes the time of the introduction's sender, and whatever else may come",
      ["receiver.ts"],
      (address, node) =>
        Effect.gen(function*() {
          const perl = yield* joinAsPerl(address, "eg_sender", encoding)
          const [port = ""] = yield* perl.keys("eg_receivers")
          const name = port.slice("seed#".length)
          const scalars = [1795205555, "1795205555", 1795205555.25, "f\u00fcnf", "", null, [1, { a: null }], { b: "c" }]
          perl.snd("", "mon1", name)
          for (const scalar of scalars) perl.snd(name, "test", scalar)
          perl.snd(name, "test", 1, "eg_sender#reply")
          perl.snd(name, "test", "the last one")
          yield* sees(node, /^seed got: the last one$/m)
          const shown = node.stdout.split("\n").filter((line) => line.startsWith("seed got:"))
          assert.strictEqual(shown.length, scalars.length + 2)
          assert.deepStrictEqual(shown.slice(0, 3), [
            "seed got: 1795205555",
            "seed got: 1795205555",
            "seed got: 1795205555.25"
          ])
          assert.isUndefined(perl.raw.packets.find(([, request]) => request === "kil0"), "the port lives")
        })
    )

    beside(
      "sender.ts sends the time to a receiver of the introduction",
      ["sender.ts"],
      (address) =>
        Effect.gen(function*() {
          const perl = yield* joinAsPerl(address, "eg_receiver", encoding, { eg_receivers: { "eg_receiver#a": null } })
          const [, , seconds] = yield* perl.gets("the time", ([name, tag]) => name === "a" && tag === "test")
          assert.isTrue(Number.isSafeInteger(seconds))
        })
    )

    beside(
      "chat-server.ts serves a chat client of the introduction",
      ["chat-server.ts"],
      (address, node) =>
        Effect.gen(function*() {
          const perl = yield* joinAsPerl(address, "perl", encoding)
          const [port = ""] = yield* perl.keys("eg_chat_server")
          const server = port.slice("seed#".length)
          const told = (line: string) => perl.gets(line, ([name, text]) => name === "b" && text === line)
          perl.snd(server, "join", "perl#b", "nick1")
          perl.snd("", "mon1", server)
          assert.deepStrictEqual(yield* told("nick1 (joins)"), ["b", "nick1 (joins)"])
          perl.snd(server, "privmsg", "nick1", "hello from Perl")
          assert.deepStrictEqual(yield* told("nick1: hello from Perl"), ["b", "nick1: hello from Perl"])
          // A program may have calculated with them, or have forgotten them.
          perl.snd(server, "privmsg", 5, 42)
          yield* told("5: 42")
          perl.snd(server, "privmsg", null, null)
          yield* told("null: null")
          // The server monitors its client.
          yield* perl.gets("a monitor", ([name, request, port]) => name === "" && request === "mon1" && port === "b")
          perl.snd("", "kil0", "b", "custom_error", "oops")
          yield* sees(node, /^relaying: nick1 \(quits, custom_error oops\)$/m)
        })
    )

    beside(
      "chat-client.ts chats with a server of the introduction, and finds the next one",
      ["chat-client.ts"],
      (address, node) =>
        Effect.gen(function*() {
          const serve = (name: string) =>
            joinAsPerl(address, name, encoding, { eg_chat_server: { [`${name}#${name}`]: null } })
          const conversation = (name: string) =>
            Effect.gen(function*() {
              const perl = yield* serve(name)
              const joined = yield* perl.gets("a client", ([port, tag]) => port === name && tag === "join")
              const client = String(joined[2]).slice("seed#".length)
              assert.deepStrictEqual(joined, [name, "join", `seed#${client}`, "seed"])
              yield* perl.gets(
                "its monitor",
                ([port, request, what]) => port === "" && request === "mon1" && what === name
              )
              perl.snd(client, `welcome to ${name}`)
              yield* sees(node, new RegExp(`^welcome to ${name}$`, "m"))
              node.child.stdin!.write(`hello, ${name}\n`)
              const said = yield* perl.gets("what is said", ([port, tag]) => port === name && tag === "privmsg")
              assert.deepStrictEqual(said, [name, "privmsg", "seed", `hello, ${name}`])
            })
          yield* Effect.scoped(conversation("first"))
          yield* sees(node, /^disconnected transport_error first .+$/m)
          yield* conversation("second")
        })
    )

    beside(
      "chat-bridge.ts serves a client with a bridge head",
      ["chat-bridge.ts#server"],
      (address, node) =>
        Effect.gen(function*() {
          const perl = yield* joinAsPerl(address, "perl", encoding)
          assert.deepStrictEqual(yield* perl.keys("eg_chat_server2"), ["seed"])
          const told = (line: string) => perl.gets(line, ([name, text]) => name === "b" && text === line)
          perl.snd("", "AnyEvent::MP::_spawn", "fiJusZiznb", "::client_connect", "perl#b", "nick1")
          perl.snd("", "mon1", "fiJusZiznb")
          yield* told("nick1 (joins)")
          perl.snd("fiJusZiznb", "hello from Perl")
          yield* told("nick1: hello from Perl")
          perl.snd("fiJusZiznb", 42)
          yield* told("nick1: 42")
          perl.snd("", "kil0", "b")
          yield* sees(node, /^relaying: nick1 \(quits, \)$/m)
          const end = yield* perl.gets("the end of the bridge head", ([, request]) => request === "kil0")
          assert.deepStrictEqual(end, ["", "kil0", "fiJusZiznb"])
        })
    )

    beside(
      "chat-bridge.ts has a bridge head at a server of the introduction",
      ["chat-bridge.ts#client"],
      (address, node) =>
        Effect.gen(function*() {
          const perl = yield* joinAsPerl(address, "perl", encoding, { eg_chat_server2: { perl: null } })
          const isSpawn = ([, request]: ReadonlyArray<unknown>) => request === "AnyEvent::MP::_spawn"
          const [, , bridge, init, client, nick] = yield* perl.gets("a spawn", isSpawn)
          assert.deepStrictEqual([init, nick], ["::client_connect", "seed"])
          perl.snd(String(client).slice("seed#".length), "seed (joins)")
          yield* sees(node, /^seed \(joins\)$/m)
          node.child.stdin!.write("hello\n")
          assert.deepStrictEqual(yield* perl.gets("the line", ([name]) => name === bridge), [bridge, "hello"])
          perl.snd("", "kil0", bridge, "die", "oops at line 1.")
          yield* sees(node, /^disconnected die oops at line 1\.$/m)
          yield* perl.gets("another one", (packet) => isSpawn(packet) && packet[2] !== bridge)
        })
    )

    /** A test with `emp run` of a service, whose seed and master is a Perl node with a member of a group. */
    const under = (
      title: string,
      service: string,
      entries: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
      body: (perl: PerlPeer, node: Process) => Effect.Effect<unknown, unknown, Scope.Scope>
    ) =>
      it.live(title, () =>
        Effect.gen(function*() {
          const { address, peer } = yield* seedAsPerl("perl", encoding, entries)
          const args = ["--node-id", "ours", "--seed", address, "--service", `examples/${service}`]
          const node = startRun(args)
          yield* body(yield* peer, node)
          yield* sees(node, /^node ours is ready/m)
        }))

    under(
      "receiver.ts gets the time where the seed is a Perl node",
      "receiver.ts",
      {},
      (perl, node) =>
        Effect.gen(function*() {
          const [port = ""] = yield* perl.keys("eg_receivers")
          perl.snd(port.slice("ours#".length), "test", 1795205555)
          yield* sees(node, /^ours got: 1795205555$/m)
        })
    )

    under(
      "sender.ts finds the receivers of a Perl node",
      "sender.ts",
      { eg_receivers: { "perl#a": null } },
      (perl) =>
        Effect.gen(function*() {
          const [, , seconds] = yield* perl.gets("the time", ([name, tag]) => name === "a" && tag === "test")
          assert.isTrue(Number.isSafeInteger(seconds))
        })
    )

    under(
      "chat-client.ts finds the chat of a Perl node",
      "chat-client.ts",
      { eg_chat_server: { "perl#s": 1 } },
      (perl, node) =>
        Effect.gen(function*() {
          const [, , client] = yield* perl.gets("a client", ([name, tag]) => name === "s" && tag === "join")
          perl.snd(String(client).slice("ours#".length), "ours (joins)")
          yield* sees(node, /^ours \(joins\)$/m)
          perl.snd("", "kil0", "s", "die", "oops at line 1.")
          yield* sees(node, /^disconnected die oops at line 1\.$/m)
        })
    )

    under(
      "chat-bridge.ts finds the chat of a Perl node",
      "chat-bridge.ts#client",
      { eg_chat_server2: { perl: "" } },
      (perl, node) =>
        Effect.gen(function*() {
          const [, , , init, client] = yield* perl.gets("a spawn", ([, request]) => request === "AnyEvent::MP::_spawn")
          assert.strictEqual(init, "::client_connect")
          perl.snd(String(client).slice("ours#".length), "ours (joins)")
          yield* sees(node, /^ours \(joins\)$/m)
        })
    )
  })
}
