/**
 * What a node proves itself with: its secrets and its certificate. They may change while it runs: handshakes that begin later go by
 * what is new, those that have begun and links that stand stay as they are. Certificates have an end, of which the node warns.
 *
 * @internal
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Latch from "effect/Latch"
import { hasEnded, lastDay } from "../transport/certificate.ts"
import type { Credentials } from "../transport/credentials.ts"
import { isWithoutTls } from "../transport/handshake/auth.ts"
import type { Identity } from "../transport/handshake/handshake.ts"
import type { NodeLog } from "./nodeLog.ts"
import { check, type InvalidOption, type Options } from "./options.ts"

/** Documented as `Node.Renewal`. */
export type Renewal = Pick<Options, "secret" | "cert" | "ticket">

const dayMillis = 24 * 3600 * 1000

/** So long before its end a certificate is worth a warning. */
export const soonMillis = 30 * dayMillis

/** What a node says of itself in a handshake, and what TLS needs for it. */
export interface Proof {
  readonly identity: Identity
  readonly credentials: Credentials | undefined
}

export class OwnProof {
  private options: Options
  private readonly incarnation: string
  private proof: Proof
  /** What was renewed last took the certificate away. */
  private isWithoutTlsNow = false
  private readonly renewed = Latch.makeUnsafe()

  /** The options have been checked, and come to this proof. */
  constructor(options: Options, incarnation: string, proof: Proof) {
    this.options = options
    this.incarnation = incarnation
    this.proof = proof
  }

  /** What a handshake goes by that begins now. */
  get current(): Proof {
    return this.proof
  }

  /** Takes what is new, or says what is wrong with it and changes nothing. */
  renew({ cert, secret, ticket }: Renewal): Effect.Effect<void, InvalidOption> {
    return Effect.suspend(() => {
      const options = {
        ...this.options,
        ...cert !== undefined && { cert },
        ...secret !== undefined && { secret },
        ...ticket !== undefined && { ticket }
      }
      return Effect.map(check(options, this.proof.identity.nodeId, this.incarnation), (proof) => {
        this.options = options
        this.isWithoutTlsNow = this.proof.credentials !== undefined && proof.credentials === undefined
        this.proof = proof
        this.renewed.openUnsafe()
      })
    })
  }

  /** Warns of what keeps others from letting this node in: now, when something new is taken, and of certificates once a day. */
  watch(log: NodeLog): Effect.Effect<never> {
    const look = Effect.flatMap(Clock.currentTimeMillis, (now) => Effect.sync(() => this.complain(log, now)))
    const daily = Effect.forever(Effect.andThen(look, Effect.suspend(() => this.nextLook)))
    const untilRenewed = Effect.andThen(
      Effect.sync(() => this.introduce(log)),
      Effect.raceFirst(daily, this.renewed.await)
    )
    return Effect.forever(Effect.andThen(untilRenewed, this.renewed.close))
  }

  /** Waits for a day, or for the end of the certificate if that comes first; where there is none, for ever. */
  private get nextLook(): Effect.Effect<void> {
    const own = this.proof.credentials?.own
    if (own === undefined) return Effect.never
    return Effect.flatMap(Clock.currentTimeMillis, (now) => {
      const leftMillis = own.validToMillis - now
      return Effect.sleep(leftMillis > 0 ? Math.min(leftMillis, dayMillis) : dayMillis)
    })
  }

  /** What does not change as time passes. */
  private introduce(log: NodeLog): void {
    const { credentials, identity } = this.proof
    if (credentials === undefined && identity.secrets.length === 0) {
      log.warn("this node has neither a secret nor a certificate: nobody can connect to it")
    }
    if (this.isWithoutTlsNow) {
      log.warn("this node has no certificate any more: it lets in whoever knows the secret, without TLS")
    }
    if (credentials !== undefined && isWithoutTls(identity.authAccept)) {
      log.warn("this node has a certificate, and lets others in without TLS: authAccept says so")
    }
  }

  private complain(log: NodeLog, now: number): void {
    const { credentials } = this.proof
    if (credentials === undefined) return
    const { own, trusted } = credentials
    if (hasEnded(own, now)) {
      log.error(
        `the certificate of this node ended on ${lastDay(own)}: nobody lets it in any more, but links that stand stay`
      )
    } else if (own.validToMillis - now < soonMillis) {
      log.warn(`the certificate of this node is valid until ${lastDay(own)}: it needs a new one`)
    }
    if (now < own.validFromMillis) log.warn("the certificate of this node is not valid yet: is the clock right?")
    for (const ended of trusted.filter((certificate) => hasEnded(certificate, now))) {
      log.warn(`a certificate that this node trusts has ended: ${ended.subject}, ${lastDay(ended)}`)
    }
  }
}
