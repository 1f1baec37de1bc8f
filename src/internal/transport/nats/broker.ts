/**
 * The connection of one process with its NATS server: made again whenever it is gone, and what is subscribed to on it.
 *
 * @internal
 */
import type * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Random from "effect/Random"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { randomBytes } from "node:crypto"
import { LinkError } from "../linkError.ts"
import { connecting, shownServers, usualNetwork } from "./client.ts"
import { Exchange } from "./exchange.ts"
import { inboxSize } from "./frames.ts"
import type { NatsClient, NatsMessage, NatsOptions, NatsStatus } from "./options.ts"

/** An answer of the server to a message that nobody listens for. */
const noResponders = 503

const usualPayload = 1024 * 1024

/** So many subjects are told of. */
const mostTold = 20

/** A server that stands still is not waited for any longer. */
const patience = "1 second"

type Hear = (message: NatsMessage) => void

interface Subscription {
  readonly hear: Hear
  /** With whom it was begun. */
  client: NatsClient | undefined
  stop: () => void
  /** The server does not let us. */
  isForbidden: boolean
}

interface Violation {
  readonly operation: string
  readonly subject: string
}

/** What the server does not let us do, if an error says so. */
const violationOf = (error: unknown): Violation | undefined =>
  typeof error === "object" && error !== null && "operation" in error && "subject" in error
    ? { operation: String(error.operation), subject: String(error.subject) }
    : undefined

const inWords = ({ operation, subject }: Violation): string => `the NATS server permits no ${operation} to ${subject}`

const messageOf = (error: unknown): string =>
  error instanceof Error && error.message !== "" ? error.message : String(error)

/** Of a client that is made though nobody waits for it any more, nothing stays. */
const open = (connect: () => Promise<NatsClient>): Effect.Effect<NatsClient, unknown> =>
  Effect.callback((resume) => {
    let isWanted = true
    connect().then(
      (client) => isWanted ? resume(Effect.succeed(client)) : void client.close(),
      (error: unknown) => resume(Effect.fail(error))
    )
    return Effect.sync(() => {
      isWanted = false
    })
  })

/** Waits for what a client has under way, if its server is quick. */
const settled = (work: () => Promise<unknown>): Effect.Effect<void> =>
  Effect.promise(() => work().catch(() => {})).pipe(Effect.timeoutOption(patience), Effect.asVoid)

/** What a client says of itself. It is read to the end, whoever wants it: a client does not close before that. */
const statusesOf = (client: NatsClient): Queue.Dequeue<NatsStatus, Cause.Done> => {
  const queue = Effect.runSync(Queue.unbounded<NatsStatus, Cause.Done>())
  const read = async () => {
    for await (const status of client.status()) Queue.offerUnsafe(queue, status)
  }
  read().catch(() => {}).finally(() => Queue.endUnsafe(queue))
  return queue
}

const ofTransport = Effect.annotateLogs({ module: "Transport" })

export class Broker {
  readonly exchange: Exchange
  private readonly shown: string
  private readonly subscriptions = new Map<string, Subscription>()
  /** The client, while it has a connection. */
  private client: NatsClient | undefined = undefined
  /** Why nobody can be reached. */
  private away: string | undefined = undefined
  private isToldOf = false
  /** Subjects of which was told that nothing may be published there. */
  private readonly toldOf = new Set<string>()
  /** Done when it is known how the first attempt to connect has ended. Fails with what no other attempt would put right. */
  readonly tried = Deferred.makeUnsafe<void, LinkError>()

  constructor(options: NatsOptions, nowMillis: () => number) {
    this.shown = shownServers(options)
    const exchange = new Exchange(options.network ?? usualNetwork, randomBytes(inboxSize), {
      publish: (subject, data, reply) => this.publish(subject, data, reply),
      nowMillis
    })
    this.exchange = exchange
    this.want(exchange.ownSubject, ({ data }) => exchange.hear(data))
    this.want(`${exchange.ownSubject}.*`, ({ headers, subject }) => {
      if (headers?.code === noResponders) exchange.nobody(subject)
    })
  }

  /** Why nobody can be reached now; `undefined` if that is not so. */
  get lacks(): string | undefined {
    return this.away === undefined ? undefined : `no connection to ${this.shown} (${this.away})`
  }

  /** What cannot be published is lost, as it may be anywhere on its way. */
  private publish(subject: string, data: Uint8Array, reply: string | undefined): void {
    try {
      this.client?.publish(subject, data, reply === undefined ? undefined : { reply })
    } catch {
      // The client is closed, of which it tells by itself, or takes no messages of that size: the next frame shows that this one is missing.
    }
  }

  // ---- subscriptions

  /** Subscribes until the scope closes, on this connection and all later ones. Fails if the server forbids it. */
  subscribe(subject: string, hear: Hear): Effect.Effect<void, string, Scope.Scope> {
    const stop = (subscription: Subscription) =>
      Effect.sync(() => {
        this.subscriptions.delete(subject)
        subscription.stop()
      })
    return Effect.acquireRelease(Effect.sync(() => this.want(subject, hear)), stop).pipe(
      Effect.tap(this.settled),
      Effect.flatMap(({ isForbidden }) =>
        isForbidden ? Effect.fail(inWords({ operation: "subscription", subject })) : Effect.void
      )
    )
  }

  private want(subject: string, hear: Hear): Subscription {
    const subscription: Subscription = { hear, client: undefined, stop: () => {}, isForbidden: false }
    this.subscriptions.set(subject, subscription)
    if (this.client !== undefined) this.begin(this.client, subject, subscription)
    return subscription
  }

  private begin(client: NatsClient, subject: string, subscription: Subscription): void {
    subscription.client = client
    subscription.isForbidden = false
    const { hear } = subscription
    const callback = (error: Error | null, message: NatsMessage): void => {
      if (error === null) hear(message)
      else subscription.isForbidden = true
    }
    try {
      const begun = client.subscribe(subject, { callback })
      subscription.stop = () => begun.unsubscribe()
    } catch {
      // The client is closed: the next one is subscribed with.
    }
  }

  /** Waits until the server has said what it has to say to all of this. */
  private get settled(): Effect.Effect<void> {
    return Effect.suspend(() => {
      const { client } = this
      return client === undefined ? Effect.void : settled(() => client.flush())
    })
  }

  // ---- the connection

  /** Connects again and again. */
  run(connect: () => Promise<NatsClient>): Effect.Effect<never> {
    return this.live(connect).pipe(
      Effect.catch((error) => this.lost(error)),
      Effect.andThen(Random.nextBetween(500, 1500)),
      Effect.flatMap((millis) => Effect.sleep(millis)),
      Effect.forever
    )
  }

  /** Connects, and goes on until the client is gone for good. */
  private live(connect: () => Promise<NatsClient>): Effect.Effect<void, unknown> {
    return Effect.gen({ self: this }, function*() {
      const client = yield* Effect.acquireRelease(open(connect), (client) => this.leave(client), {
        interruptible: true
      })
      // From here on nothing is missed.
      const statuses = statusesOf(client)
      yield* this.connected(client)
      yield* Stream.runForEach(Stream.fromQueue(statuses), ({ error, type }) => {
        if (type === "disconnect") return this.lost("it was lost")
        if (type === "reconnect") return this.connected(client)
        return type === "error" ? this.refused(error) : Effect.void
      })
      return yield* Effect.fail("it was closed")
    }).pipe(Effect.scoped)
  }

  /** What was said last still leaves, if the server is there. */
  private leave(client: NatsClient): Effect.Effect<void> {
    return Effect.suspend(() => {
      const isThere = this.client === client
      this.client = undefined
      const close = Effect.tap(settled(() => client.close()), () => Effect.sync(() => this.exchange.lost()))
      return isThere ? Effect.andThen(settled(() => client.drain()), close) : close
    })
  }

  private connected(client: NatsClient): Effect.Effect<void, string> {
    return Effect.gen({ self: this }, function*() {
      this.client = client
      // A client that has been away begins those again that it had.
      for (const [subject, subscription] of this.subscriptions) {
        if (subscription.client !== client) this.begin(client, subject, subscription)
      }
      this.exchange.connected(client.info?.max_payload ?? usualPayload)
      yield* this.settled
      for (const [subject, { isForbidden }] of this.subscriptions) {
        if (!isForbidden) continue
        const why = inWords({ operation: "subscription", subject })
        if (subject.startsWith(this.exchange.ownSubject)) return yield* Effect.fail(why)
        yield* ofTransport(Effect.logWarning(why))
      }
      this.away = undefined
      this.toldOf.clear()
      yield* Deferred.succeed(this.tried, undefined)
      if (!this.isToldOf) return
      this.isToldOf = false
      yield* ofTransport(Effect.logInfo(`connected to ${this.shown}`))
    })
  }

  private lost(error: unknown): Effect.Effect<void> {
    return Effect.gen({ self: this }, function*() {
      const why = messageOf(error)
      this.client = undefined
      this.away = why
      this.exchange.lost()
      if (error instanceof Error && error.name === "AuthorizationError") {
        yield* Deferred.fail(
          this.tried,
          new LinkError({ reason: "connect_failed", peer: this.shown, detail: why })
        )
      }
      yield* Deferred.succeed(this.tried, undefined)
      if (this.isToldOf) return
      this.isToldOf = true
      yield* ofTransport(Effect.logWarning(`${this.lacks}: trying again until it is there`))
    })
  }

  private refused(error: unknown): Effect.Effect<void> {
    const violation = violationOf(error)
    // Subscriptions are told by themselves.
    if (violation === undefined || violation.operation !== "publish") return Effect.void
    const { subject } = violation
    const why = inWords(violation)
    return Effect.suspend(() => {
      this.exchange.refused(subject, why)
      if (this.toldOf.size >= mostTold || this.toldOf.has(subject)) return Effect.void
      this.toldOf.add(subject)
      return ofTransport(Effect.logWarning(why))
    })
  }
}

/** Connects until the scope closes. */
export const makeBroker = (options: NatsOptions): Effect.Effect<Broker, LinkError, Scope.Scope> =>
  Effect.gen(function*() {
    const connect = yield* connecting(options)
    const clock = yield* Clock.Clock
    const broker = new Broker(options, () => clock.currentTimeMillisUnsafe())
    yield* Effect.forkScoped(broker.run(connect))
    return broker
  })
