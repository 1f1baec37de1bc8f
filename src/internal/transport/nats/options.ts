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
  readonly servers: Array<string>
  readonly user?: string
  readonly pass?: string
  readonly token?: string
  readonly tls?: NatsTls
  readonly name: string
  readonly maxReconnectAttempts: number
  readonly ignoreAuthErrorAbort: boolean
  readonly reconnectTimeWait: number
  readonly reconnectJitter: number
  readonly reconnectJitterTLS: number
  readonly pingInterval: number
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
  readonly info?: { readonly max_payload: number }
  publish(subject: string, data: Uint8Array, options?: { readonly reply: string }): void
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: NatsMessage) => void }
  ): { unsubscribe(): void }
  flush(): Promise<void>
  status(): AsyncIterable<NatsStatus>
  drain(): Promise<void>
  close(): Promise<void>
}
