import { assert, describe, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Logger from "effect/Logger"
import * as Scope from "effect/Scope"
import * as TestClock from "effect/testing/TestClock"
import { Node, Port } from "../src/index.ts"
import { reasonFromExit } from "../src/internal/values/reason.ts"
import { local } from "./harness.ts"

const silent = Port.make(() => {})

const reasonOf = (port: Port.PortId) =>
  Effect.map(Effect.timeout(Port.exit(port), "30 seconds"), (exit) => reasonFromExit(exit))

describe("monitors", () => {
  it.live("fire once, with the Exit", () =>
    local(Effect.gen(function*() {
      const exits: Array<Exit.Exit<void, Port.Killed>> = []
      const port = yield* silent
      yield* Port.mon(port, (exit) => {
        exits.push(exit)
      })
      yield* Port.kil(port, "because")
      yield* Port.kil(port, "again")
      yield* Port.exit(port)
      yield* Effect.yieldNow
      assert.strictEqual(exits.length, 1)
      assert.deepStrictEqual(reasonFromExit(exits[0]!), ["because"])
    })))

  it.live("are replaced by a line in the log when a port has none and its end is not in order", () => {
    const logs: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logs.push(String(message)))])
    return local(Effect.gen(function*() {
      const [failing, killed, ended, stopped, watched] = [
        yield* Port.make({ fail: () => Effect.fail("boom") }),
        yield* silent,
        yield* silent,
        yield* silent,
        yield* silent
      ]
      yield* Port.mon(watched, () => {})
      yield* Port.snd(failing, "fail")
      yield* Port.kil(killed, "why", 1)
      yield* Port.kil(ended)
      yield* Port.kil(stopped, "shutdown")
      yield* Port.kil(watched, "why")
      yield* Effect.scoped(silent)
      while ((yield* Node.gauges).ports > 0) yield* Effect.yieldNow
      assert.sameMembers(logs, [
        `port ${failing} failed: fail: boom`,
        `port ${killed}, which nobody monitored, has ended: why: 1`
      ])
    })).pipe(Effect.provide(logger))
  })

  it.live("fire for a port that does not exist", () =>
    local(Effect.gen(function*() {
      const here = yield* Node.id
      assert.deepStrictEqual(yield* reasonOf(`${here}#nobody`), [
        "no_such_port",
        "cannot monitor nonexistent port",
        `${here}#nobody`
      ])
    })))

  it.live("link: an abnormal end travels with its reason, a normal one does not", () =>
    local(Effect.gen(function*() {
      const [first, second, third] = [yield* silent, yield* silent, yield* silent]
      yield* Port.mon(first, second)
      yield* Port.mon(third, second)
      yield* Port.kil(third)
      yield* Port.exit(third)
      yield* Port.kil(first, "broken", 1)
      assert.deepStrictEqual(yield* reasonOf(second), ["broken", 1])
    })))

  it.live("link to the port that they are made in", () =>
    local(Effect.gen(function*() {
      const other = yield* silent
      const linked = yield* Deferred.make<void>()
      const port = yield* Port.make(() => Effect.andThen(Port.mon(other), Deferred.succeed(linked, undefined)))
      yield* Port.snd(port, "x")
      yield* Deferred.await(linked)
      yield* Port.kil(other, "broken")
      assert.deepStrictEqual(yield* reasonOf(port), ["broken"])
    })))

  it.live("send a message with the reason appended", () =>
    local(Effect.gen(function*() {
      const got = yield* Deferred.make<ReadonlyArray<unknown>>()
      const receiver = yield* Port.make((...message) => Deferred.succeed(got, message))
      const port = yield* silent
      yield* Port.mon(port, receiver, "ended", 42)
      yield* Port.kil(port, "tag", "text")
      assert.deepStrictEqual(yield* Deferred.await(got), ["ended", 42, "tag", "text"])
    })))

  it.live("in a port run in its turn, and their failure kills it", () =>
    local(Effect.gen(function*() {
      const other = yield* silent
      const watching = yield* Deferred.make<void>()
      const log: Array<string> = []
      const port = yield* Port.make({
        watch: () =>
          Effect.andThen(
            Port.mon(other, () => Effect.andThen(Effect.sync(() => log.push("told")), Effect.fail("oh"))),
            Deferred.succeed(watching, undefined)
          ),
        slow: () => Effect.andThen(Effect.sleep(20), Effect.sync(() => log.push("slow")))
      })
      yield* Port.snd(port, "watch")
      yield* Deferred.await(watching)
      yield* Port.snd(port, "slow")
      yield* Effect.sleep(1)
      yield* Port.kil(other)
      assert.deepStrictEqual(yield* reasonOf(port), ["fail", "oh", "oh"])
      assert.deepStrictEqual(log, ["slow", "told"])
    })))

  it.live("are taken back when their scope closes", () =>
    local(Effect.gen(function*() {
      let told = false
      const port = yield* silent
      yield* Effect.scoped(Port.mon(port, () => {
        told = true
      }))
      yield* Port.kil(port)
      yield* Port.exit(port)
      yield* Effect.sleep(1)
      assert.isFalse(told)
    })))

  it.live.each<[string, (port: Port.PortId, other: Port.PortId) => ReturnType<typeof Port.mon>]>([
    ["that run an effect", (port, other) => Port.mon(port, () => Port.kil(other, "told"))],
    ["that link", (port, other) => Port.mon(port, other)],
    ["that link to their own port", (port, other) => Effect.orDie(Port.peval(other, Port.mon(port)))],
    ["that send a message", (port, other) => Port.mon(port, other, "told")]
  ])("%s can be taken back, and the others stand", ([, monitor]) =>
    local(Effect.gen(function*() {
      const port = yield* silent
      const other = yield* Port.make({ told: () => Effect.fail("told") })
      const ended = yield* Deferred.make<void>()
      const { cancel } = yield* monitor(port, other)
      yield* Port.mon(port, () => Deferred.succeed(ended, undefined))
      yield* cancel
      yield* cancel
      yield* Port.kil(port, "because")
      yield* Deferred.await(ended)
      yield* Effect.sleep(1)
      assert.strictEqual(yield* Port.peval(other, Effect.succeed("alive")), "alive")
    })))

  it.live("that another monitor takes back when it is told are not told", () =>
    local(Effect.gen(function*() {
      const node = yield* Node.Node
      const port = yield* silent
      const told: Array<string> = []
      Port.monUnsafe(node, port, () => {
        told.push("first")
        takeBack()
      })
      const takeBack = Port.monUnsafe(node, port, () => told.push("second"))
      Port.monUnsafe(node, port, () => told.push("third"))
      yield* Port.kil(port)
      yield* Port.exit(port)
      assert.deepStrictEqual(told, ["first", "third"])
    })))

  it.live("that have fired, or were taken back, leave nothing in their scope", () =>
    local(Effect.gen(function*() {
      const scope = yield* Scope.make()
      const [port, other] = [yield* silent, yield* silent]
      yield* Scope.provide(Port.mon(port, () => {}), scope)
      yield* Scope.provide(Port.mon("elsewhere;malformed#port", () => {}), scope)
      const { cancel } = yield* Scope.provide(Port.mon(other, () => {}), scope)
      assert.strictEqual(scope.state._tag, "Open")
      yield* Port.kil(port)
      yield* Port.exit(port)
      yield* cancel
      yield* Effect.yieldNow
      assert.strictEqual(scope.state._tag, "Empty")
    })))

  it.live("in a chain of 10,000 ports do not overflow the stack", () =>
    local(Effect.gen(function*() {
      const first = yield* silent
      let last = first
      for (let n = 0; n < 10_000; n++) {
        const next = yield* silent
        yield* Port.mon(last, next)
        last = next
      }
      yield* Port.kil(first, "domino")
      assert.deepStrictEqual(yield* reasonOf(last), ["domino"])
    })))

  it.live("that fail outside of a port are logged", () => {
    const logs: Array<string> = []
    const logger = Logger.layer([Logger.make(({ message }) => void logs.push(String(message)))])
    return local(Effect.gen(function*() {
      const port = yield* silent
      yield* Port.mon(port, () => Effect.fail("oh"))
      yield* Port.kil(port)
      yield* Port.exit(port)
      yield* Effect.sleep(1)
      assert.isTrue(logs.some((line) => line.includes("a monitor's callback failed")))
    })).pipe(Effect.provide(logger))
  })
})

describe("monGuard", () => {
  it.live("releases with the port, or with the scope if that closes first", () =>
    local(Effect.gen(function*() {
      const log: Array<string> = []
      const resource = (name: string) =>
        Effect.acquireRelease(Effect.succeed(name), () => Effect.sync(() => log.push(name)))
      const port = yield* silent
      yield* Effect.scoped(Port.monGuard(port, resource("scope")))
      assert.deepStrictEqual(log, ["scope"])
      assert.strictEqual(yield* resource("port").pipe(Port.monGuard(port)), "port")
      yield* Port.kil(port, "x")
      yield* Port.exit(port)
      yield* Effect.sleep(1)
      assert.deepStrictEqual(log, ["scope", "port"])
    })))
})

describe("port context", () => {
  it.live("peval runs in the port, and kills it when it fails", () =>
    local(Effect.gen(function*() {
      const port = yield* silent
      assert.strictEqual(yield* Port.peval(port, Port.Self), port)
      const failed = yield* Effect.exit(Port.peval(port, Effect.fail("oh")))
      assert.isTrue(Exit.isFailure(failed) && String(failed).includes("oh"))
      assert.strictEqual((yield* reasonOf(port))[0], "no_such_port")
      const late = yield* Effect.exit(Port.peval(port, Effect.void))
      assert.isTrue(Exit.isFailure(late))
    })))

  it.live("peval ends with the port, and its interruption leaves the port alone", () =>
    local(Effect.gen(function*() {
      const port = yield* silent
      const abandoned = yield* Effect.forkChild(Port.peval(port, Effect.never), { startImmediately: true })
      yield* Fiber.interrupt(abandoned)
      assert.strictEqual(yield* Port.peval(port, Effect.succeed(1)), 1)
      const waiting = yield* Effect.forkChild(Effect.exit(Port.peval(port, Effect.never)), { startImmediately: true })
      yield* Port.kil(port, "enough")
      const exit = yield* Fiber.join(waiting)
      assert.isTrue(Exit.isFailure(exit) && String(exit).includes("enough"))
    })))

  it.live.each([["before", "effect"], ["after", "effect"], ["after", "port"]] as const)(
    "peval that has begun %s its port was killed ends, if the %s is done first",
    ([when, first]) =>
      local(Effect.gen(function*() {
        const [portMayEnd, effectMayEnd] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
        const port = yield* silent
        yield* Port.peval(port, Effect.addFinalizer(() => Deferred.await(portMayEnd)))
        const ended = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
        const kill = Effect.andThen(Port.kil(port, "enough"), Effect.sleep(1))
        if (when === "after") yield* kill
        const lasting = Port.peval(port, Effect.uninterruptible(Deferred.await(effectMayEnd)))
        const run = yield* Effect.forkChild(Effect.exit(lasting), { startImmediately: true })
        if (when === "before") yield* kill
        if (first === "effect") yield* Deferred.succeed(effectMayEnd, undefined)
        else yield* Effect.andThen(Deferred.succeed(portMayEnd, undefined), Fiber.join(ended))
        yield* Effect.sleep(1)
        yield* Effect.andThen(Deferred.succeed(effectMayEnd, undefined), Deferred.succeed(portMayEnd, undefined))
        const exit = yield* Fiber.join(run)
        assert.isTrue(Exit.isFailure(exit))
        assert.deepStrictEqual(reasonFromExit(exit), ["enough"])
      }))
  )

  it.live("peval interrupts its effect when it is interrupted itself", () =>
    local(Effect.gen(function*() {
      const log: Array<string> = []
      const port = yield* silent
      const lasting = Effect.onExit(Effect.never, (exit) =>
        Effect.sync(() => log.push(Exit.hasInterrupts(exit) ? "interrupted" : "ended")))
      const abandoned = yield* Effect.forkChild(Port.peval(port, lasting), { startImmediately: true })
      yield* Fiber.interrupt(abandoned)
      assert.deepStrictEqual(log, ["interrupted"])
      // It took the effect with it, and not the port.
      assert.strictEqual(yield* Effect.as(Effect.void, "alive").pipe(Port.peval(port)), "alive")
    })))

  it.live("psub carries it to code that runs elsewhere", () =>
    local(Effect.gen(function*() {
      const port = yield* silent
      const double = yield* Port.peval(port, Port.psub((n: number) => Effect.map(Port.Self, (self) => [self, 2 * n])))
      assert.deepStrictEqual(yield* double(21), [port, 42])
      const failing = yield* Port.peval(port, Port.psub(Effect.fail("oh")))
      yield* Effect.ignore(failing)
      assert.isTrue(Exit.isFailure(yield* Effect.exit(double(1))))
    })))

  it.live("fork kills the port when the fiber fails, not when it is interrupted; the port's end interrupts it", () =>
    local(Effect.gen(function*() {
      const port = yield* silent
      let ended = false
      const lasting = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          ended = true
        }))
      const first = yield* Port.peval(port, Port.fork(lasting))
      yield* Fiber.interrupt(first)
      assert.isTrue(ended)
      ended = false
      yield* Port.peval(port, Port.fork(lasting))
      const told = yield* Effect.forkChild(Port.exit(port), { startImmediately: true })
      yield* Port.peval(port, Port.fork(Effect.fail("oh"))).pipe(Effect.ignore)
      assert.deepStrictEqual(reasonFromExit(yield* Fiber.join(told)), ["fail", "oh", "oh"])
      assert.isTrue(ended)
    })))

  it.effect("after sends a message or runs an effect when the time has come, and not before", () =>
    local(Effect.gen(function*() {
      const log: Array<unknown> = []
      const port = yield* Port.make((...message) => {
        log.push(message)
      })
      yield* Port.after("1 minute", port, "tea", 1)
      yield* Port.after("2 minutes", Effect.sync(() => log.push("effect")))
      yield* Effect.scoped(Port.after("1 second", port, "never"))
      yield* TestClock.adjust("59 seconds")
      yield* Effect.yieldNow
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 minute")
      yield* Effect.yieldNow
      assert.deepStrictEqual(log, [["tea", 1]])
      yield* TestClock.adjust("1 minute")
      yield* Effect.yieldNow
      assert.deepStrictEqual(log, [["tea", 1], "effect"])
    })))
})

describe("cal", () => {
  it.live("answers the reply, and calMessage all of it", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make({ ask: (n: number, reply: string) => Port.snd(reply, "answer", n) })
      assert.strictEqual(yield* Port.cal(port, "ask", 42), "answer")
      assert.deepStrictEqual(yield* Port.calMessage(port, "ask", 42), ["answer", 42])
    })))

  it.live("fails when the port ends first, normally too", () =>
    local(Effect.gen(function*() {
      for (const reason of [[], ["crash", 1]]) {
        const port = yield* Port.make(() => Effect.flatMap(Port.Self, (self) => Port.kil(self, ...reason)))
        const exit = yield* Effect.exit(Port.cal(port, "ask"))
        const error = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
        assert.instanceOf(error, Port.Killed)
        assert.deepStrictEqual(error.reason, reason)
      }
    })))

  it.live("leaves no port and no monitor behind when it is interrupted, or cannot be sent", () =>
    local(Effect.gen(function*() {
      const port = yield* Port.make(() => Effect.void)
      const before = (yield* Node.gauges).ports
      const timedOut = yield* Effect.exit(Port.calTimeout(port, "5 millis", "ask"))
      assert.isTrue(Exit.isFailure(timedOut) && Cause.isTimeoutError(Cause.squash(timedOut.cause)))
      const unsendable = yield* Effect.exit(Port.cal("elsewhere#port", "ask", () => {}))
      const error = Exit.isFailure(unsendable) ? Cause.squash(unsendable.cause) : undefined
      assert.instanceOf(error, Port.UnsendableMessage)
      assert.strictEqual(error.path, "[1]")
      assert.strictEqual((yield* Node.gauges).ports, before)
    })))
})

describe("port IDs", () => {
  it.live("say where a port lives", () =>
    local(Effect.gen(function*() {
      const port = yield* silent
      assert.strictEqual(Port.nodeOf(port), yield* Node.id)
      assert.isTrue(yield* Port.isLocal(port))
      assert.isFalse(yield* Port.isLocal("elsewhere#a#b"))
      assert.strictEqual(Port.nodeOf("elsewhere#a#b"), "elsewhere")
      assert.isTrue(Port.isPortId("a#b"))
      for (const wrong of ["", "#b", 1, undefined, "a;b#c"]) assert.isFalse(Port.isPortId(wrong))
    })))

  it.live("of the node itself cannot be killed", () =>
    local(
      Effect.gen(function*() {
        const here = yield* Node.id
        yield* Port.kil(here, "die")
        const [seconds] = yield* Port.calMessage(here, "time")
        assert.isNumber(seconds)
      }).pipe(Effect.provide(Logger.layer([])))
    ))
})
