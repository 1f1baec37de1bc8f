/**
 * What becomes of calls that are under way when the shard of their entity moves.
 *
 * A runner that loses a shard, or closes, interrupts the handlers that are not done in time. Effect answers their calls with that interruption:
 * it would interrupt callers out of the blue, who cannot catch it. Here such a call is refused instead, as one is that comes to a runner without
 * the shard, and Sharding sends it again, to whoever has the shard next. What is interrupted while the runner keeps the shard is answered
 * with that: its handler has done it, or its caller.
 *
 * @internal
 */
import * as Cause from "effect/Cause"
import { AlreadyProcessingMessage, EntityNotAssignedToRunner } from "effect/cluster/ClusterError"
import type { EntityAddress } from "effect/cluster/EntityAddress"
import * as Message from "effect/cluster/Message"
import * as Reply from "effect/cluster/Reply"
import * as Runners from "effect/cluster/Runners"
import * as Sharding from "effect/cluster/Sharding"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import type * as Rpc from "effect/rpc/Rpc"

/**
 * Who has interrupted a call whose shard has gone: no fiber has this number. So the runner tells callers on other nodes, since interruptions are
 * among the answers of all calls, whatever their schemas are.
 */
const nobody = -1

/** Whether nobody waits for the answer of the call that is being sent. */
const Discarded = Context.Reference<boolean>("effect-mp/cluster/Discarded", { defaultValue: () => false })

type Ended = Exit.Exit<unknown, unknown>

const isInterruption = (exit: Ended): boolean => Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)

const isToldGone = (exit: Ended): boolean => Exit.isFailure(exit) && Cause.interruptors(exit.cause).has(nobody)

const refused = (address: EntityAddress): Effect.Effect<never, EntityNotAssignedToRunner> =>
  Effect.fail(new EntityNotAssignedToRunner({ address }))

/**
 * What a sender ends with who has done nothing wrong. Effect interrupts him where the entity or the connection closes that is about to take the call.
 * A runner with a `MessageStorage` remembers for a while that it has ended the call, and takes the one that is sent again for the same one.
 */
const isRefusal = (cause: Cause.Cause<unknown>): boolean =>
  Cause.hasInterruptsOnly(cause) ||
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof AlreadyProcessingMessage)

/** An interruption of the sender's own passes. */
const orRefused = <A, E>(
  address: EntityAddress,
  sending: Effect.Effect<A, E>
): Effect.Effect<A, E | EntityNotAssignedToRunner> => Effect.catchCauseIf(sending, isRefusal, () => refused(address))

/** Sends a call, and is done when it is answered. It fails where the answer would be that the shard has gone. */
const untilAnswered = <R extends Rpc.Any, E>(
  message: Message.OutgoingRequest<R>,
  isGone: (exit: Ended) => boolean,
  send: (message: Message.OutgoingRequest<R>) => Effect.Effect<void, E>
): Effect.Effect<void, E | EntityNotAssignedToRunner> =>
  Effect.suspend(() => {
    const { address } = message.envelope
    const answered = Deferred.makeUnsafe<void, EntityNotAssignedToRunner>()
    const respond = (reply: Reply.Reply<R>): Effect.Effect<void> => {
      if (reply._tag === "Chunk") return message.respond(reply)
      if (isGone(reply.exit)) return Effect.asVoid(Deferred.fail(answered, new EntityNotAssignedToRunner({ address })))
      return Effect.ensuring(message.respond(reply), Deferred.succeed(answered, undefined))
    }
    const sending = send(new Message.OutgoingRequest({ ...message, respond }))
    return Effect.andThen(orRefused(address, sending), Deferred.await(answered))
  })

/** A client that marks the calls whose answers nobody waits for. */
const marking = <Client extends object>(client: Client): Client =>
  new Proxy(client, {
    get: (target, tag) => {
      const method: unknown = Reflect.get(target, tag)
      if (typeof method !== "function") return method
      return (payload: unknown, options?: { readonly discard?: boolean }) => {
        const call: unknown = method(payload, options)
        return options?.discard === true && Effect.isEffect(call) ? Effect.provideService(call, Discarded, true) : call
      }
    }
  })

class Moves {
  private inner: Sharding.Sharding["Service"] | undefined = undefined
  /** Types of entities whose Layers close. */
  private readonly closing = new Set<string>()

  /** Whether the entity is not this runner's any more, or soon. */
  private hasLeft({ entityType, shardId }: EntityAddress): boolean {
    return this.inner?.hasShardId(shardId) !== true || this.closing.has(entityType)
  }

  /** For callers. */
  runners(inner: Runners.Runners["Service"]): Runners.Runners["Service"] {
    return {
      ...inner,
      send: (options) => {
        const { message } = options
        if (message._tag !== "OutgoingRequest") return inner.send(options)
        return untilAnswered(message, isToldGone, (message) => inner.send({ ...options, message }))
      },
      sendLocal: (options) => {
        const { message } = options
        if (message._tag !== "OutgoingRequest") return inner.sendLocal(options)
        const { address } = message.envelope
        return Effect.flatMap(Discarded, (isDiscarded) =>
          isDiscarded
            ? orRefused(address, inner.sendLocal(options))
            : untilAnswered(
              message,
              (exit) => isInterruption(exit) && this.hasLeft(address),
              (message) => inner.sendLocal({ ...options, message })
            ))
      }
    }
  }

  /** For this runner's server, and for those who register entities. */
  sharding(inner: Sharding.Sharding["Service"]): Sharding.Sharding["Service"] {
    this.inner = inner
    return {
      ...inner,
      send: (message) => {
        if (message._tag !== "IncomingRequest") return inner.send(message)
        const respond: typeof message.respond = (reply) => message.respond(this.told(message.envelope.address, reply))
        return orRefused(message.envelope.address, inner.send(new Message.IncomingRequest({ ...message, respond })))
      },
      registerEntity: (entity, handlers, options) =>
        Effect.andThen(
          inner.registerEntity(entity, handlers, options),
          Effect.acquireRelease(
            Effect.sync(() => this.closing.delete(entity.type)),
            () => Effect.sync(() => this.closing.add(entity.type))
          )
        ),
      makeClient: (entity) =>
        Effect.map(inner.makeClient(entity), (clientOf) => (entityId: string) => marking(clientOf(entityId))),
      sendOutgoing: (message, discard) =>
        Effect.provideService(inner.sendOutgoing(message, discard), Discarded, discard)
    }
  }

  private told<R extends Rpc.Any>(
    address: EntityAddress,
    told: Reply.ReplyWithContext<R>
  ): Reply.ReplyWithContext<R> {
    const { reply } = told
    if (reply._tag === "Chunk" || !isInterruption(reply.exit) || !this.hasLeft(address)) return told
    return new Reply.ReplyWithContext({
      ...told,
      reply: new Reply.WithExit({ ...reply, exit: Exit.interrupt(nobody) })
    })
  }
}

/** Effect's sharding, whose calls outlive the moves of shards. */
export const sharding = Layer.unwrap(Effect.sync(() => {
  const moves = new Moves()
  const runners = Layer.provide(
    Layer.effect(Runners.Runners, Effect.map(Runners.Runners, (inner) => moves.runners(inner))),
    Runners.layerRpc
  )
  return Layer.effect(Sharding.Sharding, Effect.map(Sharding.Sharding, (inner) => moves.sharding(inner))).pipe(
    Layer.provide(Sharding.layer),
    Layer.provideMerge(runners)
  )
}))
