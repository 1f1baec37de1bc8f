/**
 * Streams of bytes as programs have them: a `Stream` where they come out, a `Sink` where they go in.
 *
 * @internal
 */
import { isReadonlyArrayNonEmpty, type NonEmptyReadonlyArray } from "effect/Array"
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Pull from "effect/Pull"
import * as Scope from "effect/Scope"
import * as Sink from "effect/Sink"
import * as Stream from "effect/Stream"
import { Receiving } from "../transport/data/receiving.ts"
import { Sending } from "../transport/data/sending.ts"
import { BytesError } from "../values/bytesError.ts"
import { describe } from "../values/describe.ts"
import type { LinkErrorReason } from "../values/linkReason.ts"
import { randomText } from "../values/names.ts"
import { isPortId, nodeOf } from "../values/portId.ts"
import type { PortExit } from "../values/reason.ts"
import { dataOf } from "./dataConnections.ts"
import { type Node, NodeRouter, type Router } from "./router.ts"

/** As many as nobody guesses. */
const secretLength = 22
/** So much is told of why one end has left. */
const longestWhy = 300

/** Why a fiber or a scope has ended, for the other end. */
const whyOf = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit) ? "it has ended" : whyFailed(exit.cause)

const whyFailed = ({ reasons }: Cause.Cause<unknown>): string => {
  for (const reason of reasons) {
    if (reason._tag === "Interrupt") continue
    const error = reason._tag === "Fail" ? reason.error : reason.defect
    // What feeds a sink has failed: that comes wrapped.
    if (Cause.isDone(error) && Cause.isCause(error.value)) return whyFailed(error.value)
    return describe(error).slice(0, longestWhy).toWellFormed()
  }
  return "it was interrupted"
}

/** Where bytes come out. */
class Incoming {
  readonly flow: Receiving
  private ended: Pull.Pull<never, BytesError> | undefined = undefined
  private resume: (() => void) | undefined = undefined
  private isRead = false

  constructor(window: number) {
    this.flow = new Receiving(window)
    this.flow.changed = () => this.wake()
  }

  over(error: BytesError | undefined): void {
    this.ended ??= error === undefined ? Cause.done() : Effect.fail(error)
    this.wake()
  }

  private wake(): void {
    const { resume } = this
    this.resume = undefined
    resume?.()
  }

  private readonly pull: Pull.Pull<NonEmptyReadonlyArray<Uint8Array>, BytesError> = Effect.suspend(() => {
    const taken = this.flow.take()
    if (isReadonlyArrayNonEmpty(taken)) return Effect.succeed(taken)
    if (this.ended !== undefined) return this.ended
    const change = Effect.callback<void>((resume) => {
      this.resume = () => resume(Effect.void)
    })
    return Effect.flatMap(change, () => this.pull)
  })

  /** It is read once: the bytes are gone then. */
  readonly stream: Stream.Stream<Uint8Array, BytesError> = Stream.fromPull(Effect.suspend(() => {
    if (this.isRead) return Effect.die(new Error("the stream of Port.bytes was run twice: its bytes come once"))
    this.isRead = true
    return Effect.succeed(this.pull)
  })).pipe(Stream.onExit((exit) => Effect.sync(() => this.flow.leave(whyOf(exit)))))
}

/** A place for one stream of bytes, for as long as the scope is open. */
export const make = (
  patienceMillis: number,
  window: number,
  forGuests: boolean
): Effect.Effect<
  { readonly id: string; readonly stream: Stream.Stream<Uint8Array, BytesError> },
  BytesError,
  Node | Scope.Scope
> =>
  Effect.gen(function*() {
    const router = yield* NodeRouter
    const data = dataOf(router)
    const id = `${router.nodeId}#${yield* randomText(secretLength)}`
    const incoming = new Incoming(window)
    const wait = Effect.suspend(() => {
      const end = { flow: incoming.flow, over: (error: BytesError | undefined) => incoming.over(error) }
      const wrong = data.expect(id, end, patienceMillis, forGuests)
      return wrong === undefined ? Effect.void : Effect.fail(wrong)
    })
    yield* Effect.acquireRelease(wait, (_, exit) =>
      Effect.sync(() => {
        data.forget(id)
        incoming.flow.leave(whyOf(exit))
      }))
    return { id, stream: incoming.stream }
  })

/** Where bytes go in. */
class Outgoing {
  private readonly flow = new Sending()
  private ended: Exit.Exit<void, BytesError> | undefined = undefined
  private resume: ((result: Exit.Exit<void, BytesError>) => void) | undefined = undefined
  private readonly router: Router
  private readonly id: string

  constructor(router: Router, id: string) {
    this.router = router
    this.id = id
  }

  private readonly over = (error: BytesError | undefined): void => {
    this.ended = error === undefined ? Exit.void : Exit.fail(error)
    this.resume?.(this.ended)
  }

  /** Tells the receiver's node, once there is a link with it. */
  begin(number: string): Effect.Effect<void, BytesError> {
    const { id, router } = this
    const send = Effect.sync(() => dataOf(router).send(id, number, { flow: this.flow, over: this.over }))
    return Effect.andThen(linkedWith(router, isPortId(id) ? nodeOf(id) : ""), send)
  }

  /** Waits until the bytes are written. */
  send(bytes: Uint8Array): Effect.Effect<void> {
    return Effect.suspend(() => {
      let resume: (() => void) | undefined
      let isWritten = this.flow.send(bytes, () => {
        isWritten = true
        resume?.()
      })
      return isWritten ? Effect.void : Effect.callback((done) => {
        resume = () => done(Effect.void)
        if (isWritten) resume()
      })
    })
  }

  end(): void {
    this.flow.end()
  }

  /** Waits until it is over. */
  readonly result: Effect.Effect<void, BytesError> = Effect.callback((resume) => {
    this.resume = resume
    if (this.ended !== undefined) resume(this.ended)
  })

  leave(exit: Exit.Exit<unknown, unknown>): void {
    this.flow.leave(whyOf(exit))
  }
}

/** Waits until there is a link with a node. */
const linkedWith = (router: Router, nodeId: string): Effect.Effect<void, BytesError> =>
  Effect.callback((resume) => {
    if (nodeId === router.nodeId || router.linkTo(nodeId) !== undefined) return resume(Effect.void)
    if (nodeId === "") {
      return resume(Effect.fail(new BytesError({ reason: "not_expected", node: "", detail: "the ID is malformed" })))
    }
    const lost = (exit: PortExit): void => {
      release()
      resume(Effect.fail(new BytesError({ reason: "unreachable", node: nodeId, ...whyLost(exit) })))
    }
    const listener = {
      up: (other: string): void => {
        if (other !== nodeId) return
        release()
        resume(Effect.void)
      },
      down: (): void => {}
    }
    const release = (): void => {
      router.listeners.delete(listener)
      forget()
    }
    router.listeners.add(listener)
    const forget = router.monitor(nodeId, lost)
    return Effect.sync(release)
  })

const whyLost = (exit: PortExit): { readonly detail?: string; readonly linkError?: LinkErrorReason | undefined } => {
  if (Exit.isSuccess(exit)) return {}
  for (const reason of exit.cause.reasons) {
    if (reason._tag === "Fail") return { detail: String(reason.error.reason[2]), linkError: reason.error.linkError }
  }
  return {}
}

/** Sends all that comes to the place of this ID. */
export const send = (id: string): Sink.Sink<void, Uint8Array, never, BytesError, Node> =>
  Sink.fromTransform((upstream) =>
    Effect.contextWith((context: Context.Context<Node>) =>
      Effect.flatMap(randomText(secretLength), (number) => {
        const outgoing = new Outgoing(Context.get(context, NodeRouter), id)
        const pump = upstream.pipe(
          Effect.flatMap((chunks) => Effect.forEach(chunks, (bytes) => outgoing.send(bytes), { discard: true })),
          Effect.forever({ disableYield: true }),
          Pull.catchDone(() => Effect.sync(() => outgoing.end())),
          // Whether all was taken says the other end.
          Effect.andThen(Effect.never)
        )
        return outgoing.begin(number).pipe(
          Effect.andThen(Effect.raceFirst(outgoing.result, pump)),
          Effect.onExit((exit) => Effect.sync(() => outgoing.leave(exit))),
          Effect.as([undefined] as const)
        )
      })
    )
  )
