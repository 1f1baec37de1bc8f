/**
 * What a transport over NATS is made with, and what it needs of a client: types alone, which are those of `@nats-io/transport-node` as far as
 * they are needed. So programs can be compiled without that package.
 *
 * @internal
 */

/** Documented as `Transport.NatsOptions`. */
export interface NatsOptions {
  /** `nats://host:4222`, `nats://user:pass@host`, `nats://token@host`, `tls://host`; several of one cluster. Default: `nats://127.0.0.1:4222`. */
  readonly servers?: string | ReadonlyArray<string> | undefined
  /** Networks of one server that know nothing of each other. Letters, digits, `_` and `-`. Default: `default`. */
  readonly network?: string | undefined
  /** The path of a file of credentials (`.creds`). */
  readonly credentials?: string | undefined
  /** TLS with the server: paths of PEM files, which may all be missing. `tls://host` means it too. */
  readonly tls?: NatsTls | undefined
  /** Connects in another way; `credentials` are its own business then. */
  readonly connect?: ((options: NatsConnectOptions) => Promise<NatsClient>) | undefined
}

/** Paths of PEM files. */
export interface NatsTls {
  readonly caFile?: string
  readonly certFile?: string
  readonly keyFile?: string
}

/** Documented as `Transport.NatsConnectOptions`. */
export interface NatsConnectOptions {
  /** `host:port` of each. */
  readonly servers: Array<string>
  /** Who logs in, if the servers are named with that. */
  readonly user?: string
  /** The password of the user. */
  readonly pass?: string
  /** What is logged in with in place of a user. */
  readonly token?: string
  /** Asks for TLS. */
  readonly tls?: NatsTls
  /** How the server shows this client. */
  readonly name: string
  /** -1: without end. */
  readonly maxReconnectAttempts: number
  /** Tries again although the login was refused: it was good once. */
  readonly ignoreAuthErrorAbort: boolean
  /** Milliseconds from one attempt to the next. */
  readonly reconnectTimeWait: number
  /** So many more milliseconds at most, by chance. */
  readonly reconnectJitter: number
  /** The same over TLS. */
  readonly reconnectJitterTLS: number
  /** Milliseconds after which the server is asked whether it is there. */
  readonly pingInterval: number
  /** Milliseconds for one attempt. */
  readonly timeout: number
}

/** What is read of a message. */
export interface NatsMessage {
  readonly subject: string
  readonly data: Uint8Array
  readonly headers?: { readonly code: number }
}

/** What is read of what a client says of its connection. */
export interface NatsStatus {
  readonly type: string
  readonly error?: unknown
}

/** Documented as `Transport.NatsClient`. */
export interface NatsClient {
  /** What the server has said of itself: how many bytes a message may have. */
  readonly info?: { readonly max_payload: number }
  /** Sends a message; what nobody listens for is answered to `reply`. */
  publish(subject: string, data: Uint8Array, options?: { readonly reply: string }): void
  /** Calls back for each message, or with the error if the server forbids it. */
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: NatsMessage) => void }
  ): { unsubscribe(): void }
  /** Ends when the server has answered to all that was sent. */
  flush(): Promise<void>
  /** What happens to the connection: `disconnect`, `reconnect`, `error`. It ends with the client. */
  status(): AsyncIterable<NatsStatus>
  /** Sends what waits, then closes. */
  drain(): Promise<void>
  /** Closes at once, and for good. */
  close(): Promise<void>
}
